"""SQLite, PostgreSQL, MySQL and MariaDB as servers.

    sales: {kind: sql, database: env:SALES_URL}

Models see the schema and run queries that cannot write; what the operator writes down as a named query is a tool of its
own, and only such may change anything. Free queries pass a parser that allows what is known, a transaction that cannot
write, a role that may not, and limits; each of these stands alone where another fails.
"""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import ConfigError
from toolgate.ports import Toolbox, Upstream
from toolgate.upstreams.sql import speech
from toolgate.upstreams.sql.database import Database
from toolgate.upstreams.sql.dialects.mysql import MysqlDatabase
from toolgate.upstreams.sql.dialects.postgres import PostgresDatabase, Tuning
from toolgate.upstreams.sql.dialects.sqlite import SqliteDatabase
from toolgate.upstreams.sql.location import Location, located, writing
from toolgate.upstreams.sql.server import SqlServer
from toolgate.upstreams.sql.settings import Settings as Settings

SHARING: Sharing = "all"

_SPEECH = {"sqlite": speech.SQLITE, "postgres": speech.POSTGRES, "mysql": speech.MYSQL}


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Connects to nothing before the first use. Raises ConfigError for a URL that is none, a secret that is not there,
    and a driver that is not installed."""
    try:
        reader = located(settings, toolbox.secrets)
        writer = writing(settings, reader, toolbox.secrets)
    except ConfigError as error:
        raise ConfigError(tuple(f"server {spec.name}: {finding}" for finding in error.findings)) from None
    server = SqlServer(spec, settings, _database(spec, settings, reader, writer), _SPEECH[reader.dialect])
    try:
        yield server
    finally:
        await server.close()


def _database(spec: ServerSpec, settings: Settings, reader: Location, writer: Location) -> Database:
    if reader.file is not None:
        return SqliteDatabase(spec.name, reader.file, settings.pool, immutable=settings.immutable)
    tls = None if settings.ca_file is None else ssl.create_default_context(cafile=settings.ca_file)
    if reader.dialect == "mysql":
        return MysqlDatabase(spec.name, reader, writer, settings.pool, settings.statement_timeout, tls)
    tuning = Tuning(settings.pool, settings.statement_timeout, settings.schemas, tls)
    return PostgresDatabase(spec.name, reader, writer, tuning)
