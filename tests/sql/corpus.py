"""Attempts to change something, to read what is not the caller's, or to wear the database out, by a free query.

`FOLDER` and `CANARY_FILE` stand for the folder and file outside that a database's process could reach. An attempt whose
`kind` is `cost` is legal SQL that may be run: it must end within its limits. All others must be refused by the parser,
and must do no harm where the parser is left out, but for those of kind `parser`, which only the parser can stop: the
database itself cannot be interrupted in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

SQLITE, POSTGRES, MYSQL = "sqlite", "postgres", "mysql"
ALL = (SQLITE, POSTGRES, MYSQL)
Kind = Literal["harm", "cost", "parser"]


@dataclass(frozen=True)
class Attempt:
    dialect: str
    sql: str
    kind: Kind = "harm"

    @property
    def id(self) -> str:
        return f"{self.dialect}: {self.sql[:70]}"


_EVERYWHERE = (
    # writes, plain and in disguise
    "INSERT INTO orders (id, customer_id, amount) VALUES (98, 1, 1)",
    "UPDATE orders SET amount = 0",
    "DELETE FROM orders",
    "DROP TABLE orders",
    "CREATE TABLE taken AS SELECT * FROM orders",
    "ALTER TABLE orders ADD COLUMN x INTEGER",
    "CREATE INDEX x ON orders (rep)",
    "CREATE VIEW v AS SELECT * FROM vault",
    # several statements at once
    "SELECT 1; DROP TABLE orders",
    "SELECT 1; DELETE FROM orders; SELECT 1",
    "SELECT 1;;DELETE FROM orders",
    "SELECT ';'; DELETE FROM orders -- '",
    "COMMIT; DELETE FROM orders",
    "ROLLBACK; DELETE FROM orders",
    "SELECT 1 /* ; */; DELETE FROM orders",
    "; DELETE FROM orders",
    # the transaction
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "BEGIN",
    # what is not the caller's
    "SELECT * FROM vault",
    "SELECT secret FROM main.vault",
    "SELECT * FROM (SELECT * FROM vault) AS v",
    "WITH v AS (SELECT * FROM vault) SELECT * FROM v",
    "SELECT (SELECT secret FROM vault LIMIT 1)",
    "SELECT 1 FROM orders WHERE EXISTS (SELECT 1 FROM vault WHERE secret LIKE 'c%')",
    "SELECT id FROM orders UNION SELECT secret FROM vault",
    'SELECT * FROM "vault"',
    "SELECT * FROM VAULT",
    "WITH vault AS (SELECT * FROM vault) SELECT * FROM vault",
    "WITH a AS (SELECT * FROM vault), vault AS (SELECT 1 AS secret) SELECT * FROM a",
    "SELECT * FROM information_schema.tables",
    # commands
    "EXPLAIN SELECT 1",
    "ANALYZE orders",
    "VALUES (1)",
    "TABLE vault",
    "SHOW TABLES",
    "SET x = 1",
    "",
    "-- nothing but a comment",
    "SELECT 1 \0; DELETE FROM orders",
    # what the parser must not choke on
    "SELECT " + "(" * 300 + "1" + ")" * 300,
    "SELECT " + "[" * 40 + "1" + "]" * 40,
    "SELECT " + "{" * 40 + "1" + "}" * 40,
    "SELECT " + "1 + " * 4000 + "1",
    "SELECT " + "NOT " * 3000 + "1",
    "SELECT 1" + " UNION SELECT 1" * 3000,
    "SELECT '" + "x" * 20_000 + "'",
    "SELECT " + "STRUCT(" * 30 + "1" + ")" * 30,
    "SELECT " + "ARRAY[" * 20 + "1" + "]" * 20,
    "SELECT CAST(a AS " + "a." * 3000,
    "SELECT 1::" + "a." * 3000 + "a",
    "SELECT " + "a." * 3000 + "a",
    'SELECT "' + "'" * 50,
)
_REPLACING = "'a'"
for _old, _new in pairwise("abcde"):
    _REPLACING = f"REPLACE({_REPLACING}, '{_old}', '{_new * 60}')"
_REPLACING = f"SELECT {_REPLACING}".replace("'a', 'a'", f"'{'a' * 60}', 'a'")
_COSTS_EVERYWHERE = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
    "SELECT COUNT(*) FROM " + " CROSS JOIN ".join(f"customers c{place}" for place in range(22)),
    "SELECT a.id FROM "
    + " CROSS JOIN ".join(["customers a", *(f"customers c{place}" for place in range(22))])
    + " ORDER BY 1",
)

_POSTGRES = (
    # data changed inside a query
    "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d",
    "WITH d AS (INSERT INTO orders VALUES (97, 1, 1) RETURNING id) SELECT id FROM d",
    "WITH d AS (UPDATE orders SET amount = 0 RETURNING id) SELECT id FROM d",
    "WITH a AS (SELECT 1), d AS (DELETE FROM orders RETURNING id) SELECT * FROM a, d",
    "SELECT * FROM (WITH d AS (DELETE FROM orders RETURNING id) SELECT * FROM d) x",
    "SELECT * INTO taken FROM orders",
    "SELECT * INTO TEMP taken FROM orders",
    "SELECT * FROM orders FOR UPDATE",
    "SELECT * FROM orders FOR SHARE",
    "MERGE INTO orders USING customers c ON c.id = orders.id WHEN MATCHED THEN DELETE",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "TRUNCATE orders",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 100)",
    "SELECT touch()",
    "SELECT public.touch()",
    "SELECT * FROM touch()",
    # the transaction and its settings
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET default_transaction_read_only = off",
    "SET statement_timeout = 0",
    "RESET ALL",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('statement_timeout', '0', true)",
    "SELECT set_config('statement_timeout', '0', false), pg_sleep(20)",
    "SELECT set_config('search_path', 'pg_catalog', false)",
    "SELECT pg_catalog.set_config('statement_timeout', '0', false)",
    "SELECT current_setting('data_directory')",
    # files, programs, other servers
    "COPY orders TO 'FOLDER/taken'",
    "COPY (SELECT 1) TO PROGRAM 'touch FOLDER/taken'",
    "COPY orders FROM 'CANARY_FILE'",
    "COPY orders FROM PROGRAM 'cat CANARY_FILE'",
    "COPY orders TO STDOUT",
    "SELECT pg_read_file('CANARY_FILE')",
    "SELECT pg_catalog.pg_read_file('CANARY_FILE')",
    "SELECT pg_read_binary_file('CANARY_FILE')",
    "SELECT pg_ls_dir('FOLDER')",
    "SELECT * FROM pg_ls_dir('.')",
    "SELECT pg_stat_file('CANARY_FILE')",
    "SELECT lo_import('CANARY_FILE')",
    "SELECT lo_export(4711, 'FOLDER/taken')",
    "SELECT lo_create(4712)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_put(4711, 0, 'x')",
    "SELECT lo_unlink(4711)",
    "SELECT lo_get(4711)",
    "SELECT dblink('host=127.0.0.1', 'SELECT 1')",
    "SELECT * FROM dblink('dbname=postgres', 'DELETE FROM orders') AS t (a int)",
    "CREATE EXTENSION dblink",
    "LOAD 'auto_explain'",
    "DO $$ BEGIN DELETE FROM orders; END $$",
    "CALL touch()",
    "PREPARE p AS DELETE FROM orders",
    "EXECUTE p",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM orders",
    "NOTIFY x",
    "LOCK TABLE orders",
    "VACUUM orders",
    "DISCARD ALL",
    "CREATE ROLE intruder SUPERUSER",
    "GRANT ALL ON orders TO reader",
    "ALTER ROLE reader SUPERUSER",
    "ALTER SYSTEM SET log_statement = 'all'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    # queries hidden in functions
    "SELECT query_to_xml('DELETE FROM orders RETURNING *', true, true, '')",
    "SELECT query_to_xml('SELECT * FROM vault', true, true, '')",
    "SELECT table_to_xml('vault', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT * FROM ts_stat('SELECT to_tsvector(secret) FROM vault')",
    "SELECT cursor_to_xml('c', 1, true, true, '')",
    # locks, signals, waits
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock(1)",
    "SELECT pg_advisory_xact_lock(1)",
    "SELECT pg_notify('x', 'y')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT txid_current()",
    "SELECT pg_sleep(20)",
    "SELECT pg_sleep_for('20 seconds')",
    "SELECT 1 FROM orders WHERE (SELECT pg_sleep(20)) IS NULL",
    # the catalogue
    "SELECT * FROM pg_shadow",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_catalog.pg_settings",
    "SELECT usename FROM pg_user",
    "SELECT 'vault'::regclass::oid",
    "WITH pg_shadow AS (SELECT 1) SELECT * FROM pg_shadow",
    "WITH a AS (SELECT * FROM pg_roles), pg_roles AS (SELECT 1) SELECT * FROM a",
    "SELECT * FROM ONLY vault",
    "SELECT * FROM public.vault TABLESAMPLE SYSTEM (100)",
    "SELECT U&'\\0061'",
    "SELECT E'\\x41'",
    "SELECT $$a$$; DELETE FROM orders",
    "SELECT $a$;$a$; DELETE FROM orders --$a$",
    "SELECT 1 OPERATOR(pg_catalog.+) 1",
    "SELECT $1",
    # size
    "SELECT repeat('x', 1000000000)",
    "SELECT lpad('x', 500000000)",
    "SELECT format('%999999999s', 'x')",
)
_COSTS_POSTGRES = (
    "SELECT count(*) FROM generate_series(1, 100000000000)",
    "SELECT string_agg(md5(g::text), '') FROM generate_series(1, 3000000) AS g",
    "SELECT array_agg(g) FROM generate_series(1, 100000000) AS g",
    "SELECT g FROM generate_series(1, 100000000) AS g ORDER BY md5(g::text)",
    "SELECT string_agg('" + "x" * 5000 + "', '') FROM generate_series(1, 2000) AS g",
    "SELECT (SELECT string_agg('" + "x" * 1000 + "', '') FROM generate_series(1, 3000)) FROM generate_series(1, 100)",
    "SELECT regexp_replace('" + "a" * 40 + "b', '(a+)+$', 'x', 'g') FROM generate_series(1, 100)",
    "SELECT 1 WHERE '" + "a" * 5000 + "' ~ '((a*)*)*b'",
    "SELECT power(9.99, 20000), exp(5000.0)",
)

_MYSQL = (
    # comments that the server runs
    "SELECT 1 /*!50000 ; DELETE FROM orders */",
    "SELECT 1 /*! UNION SELECT secret FROM vault */",
    "SELECT 1 /*M! UNION SELECT secret FROM vault */",
    "SELECT /*!99999 1, */ 2 /*!INTO OUTFILE 'FOLDER/taken'*/",
    "/*!50000 DELETE FROM orders */",
    "SELECT 1 /* ! */ /*!00000UNION SELECT user()*/",
    "SELECT /*+ SET_VAR(max_execution_time=0) */ 1",
    # files
    "SELECT * FROM orders INTO OUTFILE 'FOLDER/taken'",
    "SELECT 'x' INTO DUMPFILE 'FOLDER/taken'",
    "SELECT 'x' INTO @a",
    "SELECT id INTO @a FROM orders LIMIT 1",
    "SELECT LOAD_FILE('CANARY_FILE')",
    "LOAD DATA INFILE 'CANARY_FILE' INTO TABLE orders",
    "LOAD DATA LOCAL INFILE 'CANARY_FILE' INTO TABLE customers",
    "LOAD XML LOCAL INFILE 'CANARY_FILE' INTO TABLE customers",
    # session, server, variables
    "SET SESSION TRANSACTION READ WRITE",
    "SET SESSION tx_read_only = 0",
    "SET TRANSACTION READ WRITE",
    "START TRANSACTION READ WRITE",
    "SET GLOBAL general_log = 1",
    "SET SESSION sql_mode = 'ANSI_QUOTES'",
    "SET SESSION max_statement_time = 0",
    "SET STATEMENT max_statement_time = 0 FOR SELECT SLEEP(20)",
    "SET @a = 1",
    "SET PASSWORD = PASSWORD('x')",
    "SELECT @a := 1",
    "SELECT @@datadir",
    "SELECT @@global.secure_file_priv",
    "USE mysql",
    "SELECT * FROM mysql.user",
    "SELECT * FROM mysql.global_priv",
    "SELECT * FROM information_schema.processlist",
    "SHOW GRANTS",
    "SHOW VARIABLES",
    "FLUSH TABLES",
    "FLUSH TABLES WITH READ LOCK",
    "RESET MASTER",
    "KILL 1",
    "SHUTDOWN",
    "INSTALL SONAME 'x'",
    "CREATE USER intruder",
    "GRANT ALL ON *.* TO reader",
    "CREATE TEMPORARY TABLE orders_t AS SELECT 1",
    "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'",
    "REPLACE INTO orders VALUES (10, 1, 0, NULL, NULL)",
    "INSERT INTO orders SELECT * FROM orders ON DUPLICATE KEY UPDATE amount = 0",
    "TRUNCATE TABLE orders",
    "RENAME TABLE orders TO gone",
    "DO SLEEP(20)",
    "DO RELEASE_ALL_LOCKS()",
    "CALL mysql.AddGeometryColumn()",
    "PREPARE p FROM 'DELETE FROM orders'",
    "EXECUTE IMMEDIATE 'DELETE FROM orders'",
    "BEGIN NOT ATOMIC DELETE FROM orders; END",
    "LOCK TABLES orders WRITE",
    "XA START 'x'",
    "ANALYZE FORMAT=JSON SELECT SLEEP(20)",
    "SELECT * FROM orders FOR UPDATE",
    "SELECT * FROM orders LOCK IN SHARE MODE",
    "SELECT * FROM orders PROCEDURE ANALYSE()",
    # waits, locks, sequences
    "SELECT SLEEP(20)",
    "SELECT 1 FROM orders WHERE SLEEP(20)",
    "SELECT 1 FROM orders WHERE 1 = 1 OR (SELECT SLEEP(20))",
    "SELECT BENCHMARK(1000000000, MD5('x'))",
    "SELECT GET_LOCK('held', 20)",
    "SELECT RELEASE_LOCK('held')",
    "SELECT NEXT VALUE FOR numbers",
    "SELECT NEXTVAL(numbers)",
    "SELECT SETVAL(numbers, 100)",
    "SELECT LAST_INSERT_ID(5)",
    "SELECT MASTER_POS_WAIT('x', 1, 20)",
    "SELECT MASTER_GTID_WAIT('0-1-1', 20)",
    # data through errors
    "SELECT EXTRACTVALUE(1, CONCAT(0x7e, (SELECT secret FROM vault)))",
    "SELECT UPDATEXML(1, CONCAT(0x7e, (SELECT secret FROM vault)), 1)",
    "SELECT * FROM (SELECT NAME_CONST('a', 1)) x",
    "SELECT _latin1'a'",
    "SELECT * FROM orders PARTITION (p0)",
    "SELECT * FROM orders USE INDEX (orders_customer)",
    "SELECT * FROM numbers",
    "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$')) t",
    # size
    "SELECT REPEAT('x', 1000000000)",
    "SELECT SPACE(100000000)",
    "SELECT RPAD('x', 100000000, 'y')",
)
_COSTS_MYSQL = (
    "SELECT GROUP_CONCAT(a.name) FROM customers a CROSS JOIN customers b CROSS JOIN customers c CROSS JOIN customers d",
    "SELECT COUNT(*) FROM customers a WHERE '" + "a" * 3000 + "' REGEXP '^(a+)+$b'",
    "SELECT a.name FROM " + " CROSS JOIN ".join(["customers a", *(f"customers c{place}" for place in range(20))]),
)

_SQLITE = (
    "ATTACH DATABASE 'FOLDER/taken.db' AS taken",
    "ATTACH 'CANARY_FILE' AS c",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO 'FOLDER/taken.db'",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = WAL",
    "PRAGMA user_version = 5",
    "PRAGMA table_info(vault)",
    "PRAGMA database_list",
    "PRAGMA temp_store_directory = 'FOLDER'",
    "PRAGMA mmap_size = 1000000000",
    "SELECT * FROM pragma_table_info('vault')",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_user_version",
    "SELECT load_extension('FOLDER/x.so')",
    "SELECT load_extension('x', 'y')",
    "SELECT readfile('CANARY_FILE')",
    "SELECT writefile('FOLDER/taken', 'x')",
    "SELECT edit('x')",
    "SELECT fts3_tokenizer('x')",
    "SELECT * FROM fsdir('FOLDER')",
    "SELECT sql FROM sqlite_master",
    "SELECT * FROM sqlite_schema",
    "SELECT * FROM main.sqlite_master",
    "SELECT * FROM sqlite_stat1",
    "SELECT * FROM temp.sqlite_temp_master",
    "WITH sqlite_master AS (SELECT 1) SELECT * FROM sqlite_master",
    "REINDEX",
    "REPLACE INTO orders (id, customer_id, amount) VALUES (10, 1, 0)",
    "CREATE TEMP TABLE t (a)",
    "CREATE TEMP TRIGGER t AFTER INSERT ON orders BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE t USING fts5(a)",
    "CREATE VIRTUAL TABLE t USING csv(filename='CANARY_FILE')",
    "EXPLAIN QUERY PLAN SELECT * FROM vault",
    "SAVEPOINT x",
    "SELECT randomblob(1000000000)",
    "SELECT zeroblob(1000000000)",
    "SELECT hex(zeroblob(500000000))",
    "SELECT last_insert_rowid(), changes()",
    "SELECT * FROM orders INDEXED BY orders_customer",
    "SELECT ?1",
    "SELECT @a",
)
_COSTS_SQLITE = (
    "SELECT printf('%.*c', 1000000000, 'x')",
    "SELECT printf('%1000000000d', 1)",
    "SELECT group_concat(a.name) FROM customers a, customers b, customers c, customers d, customers e, customers f,"
    " customers g, customers h, customers i, customers j, customers k, customers l, customers m, customers n",
    "SELECT '" + "a" * 900 + "' LIKE '" + "%a" * 400 + "b'",
    "SELECT '" + "a" * 900 + "' GLOB '" + "*a" * 400 + "b'",
    "WITH RECURSIVE n (i) AS (SELECT 'aaaaaaaaaa' UNION ALL SELECT i || i FROM n) SELECT length(i) FROM n",
    "WITH RECURSIVE n (i, s) AS (SELECT 1, 'a' UNION ALL SELECT i + 1, s || s FROM n LIMIT 40)"
    " SELECT max(length(s)) FROM n",
)

_LISTS: tuple[tuple[tuple[str, ...], tuple[str, ...], Kind], ...] = (
    (_EVERYWHERE, ALL, "harm"),
    (_COSTS_EVERYWHERE, ALL, "cost"),
    ((_REPLACING,), (SQLITE, POSTGRES), "cost"),
    ((_REPLACING,), (MYSQL,), "parser"),
    (_POSTGRES, (POSTGRES,), "harm"),
    (_COSTS_POSTGRES, (POSTGRES,), "cost"),
    (_MYSQL, (MYSQL,), "harm"),
    (_COSTS_MYSQL, (MYSQL,), "cost"),
    (_SQLITE, (SQLITE,), "harm"),
    (_COSTS_SQLITE, (SQLITE,), "cost"),
)
ATTEMPTS: tuple[Attempt, ...] = tuple(
    Attempt(dialect, sql, kind) for listed, dialects, kind in _LISTS for sql in listed for dialect in dialects
)
