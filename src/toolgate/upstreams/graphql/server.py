"""A GraphQL API as a server: its tools, and what a call of one becomes. The document of a request is the
administrator's, to the byte; what a model gives is a value in `variables`, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from toolgate.model.call import Era, Outbound, Result
from toolgate.model.catalog import Change, Discovery
from toolgate.model.errors import UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller, Clock
from toolgate.protocol import jsonrpc
from toolgate.protocol.faults import INVALID_PARAMS
from toolgate.protocol.sealed import Seal
from toolgate.protocol.versions import SERVED
from toolgate.upstreams.connector import arguments, expressions, paging, results
from toolgate.upstreams.connector.answers import Reply
from toolgate.upstreams.connector.building import Built
from toolgate.upstreams.connector.format import Param
from toolgate.upstreams.connector.paging import Position
from toolgate.upstreams.connector.results import Scrub
from toolgate.upstreams.connector.sending import Sender
from toolgate.upstreams.connector.spending import Budget, Overspent
from toolgate.upstreams.connector.trouble import Trouble
from toolgate.upstreams.graphql import definitions, outcomes, shaping, values
from toolgate.upstreams.graphql.operations import Prepared
from toolgate.upstreams.graphql.outcomes import Api, Outcome

_LARGE = 256 * 1024
"""Bytes of an answer from which on it is looked through in a thread: other calls go on meanwhile."""

_HEADERS = (
    ("content-type", "application/json"),
    ("accept", "application/graphql-response+json, application/json;q=0.9"),
)
_encode = msgspec.json.Encoder().encode


class Endpoint(msgspec.Struct, frozen=True):
    """What a server is made of. `target` is the path of the API's URL, with its query. `hidden` are the secrets among
    the headers and constants, `literal` the headers that hold none."""

    name: str
    target: str
    api: Api
    sender: Sender
    seal: Seal
    clock: Clock
    hidden: tuple[str, ...]
    literal: frozenset[tuple[str, str]]
    result_bytes: int
    result_values: int


class GraphQLServer:
    """Answers in the form of the modern era, which the edges turn into the older ones."""

    def __init__(self, endpoint: Endpoint, tools: Mapping[str, Prepared]) -> None:
        self._endpoint = endpoint
        self._tools = tools
        self._hints = {name: definitions.hints(tool) for name, tool in tools.items()}
        self._params = {name: tool.params for name, tool in tools.items()}
        self._announcements = Announcements()
        self._scrubs: dict[tuple[tuple[str, str], ...], Scrub] = {}

    async def discover(self, grant: Grant, /) -> Discovery:
        """What the administrator chose. Nothing is asked of the API."""
        offers = tuple(definitions.offer(tool) for tool in self._tools.values())
        eras = frozenset({Era.MODERN.value, Era.LEGACY.value})
        return Discovery(eras, SERVED, b'{"tools":{}}', definitions.server_info(self._endpoint.name), None, offers)

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        name = jsonrpc.text(out.params.get("name")) or ""
        tool = self._tools.get(name)
        if out.method != "tools/call" or tool is None:
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        scrub = self._scrub(out.grant)
        try:
            return results.structured(await self._told(out, tool), scrub)
        except Overspent:
            return results.refused(f"{name}: {self._overspent(tool)}", scrub)
        except Trouble as trouble:
            return results.refused(f"{name}: {trouble.message}", scrub)

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        """There are no resources."""

    def close(self) -> None:
        self._announcements.end()

    def _scrub(self, grant: Grant) -> Scrub:
        """Of the headers that the API is shown, those that the configuration spells out are no secrets."""
        known = self._scrubs.get(grant.headers)
        if known is None:
            shown = [value for name, value in grant.headers if (name, value) not in self._endpoint.literal]
            known = Scrub([*self._endpoint.hidden, *(value.partition(" ")[2] or value for value in shown)])
            if len(self._scrubs) < 1000:
                self._scrubs[grant.headers] = known
        return known

    async def _told(self, out: Outbound, tool: Prepared) -> dict[str, Any]:
        given, page = arguments.given(out), None
        if tool.pages is not None:
            page = self._position(tool, given)
            given = {k: v for k, v in given.items() if k not in (arguments.LIMIT, arguments.PAGE_TOKEN)}

        def judge(name: str, param: Param, value: Any) -> str | None:
            return values.flaw(tool.inputs[name].shape, value, name)

        variables = {**arguments.accepted(self._params[tool.name], given, judge), **tool.constants}
        if tool.pages is not None and page is not None:
            variables |= paging.query(tool.pages.pagination, page)
        headers = (*out.grant.headers, *_HEADERS)
        built = Built("POST", self._endpoint.target, headers, tool.body + _encode(variables) + b"}")
        hints = self._hints[tool.name]
        idempotent = hints.read_only or hints.idempotent
        reply = await self._endpoint.sender.send(built, idempotent=idempotent, deadline=out.deadline)
        most = self._endpoint.result_values
        if len(reply.body) <= _LARGE:
            try:
                return self._shown(tool, reply, page, Budget())
            except Overspent:
                pass
        elif len(reply.body) > most and reply.body.count(b",") > most:
            raise Overspent
        return await asyncio.to_thread(self._shown, tool, reply, page, Budget(most))

    def _overspent(self, tool: Prepared) -> str:
        sent = "" if self._hints[tool.name].read_only else "it was sent, and not refused; but "
        return (
            f"{sent}the answer is too much: reading it takes more than {self._endpoint.result_values} values. Ask for "
            f"less; an administrator may raise `result_values` of the server {self._endpoint.name!r}"
        )

    def _position(self, tool: Prepared, given: dict[str, Any]) -> Position:
        assert tool.pages is not None
        asked = paging.asked_of(tool.name, given)
        size = arguments.size(tool.pages.pagination, given.get(arguments.LIMIT))
        token = given.get(arguments.PAGE_TOKEN)
        if token is None:
            return paging.start(tool.pages.pagination, asked, size)
        return paging.opened(self._endpoint.seal, token, asked)

    def _shown(self, tool: Prepared, reply: Reply, page: Position | None, budget: Budget) -> dict[str, Any]:
        """What the model gets of an answer."""
        outcome = outcomes.judged(self._endpoint.api, reply, self._endpoint.name, self._endpoint.clock.now())
        result, most = tool.declared.result, self._endpoint.result_bytes
        found = shaping.members(outcome.data if result is None else expressions.found(result, outcome.data, budget))
        path = None if result is None or not isinstance(found.get(shaping.ROWS), list) else (shaping.ROWS,)
        if tool.pages is not None and page is not None:
            path = tool.pages.path if result is None else (shaping.ROWS,)
            found = shaping.without(found, tool.pages.info) if result is None else found
            if shaping.listed(found, path) is None and not outcome.missing:
                raise UpstreamFailed(
                    f"server {self._endpoint.name!r}: {'.'.join(path)} of {tool.name}'s answer is no list of rows"
                )
        shown = shaping.fitted(found, path, most, 0 if page is None else page.skip)
        told, short = dict(shown.value), shown.cut or shown.kept < shown.rows
        notes = [outcome.missing] if outcome.missing else []
        if shown.kept < shown.rows:
            notes.append(f"{shown.kept} of {shown.rows} rows: more do not fit into one answer")
        if shown.cut:
            notes.append("long texts are cut to fit one answer")
        if short or page is not None:
            told[shaping.TRUNCATED] = short
        if notes:
            told[shaping.NOTE] = "; ".join(notes)
        onward = self._onward(tool, page, outcome, shown)
        if onward is not None:
            told[shaping.NEXT] = paging.sealed(self._endpoint.seal, onward)
        return told

    def _onward(self, tool: Prepared, page: Position | None, outcome: Outcome, shown: shaping.Shown) -> Position | None:
        if tool.pages is None or page is None:
            return None
        if shown.kept < shown.rows:
            return msgspec.structs.replace(page, skip=page.skip + shown.kept)
        return paging.following(tool.pages.pagination, page, outcome.data, {}, "")
