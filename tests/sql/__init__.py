"""The kind `sql`, on real SQLite, PostgreSQL and MariaDB."""
