"""The built-in demo server: reads nothing, changes nothing, and shows one of everything that a server can offer."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from toolgate import __version__
from toolgate.model.call import Era, Fields, Outbound, Result
from toolgate.model.catalog import Change, Discovery, Offer, OfferKind
from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import UpstreamError
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller, Clock, Toolbox, Upstream
from toolgate.protocol import bridge, jsonrpc
from toolgate.protocol.faults import INVALID_PARAMS
from toolgate.protocol.versions import SERVED

SHARING: Sharing = "all"

ABOUT = "demo://about"
GREETING = "demo://greeting/"
NAMES = ("Ada", "Alan", "Barbara", "Grace", "Linus", "Margaret")
TOPICS = ("eras", "grants", "keys", "records", "virtual servers")

_INFO = msgspec.json.encode({"name": "echo", "title": "Toolgate's demo server", "version": __version__})
_MOST = 2**63
_READ_ONLY = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
_ABOUT_TEXT = "This is the demo server that is built into Toolgate. Its tools read nothing and change nothing."


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class _Echo(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class _Add(msgspec.Struct, forbid_unknown_fields=True):
    a: int | float
    b: int | float


class _Now(msgspec.Struct, forbid_unknown_fields=True):
    zone: str = "UTC"


class _Explain(msgspec.Struct, forbid_unknown_fields=True):
    topic: str


class _Refused(Exception):
    """The arguments are no good; the message tells the model what to change."""


A = TypeVar("A")


def _tool(name: str, title: str, description: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The definition of a tool. Properties with a `default` may be left out."""
    required = [key for key, schema in properties.items() if "default" not in schema]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    annotations = {"title": title, **_READ_ONLY}
    return {
        "name": name, "title": title, "description": description,
        "inputSchema": schema, "annotations": annotations, **more,
    }  # fmt: skip


_SUM = {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}

DEFINITIONS: tuple[tuple[OfferKind, str, dict[str, Any]], ...] = (
    (OfferKind.TOOL, "echo", _tool("echo", "Echo", "Says what it was told.", {"text": {"type": "string"}})),
    (
        OfferKind.TOOL,
        "add",
        _tool(
            "add", "Add two numbers", "The sum of `a` and `b`.",
            {"a": {"type": "number"}, "b": {"type": "number"}}, outputSchema=_SUM,
        ),
    ),
    (
        OfferKind.TOOL,
        "now",
        _tool(
            "now", "Date and time", "The present date and time in a time zone, in ISO 8601.",
            {"zone": {"type": "string", "default": "UTC", "description": "An IANA name, as Europe/Berlin."}},
        ),
    ),
    (
        OfferKind.PROMPT,
        "explain",
        {
            "name": "explain", "title": "Explain Toolgate", "description": "Asks for an explanation of one idea.",
            "arguments": [{"name": "topic", "description": "What to explain.", "required": True}],
        },
    ),
    (OfferKind.RESOURCE, ABOUT, {"uri": ABOUT, "name": "about", "title": "About", "mimeType": "text/plain"}),
    (
        OfferKind.TEMPLATE,
        GREETING + "{name}",
        {"uriTemplate": GREETING + "{name}", "name": "greeting", "title": "A greeting", "mimeType": "text/plain"},
    ),
)  # fmt: skip


def _offers() -> tuple[Offer, ...]:
    return tuple(
        Offer(kind, name, {key: jsonrpc.encode_raw(value) for key, value in definition.items()})
        for kind, name, definition in DEFINITIONS
    )


class Demo:
    """Answers in the form of the modern era, which the edges turn into the older ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._announcements = Announcements()
        self._methods: dict[str, Callable[[Outbound], dict[str, Any]]] = {
            "tools/call": self._call,
            "prompts/get": self._prompt,
            "resources/read": self._read,
            "completion/complete": _complete,
            "server/discover": lambda out: {},  # a probe, which asks whether it is there
        }
        self._tools: dict[str, Callable[[Fields], dict[str, Any]]] = {
            "echo": _echo,
            "add": _add,
            "now": self._now,
        }

    async def discover(self, grant: Grant, /) -> Discovery:
        capabilities = msgspec.json.encode({"tools": {}, "prompts": {}, "resources": {}, "completions": {}})
        eras = frozenset({Era.MODERN.value, Era.LEGACY.value})
        return Discovery(eras, SERVED, capabilities, _INFO, "A demo: try the tool `echo`.", _offers())

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        answer = self._methods[out.method](out)
        return Result(jsonrpc.encode({"resultType": "complete", **answer}), Era.MODERN, answer.get("isError", False))

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        """Nothing ever changes here."""
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        """Nothing ever changes here."""

    def close(self) -> None:
        self._announcements.end()

    def _call(self, out: Outbound) -> dict[str, Any]:
        name = jsonrpc.text(out.params.get("name")) or ""
        tool = self._tools.get(name)
        if tool is None:
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        try:
            return tool(out.params)
        except _Refused as refused:
            return {"content": _said(f"{name}: {refused}"), "isError": True}

    def _now(self, params: Fields) -> dict[str, Any]:
        zone = _arguments(params, _Now).zone
        try:
            return {
                "content": _said(datetime.fromtimestamp(self._clock.now(), ZoneInfo(zone)).isoformat("T", "seconds"))
            }
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise _Refused(
                f"{zone[:100]!r} is no time zone that this machine knows; try UTC or Europe/Berlin"
            ) from None

    def _prompt(self, out: Outbound) -> dict[str, Any]:
        name = jsonrpc.text(out.params.get("name")) or ""
        if name != "explain":
            raise UpstreamError(INVALID_PARAMS, f"unknown prompt: {name[:100]}")
        try:
            topic = _arguments(out.params, _Explain).topic
        except _Refused as refused:
            raise UpstreamError(INVALID_PARAMS, f"explain: {refused}") from None
        text = f"Explain {topic} in Toolgate, the MCP gateway, to somebody who has never heard of it."
        return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}

    def _read(self, out: Outbound) -> dict[str, Any]:
        uri = jsonrpc.text(out.params.get("uri")) or ""
        name = uri.removeprefix(GREETING)
        if uri == ABOUT:
            text = _ABOUT_TEXT
        elif name != uri and name and "/" not in name:
            text = f"Hello, {unquote(name)}!"
        else:
            error = jsonrpc.ErrorBody(INVALID_PARAMS, "resource not found", jsonrpc.encode_raw({"uri": uri}))
            fault = bridge.translate_error(error, out, Era.MODERN)
            assert isinstance(fault, UpstreamError)
            raise fault
        contents = [{"uri": uri, "mimeType": "text/plain", "text": text}]
        return {"contents": contents, "ttlMs": 3_600_000, "cacheScope": "public"}


def _said(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def _arguments(params: Fields, shape: type[A]) -> A:
    try:
        return msgspec.json.decode(params.get("arguments", b"{}"), type=shape)
    except msgspec.DecodeError as error:
        raise _Refused(f"{error}") from None


def _echo(params: Fields) -> dict[str, Any]:
    return {"content": _said(_arguments(params, _Echo).text)}


def _add(params: Fields) -> dict[str, Any]:
    numbers = _arguments(params, _Add)
    total = numbers.a + numbers.b
    if not -_MOST < total < _MOST:
        raise _Refused("the sum is too large: it must lie within 2**63 of zero")
    return {"content": _said(f"{total}"), "structuredContent": {"sum": total}}


def _complete(out: Outbound) -> dict[str, Any]:
    ref, argument = (
        jsonrpc.fields(out.params["ref"], "ref"),
        jsonrpc.fields(out.params.get("argument", b"{}"), "argument"),
    )
    known = TOPICS if jsonrpc.text(ref.get("type")) == "ref/prompt" else NAMES
    begun = (jsonrpc.text(argument.get("value")) or "").casefold()
    values = [word for word in known if word.casefold().startswith(begun)]
    return {"completion": {"values": values, "total": len(values), "hasMore": False}}


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    demo = Demo(toolbox.clock)
    try:
        yield demo
    finally:
        demo.close()
