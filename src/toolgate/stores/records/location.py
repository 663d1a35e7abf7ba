"""Where records live, from what the operator says."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets
from toolgate.rules import references

POSTGRES = ("postgresql", "postgres")
_FORMS = "expected postgresql://HOST/DATABASE, sqlite:///PATH, or a reference to one (env:NAME, file:PATH)"


def locate(database: str | None, secrets: Secrets, default: Path) -> Path | str:
    """The file of SQLite, or the URL of PostgreSQL. Raises ConfigError, which never repeats a password."""
    if database is None:
        return default
    reference = references.find(database)
    if reference is not None:
        return _parsed(secrets.resolve(database).strip(), str(reference))
    found = _parsed(database, "database")
    if _holds_password(database):
        raise ConfigError(
            ("database: holds a password: put the URL into the environment or a file, and write env:NAME or file:PATH",)
        )
    return found


def _parsed(url: str, origin: str) -> Path | str:
    try:
        parts = urlsplit(url)
        _ = parts.port if "," not in parts.netloc else None
    except ValueError:
        raise ConfigError((f"{origin}: is not a URL: {_FORMS}",)) from None
    if parts.scheme == "sqlite":
        path = Path(unquote(parts.path.removeprefix("/")))
        if parts.netloc or not path.is_absolute():
            raise ConfigError((f"{origin}: names no absolute path: write sqlite:////data/records.db",))
        return path
    # SQLAlchemy's way to name a driver is understood too.
    scheme, _, driver = parts.scheme.partition("+")
    if scheme not in POSTGRES or driver not in {"", "asyncpg"} or "://" not in url:
        raise ConfigError((f"{origin}: {_FORMS}",))
    return f"postgresql://{url.partition('://')[2]}"


def _holds_password(url: str) -> bool:
    parts = urlsplit(url)
    return ":" in parts.netloc.rpartition("@")[0] or "password" in parse_qs(parts.query)
