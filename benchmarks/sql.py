"""The database server: `python -m benchmarks.sql`, from the root of the repository, on Linux with two cores.

A row by its primary key, through the whole line over HTTP: key, policy, records and the log line of each call included.
By a named query with a value of its own for every call, and by a free query, whose text is the same for every call, so
that the parser has seen it. The gateway runs on one core; clients and PostgreSQL on the other.
"""

import argparse
import asyncio
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.calling import Load, request, window
from benchmarks.processes import Placement, started, wait_for_port
from tests.databases.mariadb import MariaDB
from tests.databases.mariadb import programs as mariadb_programs
from tests.databases.postgres import Postgres, wheel
from tests.free_port import free_port

CUSTOMERS = 100_000
PROGRAM = ("-c", "import sys; from toolgate.cli.main import main; sys.exit(main())")
TABLE = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80), segment VARCHAR(20))"
PASSWORD = "benchmark"
QUERY = {
    "description": "One customer by number.",
    "sql": "SELECT id, name, segment FROM customers WHERE id = :customer_id",
    "parameters": {"customer_id": {"type": "integer"}},
    "returns": "row",
}
FREE = "SELECT id, name, segment FROM customers WHERE id = 4711"


def sqlite_place(directory: Path) -> dict[str, Any]:
    file = directory / "sales.db"
    raw = sqlite3.connect(file)
    with raw:
        raw.execute(TABLE)
        rows = ((number, f"Customer {number}", "gold") for number in range(CUSTOMERS))
        raw.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
    raw.close()
    return {"path": str(file)}


def postgres_place(server: Postgres, directory: Path) -> dict[str, Any]:
    fill = f"INSERT INTO customers SELECT g, 'Customer ' || g, 'gold' FROM generate_series(0, {CUSTOMERS - 1}) g"
    asyncio.run(
        server.run(
            TABLE,
            fill,
            f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
            "GRANT SELECT ON customers TO reader",
            "ANALYZE",
        )
    )
    return {"database": reference(directory, "postgres", server.remote_url("postgres", "reader", PASSWORD))}


def mariadb_place(server: MariaDB, directory: Path) -> dict[str, Any]:
    fill = f"INSERT INTO sales.customers SELECT seq, CONCAT('Customer ', seq), 'gold' FROM seq_0_to_{CUSTOMERS - 1}"
    table = TABLE.replace("customers", "sales.customers", 1)
    statements = (
        "CREATE DATABASE sales", table, fill.replace("FROM seq", "FROM sales.seq"),
        f"CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'", "GRANT SELECT ON sales.* TO reader@'%'",
    )  # fmt: skip
    asyncio.run(server.run(*statements))
    return {"database": reference(directory, "mariadb", server.url("sales", "reader", PASSWORD))}


def reference(directory: Path, name: str, url: str) -> str:
    file = directory / f"{name}.url"
    file.touch(0o600)
    file.write_text(url)
    return f"file:{file}"


def cases(port: int, key: str, server: str) -> dict[str, list[tuple[bytes, bytes]]]:
    named = [
        (
            request(port, key, server, "get_customer_by_id", {"customer_id": number}),
            f"Customer {number}".encode(),
        )
        for number in range(0, CUSTOMERS, CUSTOMERS // 1600)
    ]
    free = [(request(port, key, server, "run_sql_query", {"sql": FREE}), b"Customer 4711")]
    return {f"{server}, a named query": named, f"{server}, a free query": free}


def measure(directory: Path, places: dict[str, dict[str, Any]], rounds: int, seconds: float) -> None:
    port, data = free_port(), directory / "data"
    declared = {
        "version": 1,
        "servers": {
            name: {"kind": "sql", "pool": 8, **where, "queries": {"get_customer_by_id": QUERY}}
            for name, where in places.items()
        },
        "grants": [{"key": "local", "allow": {"servers": ["*"], "tools": ["*"]}}],
    }
    (directory / "toolgate.yaml").write_text(yaml.safe_dump(declared))
    command = [sys.executable, *PROGRAM, "up", "--config", str(directory / "toolgate.yaml")]
    command += ["--data-dir", str(data), "--port", str(port)]
    with started("gateway", command, Placement(0), directory) as gateway:
        wait_for_port(gateway, port)
        key = (data / "local.key").read_text().strip()
        listed = {case: sent for name in places for case, sent in cases(port, key, name).items()}
        found: dict[str, list[Load]] = {case: [] for case in listed}
        for number in range(rounds + 1):
            for case, sent in listed.items():
                result = window(gateway, port, sent, seconds)
                if number:  # the first is for warming up
                    found[case].append(result)
    print("| a row by its primary key | calls/s | CPU µs/call |\n| --- | --: | --: |")
    for case, results in found.items():
        speed = statistics.median(load.calls / load.seconds for load in results)
        cost = statistics.median(load.cpu_us / load.calls for load in results)
        print(f"| {case} | {speed:,.0f} | {cost:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    os.sched_setaffinity(0, {1})
    directory = Path(tempfile.mkdtemp(prefix="tgsql-"))
    servers: list[Postgres | MariaDB] = []
    try:
        places = {"sqlite": sqlite_place(directory)}
        programs, maria = wheel(), mariadb_programs()
        if programs is not None:
            postgres = Postgres(programs)
            servers.append(postgres)
            postgres.make()
            places["postgresql"] = postgres_place(postgres, directory)
        if maria is not None:
            mariadb = MariaDB(*maria)
            servers.append(mariadb)
            mariadb.make()
            places["mariadb"] = mariadb_place(mariadb, directory)
        measure(directory, places, given.rounds, given.seconds)
    finally:
        for server in servers:
            server.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
