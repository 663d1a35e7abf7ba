"""`server.json` (schema 2025-12-11), the description of one server in an MCP registry, as values.

What is not known is passed over; what is known has its type, or the description cannot be read. Source: the schema of
the official registry, and its OpenAPI document of 2025-12-01.
"""

from typing import Any, cast

import msgspec

from toolgate.model.errors import ToolgateError
from toolgate.rules import registry_names

OFFICIAL = "io.modelcontextprotocol.registry/official"

_MOST_LISTED = 100


class NoServerJson(ToolgateError):
    """This is no `server.json` that can be read. The message says why."""


class Value(msgspec.Struct, frozen=True, rename="camel"):
    """One value that somebody gives. With a `value` nobody is asked; `{name}` in it stands for one of `variables`."""

    description: str = ""
    value: str | None = None
    default: str | None = None
    placeholder: str = ""
    is_required: bool = False
    is_secret: bool = False
    variables: dict[str, "Value"] = {}


class Named(Value, frozen=True, rename="camel", kw_only=True):
    """A header, or a variable of the environment."""

    name: str


class Argument(Value, frozen=True, rename="camel", kw_only=True):
    """A word of a command line; a `named` one comes after its name (`--port`)."""

    type: str
    name: str = ""
    value_hint: str = ""
    is_repeated: bool = False


class Transport(msgspec.Struct, frozen=True, rename="camel"):
    """`type` is stdio, streamable-http or sse."""

    type: str
    url: str = ""
    headers: list[Named] = []
    variables: dict[str, Value] = {}


class Package(msgspec.Struct, frozen=True, rename="camel"):
    registry_type: str
    identifier: str
    transport: Transport = Transport("stdio")
    version: str = ""
    registry_base_url: str = ""
    file_sha256: str = ""
    runtime_hint: str = ""
    runtime_arguments: list[Argument] = []
    package_arguments: list[Argument] = []
    environment_variables: list[Named] = []


class Repository(msgspec.Struct, frozen=True):
    url: str = ""


class ServerJson(msgspec.Struct, frozen=True, rename="camel"):
    """`name` is `namespace/name`."""

    name: str
    version: str
    description: str = ""
    packages: list[Package] = []
    remotes: list[Transport] = []
    repository: Repository = Repository()

    @property
    def own(self) -> str:
        """The name without the namespace."""
        return self.name.partition("/")[2]


class Official(msgspec.Struct, frozen=True, rename="camel"):
    """What the registry says of an entry."""

    status: str = "active"
    status_message: str = ""


class Listed(msgspec.Struct, frozen=True):
    """One entry of a registry."""

    server: ServerJson
    official: Official = Official()


def is_server_json(value: Any) -> bool:
    """Whether a JSON value is meant as one: no client's file has these members at the top."""
    members = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    is_one = isinstance(members.get("name"), str) and ("packages" in members or "remotes" in members)
    return is_one or isinstance(members.get("server"), dict)


def read(value: Any) -> Listed:
    """A `server.json`, or one in the envelope that registries put around it. Raises NoServerJson."""
    members = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    inner = members.get("server", members)
    meta = members.get("_meta")
    official: Any = cast("dict[str, Any]", meta).get(OFFICIAL, {}) if isinstance(meta, dict) else {}
    try:
        server = msgspec.convert(inner, ServerJson)
        stamp = msgspec.convert(official, Official)
    except msgspec.ValidationError as error:
        raise NoServerJson(f"not a server.json of 2025-12-11 or later: {error}") from None
    if len(server.name) > 200 or not registry_names.FULL.fullmatch(server.name):
        raise NoServerJson("its `name` is not of the form com.example/name")
    return Listed(server, stamp)


def read_list(value: Any) -> tuple[list[Any], str | None]:
    """The entries of a registry's page, not read yet, and its cursor. Raises NoServerJson."""
    members = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    entries = members.get("servers")
    if not isinstance(entries, list) or len(cast("list[Any]", entries)) > _MOST_LISTED * 10:
        raise NoServerJson("not a list of servers")
    metadata = members.get("metadata")
    cursor = cast("dict[str, Any]", metadata).get("nextCursor") if isinstance(metadata, dict) else None
    return cast("list[Any]", entries), cursor if isinstance(cursor, str) and cursor else None
