"""Where a database is and which dialect it speaks, from the settings; passwords only ever by reference."""

from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets
from toolgate.rules import references
from toolgate.upstreams.sql.settings import Settings

Name = Literal["sqlite", "postgres", "mysql"]

_SCHEMES: dict[str, Name] = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}
_PORTS = {"postgres": 5432, "mysql": 3306}
_FORMS = (
    "expected postgresql://HOST/DATABASE, mysql://HOST/DATABASE, sqlite:///FILE, or a reference to one "
    "(env:NAME, file:PATH)"
)
_OPTIONS = {
    "postgres": ("sslmode", "host", "port"),
    "mysql": ("unix_socket", "ssl"),
}


class Location(msgspec.Struct, frozen=True):
    """`file` for SQLite; the rest for a server. `options` are those of the URL. Its repr holds no password."""

    dialect: Name
    file: Path | None = None
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    password: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Location({self.label!r})"

    @property
    def label(self) -> str:
        """For people: where it is, without user and password."""
        if self.file is not None:
            return self.file.name
        return f"{self.dialect} database {self.database or '(default)'} at {self.host or 'localhost'}"


def located(settings: Settings, secrets: Secrets) -> Location:
    """Raises ConfigError, which never repeats a password."""
    if settings.path is not None:
        return Location("sqlite", Path(settings.path))
    assert settings.database is not None
    found = read(settings.database, "database", secrets)
    user = found.user or settings.user or ""
    password = found.password
    if settings.password is not None:
        if password:
            raise ConfigError(("password: the URL has one already: leave one of them out",))
        password = secrets.resolve(settings.password)
    return msgspec.structs.replace(found, user=user, password=password)


def writing(settings: Settings, reader: Location, secrets: Secrets) -> Location:
    """Where named queries with an effect go: the reader's place, unless another is given."""
    if settings.writer is None:
        return reader
    found = read(settings.writer, "writer", secrets)
    if found.dialect != reader.dialect:
        raise ConfigError(("writer: is another kind of database than `database`",))
    return found


def read(text: str, field: str, secrets: Secrets) -> Location:
    """A URL, or a reference to one. One that is written out must hold no password."""
    reference = references.find(text)
    if reference is not None:
        return _parsed(secrets.resolve(text).strip(), str(reference))
    found = _parsed(text, field)
    if found.password:
        raise ConfigError(
            (f"{field}: holds a password: put the URL into the environment or a file: env:NAME, file:PATH",)
        )
    return found


def _parsed(url: str, origin: str) -> Location:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError((f"{origin}: is not a URL: {_FORMS}",)) from None
    dialect = _SCHEMES.get(parts.scheme.partition("+")[0])
    if dialect is None or "://" not in url:
        raise ConfigError((f"{origin}: {_FORMS}",))
    if dialect == "sqlite":
        return _file(parts, origin)
    options = dict(parse_qsl(parts.query))
    unknown = sorted(set(options) - set(_OPTIONS[dialect]))
    if unknown:
        raise ConfigError((f"{origin}: the parameter {unknown[0]!r} is not known: {', '.join(_OPTIONS[dialect])} are",))
    return Location(
        dialect,
        None,
        options.get("host") or parts.hostname or "",
        port or int(options.get("port", "0") or 0) or _PORTS[dialect],
        unquote(parts.path.removeprefix("/")),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        tuple(sorted((name, value) for name, value in options.items() if name not in ("host", "port"))),
    )


def _file(parts: SplitResult, origin: str) -> Location:
    """`sqlite:///relative` and `sqlite:////absolute`, as SQLAlchemy writes them."""
    if parts.netloc or len(parts.path) < 2:
        raise ConfigError((f"{origin}: names no file: write sqlite:///sales.db, or sqlite:////srv/sales.db",))
    return Location("sqlite", Path(unquote(parts.path[1:])))
