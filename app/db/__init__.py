"""The database: session, tables, constraints, migrations, sequences, audit log, rotation of keys."""
