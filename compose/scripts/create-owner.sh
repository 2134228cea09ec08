#!/bin/sh
# Run once by the image of PostgreSQL, when the cluster has just been made: the role that owns the database. It may
# create the roles of the API and the worker, and is no superuser. The superuser loses its password, and so can log in
# only from inside the container.
set -eu

psql --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" --no-password --no-psqlrc --quiet \
  --set ON_ERROR_STOP=1 << 'SQL'
\getenv database POSTGRES_DB
\set password `cat "$POSTGRES_PASSWORD_FILE"`
CREATE ROLE windsock_owner LOGIN CREATEROLE PASSWORD :'password';
ALTER DATABASE :"database" OWNER TO windsock_owner;
ALTER ROLE CURRENT_USER PASSWORD NULL;
SQL
