"""What `toolgate.yaml` may say of a gRPC server."""

import re
from typing import Annotated

import msgspec

_TARGET = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}")
_KEY = re.compile(r"[a-z0-9_.-]{1,100}")


def split(target: str) -> tuple[str, int]:
    """Host without brackets, and port. Raises ValueError."""
    host, _, port = target.rpartition(":")
    if not _TARGET.fullmatch(target) or not 0 < int(port) < 65536:
        raise ValueError("target: must be HOST:PORT, as shop.example:443 or [::1]:50051")
    return host.strip("[]"), int(port)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`target` is HOST:PORT. `tls` false speaks in plain text; `ca_file` is a PEM bundle to trust instead of the ones
    that the library brings.

    `methods` are globs over `package.Service/Method`, `services` over `package.Service`: what is to be offered, nothing
    unless given. `metadata` is sent with every call, secrets by reference. `descriptions` are by
    `package.Service/Method`, since a server does not tell its comments; `read_only` are globs over the methods that
    only read. `result_bytes` is the most bytes of one result.
    """

    target: str
    tls: bool = True
    ca_file: str | None = None
    methods: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    read_only: tuple[str, ...] = ()
    result_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1_000_000)] = 48_000

    def __post_init__(self) -> None:
        split(self.target)
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file: is for TLS, and `tls` is false")
        for key in self.metadata:
            if not _KEY.fullmatch(key) or key.startswith("grpc-") or key.endswith("-bin"):
                raise ValueError(
                    f"metadata: {key[:60]!r} is no name of a text: a-z, 0-9, _ . -; not grpc-* and not *-bin"
                )
