"""Where a server is: its origin, and the path of its endpoint."""

from urllib.parse import quote, urlsplit

from toolgate.model.errors import ConfigError


def place(url: str) -> tuple[str, str]:
    """(origin, path with query). Raises ConfigError for what is no http or https URL, or holds credentials."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError((f"url: {url[:100]!r} must begin with http:// or https:// and name a host",))
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            ("url: it holds credentials; put them into `headers` as a reference (env:NAME or file:PATH)",)
        )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
    return f"{parts.scheme}://{parts.netloc}", f"{path}?{parts.query}" if parts.query else path
