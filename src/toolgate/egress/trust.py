"""TLS contexts for outgoing connections: one per trust setting, made once (making one costs milliseconds)."""

import ssl
from pathlib import Path

from toolgate.model.errors import ConfigError


class Trust:
    """Hands out client contexts: the system's authorities, or only those of a given file.

    A file is known by path and modification time: a route made after the file was replaced trusts the new content.
    """

    def __init__(self) -> None:
        self._contexts: dict[tuple[Path, int] | None, ssl.SSLContext] = {}

    def context(self, ca_file: Path | None, /) -> ssl.SSLContext:
        """Certificate and host name are always checked, TLS 1.2 at least. Raises ConfigError for a bad `ca_file`."""
        try:
            key = None if ca_file is None else (ca_file, ca_file.stat().st_mtime_ns)
            context = self._contexts.get(key)
            if context is None:
                context = self._contexts[key] = _make(ca_file)
        except OSError as error:  # ssl.SSLError is one
            reason = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            raise ConfigError((f"ca_file {ca_file}: {reason}; name a readable PEM file of authorities",)) from error
        return context


def _make(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
