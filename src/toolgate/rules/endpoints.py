"""Where a remote server is: its origin, and the path of its endpoint there."""

from urllib.parse import quote, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
# Everything that RFC 3986 allows in a path, and what is encoded already.
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?"


REMOTE = "it must begin with http:// or https:// and name a host"


def is_remote(url: str) -> bool:
    """Whether it can be the URL of a server: http or https, with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def split(url: str) -> tuple[str, str]:
    """(origin, path with query). Raises ValueError, saying why, for what is no http or https URL, or holds credentials;
    the text does not repeat the URL, which may hold some."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(REMOTE)
    if "@" in parts.netloc:
        raise ValueError("it holds credentials; put them into `headers` as a reference (env:NAME or file:PATH)")
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    origin = f"{parts.scheme}://{parts.netloc}"
    return origin, f"{path}?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else path


def follow(url: str, reference: str) -> str:
    """The path with query that `reference`, given by the server at `url`, leads to. Raises ValueError when it leads to
    another origin: a server may not send our credentials elsewhere."""
    base, target = urlsplit(url), urlsplit(urljoin(url, reference))
    if _origin(base.scheme, base.hostname, base.port) != _origin(target.scheme, target.hostname, target.port):
        raise ValueError("it leads to another origin")
    return split(target.geturl())[1]


def _origin(scheme: str, host: str | None, port: int | None) -> tuple[str, str | None, int | None]:
    return scheme, host, port or _PORTS.get(scheme)
