"""The one definition of Windsock's schema, and the way to it: settings, credentials, engine, tables, migrations."""
