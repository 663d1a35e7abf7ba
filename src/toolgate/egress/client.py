"""`HttpClient`: the one way out over HTTP. It makes routes; a route keeps the connections of one origin."""

import re
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import urlsplit

from toolgate.egress.dialling import Destination
from toolgate.egress.pool import Route
from toolgate.egress.trust import Trust
from toolgate.model.errors import ConfigError

CONNECT_TIMEOUT = 10.0  # seconds, resolution and TLS handshake included
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")


class HttpClient:
    """Implements the port `Http`. No proxy variables are read and no redirect is followed."""

    def __init__(self, *, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._connect_timeout = connect_timeout
        self._trust = Trust()

    def route(
        self, origin: str, /, *, server: str, limit: int, ca_file: Path | None = None, private: bool = True
    ) -> Route:
        """See the port. Raises ConfigError for what is no origin, and for a `ca_file` that cannot be used."""
        scheme, host, port = _split(origin, server)
        context = self._trust.context(ca_file) if scheme == "https" else None
        name = f"[{host}]" if ":" in host else host
        header = name if port == _PORTS[scheme] else f"{name}:{port}"
        return Route(Destination(server, host, port, context, private, self._connect_timeout), header, limit)


def _split(origin: str, server: str) -> tuple[str, str, int]:
    """Scheme, host without brackets, port. The origin itself is not repeated in errors: it may hold a password."""
    try:
        parts = urlsplit(origin)
        port = parts.port
        host = parts.hostname or ""
        if ":" in host:
            address = IPv6Address(host)
            if address.scope_id is not None:
                raise _bad(server, "its address is bound to one network interface")
            host = str(address)
    except ValueError as error:
        raise _bad(server, "it is malformed") from error
    if parts.scheme not in _PORTS:
        raise _bad(server, "its scheme is neither http nor https")
    if "@" in parts.netloc:
        raise _bad(server, "it holds a user name or password; give credentials as a secret instead")
    if parts.path not in ("", "/") or "?" in origin or "#" in origin:
        raise _bad(server, "it has a path or query")
    if ":" not in host and _HOST.fullmatch(host) is None:
        raise _bad(server, "its host name is empty or not plain ASCII; write an international name as xn--…")
    if port == 0:
        raise _bad(server, "port 0 cannot be dialled")
    return parts.scheme, host, port or _PORTS[parts.scheme]


def _bad(server: str, why: str) -> ConfigError:
    return ConfigError((f"server {server!r}: its origin must be scheme://host[:port], but {why}",))
