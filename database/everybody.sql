-- What PostgreSQL gives to everybody, and nobody here needs: run by a superuser when a server of ours is made.
-- Large objects belong to no table, so no right to tables keeps a role from filling the disk with them.
DO $$
DECLARE
    name regprocedure;
BEGIN
    FOR name IN SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'lo\_%' OR proname IN ('loread', 'lowrite'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name);
    END LOOP;
END $$;

-- The server's other databases are for its superuser.
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
