"""What `toolgate.yaml` may say of a connector."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.rules.names import meant
from toolgate.upstreams.connector import inline
from toolgate.upstreams.connector.reading import included, read

Globs = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=1000)], ...], msgspec.Meta(max_length=500)]
_FEW = msgspec.Meta(max_length=100)
"""Each of these is held against all that a connector has, while others wait."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`connector` is the id of one that comes with Toolgate, `path` the folder of one of your own, `definition` one of
    your own as it stands here, whole.

    `auth` chooses among the ways to sign in; the first one unless given. `credentials` are its fields, secrets by
    reference; `token` stands for the field of that name. `tools` are globs. `read_only` offers only tools that read.
    One of your own is read when these are: what is wrong with it is told then.

    `allow` narrows by the connector's constraints, each to globs. `result_bytes` is the most bytes of one result,
    `result_values` the most values that are looked at or made for it. `private` lets the product be in your own
    network. `ca_file` is a PEM bundle to trust instead of the system's.
    """

    connector: str | None = None
    path: str | None = None
    definition: dict[str, Any] | None = None
    auth: str | None = None
    token: str | None = None
    credentials: Annotated[dict[str, str], _FEW] = {}
    variables: Annotated[dict[str, str], _FEW] = {}
    tools: Annotated[Globs, msgspec.Meta(min_length=1)] = ("*",)
    read_only: bool = False
    allow: Annotated[dict[str, Globs], _FEW] = {}
    result_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1_000_000)] = 24_000
    result_values: Annotated[int, msgspec.Meta(ge=10_000, le=100_000_000)] = 1_000_000
    private: bool = False
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.connector, self.path, self.definition)) != 1:
            raise ValueError("give `connector`, the id of one that comes with Toolgate, or `path`, or `definition`")
        known = included()
        if self.connector is not None and self.connector not in known:
            hint = meant(self.connector, known)
            raise ValueError(f"connector {self.connector!r} is not known; known are {', '.join(known)}{hint}")
        if self.token is not None and "token" in self.credentials:
            raise ValueError("`token` stands twice: here and in `credentials`")
        if self.path is not None:
            try:
                read(Path(self.path))
            except ConfigError as error:
                raise ValueError("; ".join(error.findings)) from None
        empty = next((name for name, globs in self.allow.items() if not globs), None)
        if empty is not None:
            raise ValueError(f"allow.{empty} is empty: name what is allowed, or leave it out")

    def flaws(self) -> Sequence[tuple[str, str]]:
        """What is wrong with the definition, as (path within these settings, reason)."""
        return () if self.definition is None else inline.flaws(self.definition)
