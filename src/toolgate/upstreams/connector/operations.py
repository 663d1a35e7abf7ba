"""A product with so many operations that their schemas would be most of what a model reads: two tools over all of them,
one that finds an operation by words, and one that calls it.

What is offered, allowed and judged is each operation, as where it is a tool of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from typing import Any

import msgspec

from toolgate.model.call import Outbound, Result
from toolgate.model.catalog import Change, Discovery, Offer, OfferKind
from toolgate.model.errors import UpstreamError
from toolgate.model.identity import Grant
from toolgate.ports import Caller
from toolgate.protocol import jsonrpc
from toolgate.protocol.faults import INVALID_PARAMS
from toolgate.rules.names import meant
from toolgate.rules.searching import index, ranking
from toolgate.rules.searching.index import Document, Vocabulary
from toolgate.rules.searching.ranking import Outcome, Within
from toolgate.upstreams.connector import arguments, narrowing, results
from toolgate.upstreams.connector.format import Connector, Param, Tool
from toolgate.upstreams.connector.results import Scrub
from toolgate.upstreams.connector.server import ConnectorServer, Product
from toolgate.upstreams.connector.trouble import Trouble

FIND, CALL = "find_operation", "call_operation"

_MOST_WORDS = 12
_WITH_SCHEMA = 3
"""How many of the best hits are answered with their input schema."""

_LINE = 160
"""Characters of what is said of one operation."""

_MOST_GROUPS = 20

_MEANT = {
    "GET": "get read show fetch look list",
    "POST": "create add new make post",
    "PUT": "replace update set put",
    "PATCH": "update change edit modify patch",
    "DELETE": "delete remove drop destroy",
}
"""What people call that which a method does."""

_FINDING: dict[str, Param] = {
    "words": Param(
        "string", "none", "What it shall do, as: list open invoices. The name of an operation finds it, too.",
        required=True, max_length=200,
    ),
    "limit": Param("integer", "none", "How many at most.", default=10, minimum=1, maximum=25),
}  # fmt: skip
_CALLING: dict[str, Param] = {
    "operation": Param("string", "none", f"Its name, as {FIND} tells it.", required=True, max_length=64),
    "arguments": Param("object", "none", "Its arguments, as its input_schema says."),
}


class SearchServer:
    """The two tools over the operations that `inner` has as tools. The index is made here: open it in a thread.

    The operations that try a credential can be called by their own names, too: so one is tried before its server is
    registered. No list has them, so no client reaches them."""

    def __init__(self, product: Product, inner: ConnectorServer) -> None:
        connector = product.connector
        self._inner = inner
        self._title = connector.title
        self._tests = frozenset(auth.test for auth in connector.auth)
        self._scrub: Scrub = product.scrub
        self._most = product.settings.result_bytes
        self._operations = {tool.name: tool for tool in narrowing.offered(connector, product.settings)}
        self._schemas = {name: _schema(connector, tool) for name, tool in self._operations.items()}
        segment = index.whole(_document(connector, tool) for tool in self._operations.values())
        self._vocabulary = Vocabulary()
        self._vocabulary.add(segment)
        self._within = Within(product.name, segment, (1 << len(self._operations)) - 1)
        self._offers = (self._finder(), self._caller())

    async def discover(self, grant: Grant, /) -> Discovery:
        return msgspec.structs.replace(await self._inner.discover(grant), offers=self._offers)

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        name = jsonrpc.text(out.params.get("name")) or ""
        if name in self._tests:
            return await self._inner.call(out, caller)
        if out.method != "tools/call" or name not in (FIND, CALL):
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        try:
            given = arguments.given(out)
            if name == FIND:
                return results.structured(await self._found(arguments.accepted(_FINDING, given)), self._scrub)
            onward = self._onward(out, arguments.accepted(_CALLING, given))
        except Trouble as trouble:
            return results.refused(f"{name}: {trouble.message}", self._scrub)
        return await self._inner.call(onward, caller)

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        return self._inner.changes(grant)

    async def watch(self, uris: frozenset[str], /) -> None:
        """There are no resources."""

    def close(self) -> None:
        self._inner.close()

    def _onward(self, out: Outbound, values: Mapping[str, Any]) -> Outbound:
        """The call of the operation itself. Its name counts as it is: grants have judged the very same text."""
        operation = values["operation"]
        if operation not in self._operations:
            hint = meant(operation, self._operations)
            raise Trouble(f"there is no operation {operation!r}{hint}: {FIND} tells which there are")
        params = {
            **out.params,
            "name": jsonrpc.encode_raw(operation),
            "arguments": jsonrpc.encode_raw(values.get("arguments", {})),
        }
        return msgspec.structs.replace(out, params=params)

    async def _found(self, values: Mapping[str, Any]) -> dict[str, Any]:
        asked = " ".join(values["words"].split()[:_MOST_WORDS])
        steps = ranking.search([self._within], asked, self._vocabulary, limit=values["limit"])
        outcome = await _done(steps)
        names = [ranked.label for ranked in outcome.best]
        if not names:
            return {"operations": [], "total": 0, "truncated": False, "note": self._nothing()}
        rows = [_row(self._operations[name]) for name in names]
        kept, count = results.fitting(rows, self._most // 2)
        self._put_schemas(kept)
        told: dict[str, Any] = {"operations": kept, "total": outcome.total, "truncated": count < outcome.total}
        if any("input_schema" not in row for row in kept):
            told["note"] = f"ask for an operation by its name to get its input_schema; {CALL} calls it"
        return told

    def _put_schemas(self, rows: Sequence[dict[str, Any]]) -> None:
        """Those of the first rows, as far as they fit; the first always has one, without its words if need be."""
        left = self._most // 2
        for position, row in enumerate(rows[:_WITH_SCHEMA]):
            schema = self._schemas[row["operation"]]
            size = len(jsonrpc.encode(schema))
            if size > left and position == 0:
                schema = _brief(schema)
                size = len(jsonrpc.encode(schema))
            if size > left:
                break
            row["description"] = self._operations[row["operation"]].description
            row["input_schema"] = schema
            left -= size

    def _nothing(self) -> str:
        groups = sorted({tool.group for tool in self._operations.values() if tool.group is not None})
        named = f" This API is about: {', '.join(groups[:_MOST_GROUPS])}." if groups else ""
        return f"No operation is described by these words: try fewer, or others.{named}"

    def _finder(self) -> Offer:
        count = len(self._operations)
        described = (
            f"Finds operations of {self._title} by what they do; there are {count}. Answers with names, what each does "
            f"and, for the best hits, the arguments that {CALL} takes."
        )
        return _offer(FIND, f"Find an operation of {self._title}", described, _FINDING, read_only=True)

    def _caller(self) -> Offer:
        """Its hints hold for every operation that it can call."""
        hints = [tool.hints for tool in self._operations.values()]
        described = (
            f"Calls one operation of {self._title}, with the arguments that its input_schema asks for. "
            f"Use {FIND} first: it tells names and arguments."
        )
        return _offer(
            CALL, f"Call an operation of {self._title}", described, _CALLING,
            read_only=all(one.read_only for one in hints),
            destructive=any(one.destructive for one in hints),
            idempotent=all(one.read_only or one.idempotent for one in hints),
        )  # fmt: skip


def _offer(
    name: str, title: str, description: str, params: Mapping[str, Param], *,
    read_only: bool, destructive: bool = False, idempotent: bool = True,
) -> Offer:  # fmt: skip
    made: dict[str, Any] = {
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": arguments.schema(params, None),
        "annotations": {
            "title": title,
            "readOnlyHint": read_only,
            "destructiveHint": destructive,
            "idempotentHint": idempotent,
            "openWorldHint": True,
        },
    }
    return Offer(OfferKind.TOOL, name, {key: jsonrpc.encode_raw(value) for key, value in made.items()})


def _schema(connector: Connector, tool: Tool) -> dict[str, Any]:
    return arguments.schema(connector.params(tool), connector.paging(tool))


def _brief(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Names and types alone."""
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]
    return {**schema, "properties": {name: {"type": one["type"]} for name, one in properties.items()}}


def _document(connector: Connector, tool: Tool) -> Document:
    shown = {name: param for name, param in connector.params(tool).items() if not param.internal}
    details = " ".join(param.description for param in shown.values() if param.description)
    last = tool.request or tool.steps[-1].request
    method = "GET" if tool.hints.read_only else last.method
    texts = (
        (index.NAME, tool.name),
        (index.TITLE, tool.title),
        (index.TAGS, tool.group or ""),
        (index.DESCRIPTION, tool.description),
        (index.PARAMETERS, " ".join(shown)),
        (index.DETAILS, f"{details} {_MEANT[method]}"),
    )
    return Document(tool.name, tool.name, texts)


def _row(tool: Tool) -> dict[str, Any]:
    said = " ".join(tool.description.split())
    line = said if len(said) <= _LINE else f"{said[:_LINE].rstrip()}..."
    return {"operation": tool.name, "description": line, "read_only": tool.hints.read_only}


async def _done(steps: Generator[None, None, Outcome]) -> Outcome:
    """All of a search, with turns for others between."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value
        await asyncio.sleep(0)
