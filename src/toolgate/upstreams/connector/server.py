"""A product as a server: its tools, and what a call of one becomes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar, cast

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
from toolgate.upstreams.connector import answers, arguments, definitions, expressions, narrowing, paging, results
from toolgate.upstreams.connector.answers import Reply
from toolgate.upstreams.connector.building import built
from toolgate.upstreams.connector.format import Connector, Lookup, Pagination, Param, Request, Step, Tool
from toolgate.upstreams.connector.lookups import ID, Lookups
from toolgate.upstreams.connector.paging import Position
from toolgate.upstreams.connector.results import Scrub
from toolgate.upstreams.connector.sending import Sender
from toolgate.upstreams.connector.settings import Settings
from toolgate.upstreams.connector.spending import Budget, Overspent
from toolgate.upstreams.connector.trouble import Trouble

_LARGE = 256 * 1024
"""Bytes of an answer from which on it is looked through in a thread. What is smaller and yet much work, because it is
thousands of tiny rows, goes there too: it is begun here, and given up when it has become too much."""

_ROWS = "rows"
T = TypeVar("T")


class Prepared(msgspec.Struct, frozen=True):
    """One tool, with what is the same for all of its calls."""

    tool: Tool
    params: dict[str, Param]
    paging: Pagination | None


class Product(msgspec.Struct, frozen=True):
    """What a server is made of: `base` is the path of the base URL, `origin` what stands before it."""

    name: str
    connector: Connector
    icon: bytes
    settings: Settings
    sender: Sender
    seal: Seal
    scrub: Scrub
    clock: Clock
    origin: str
    base: str
    variables: Mapping[str, str] = {}


class Work:
    """Reading the answers of one call, within a budget. `apart` once it goes to threads."""

    def __init__(self, most: int) -> None:
        self._budget = Budget(most)
        self.apart = False

    def weigh(self, reply: Reply) -> None:
        """To be told of what will be decoded. Raises Overspent: commas are about as many as values, and decoding holds
        everybody, in a thread too."""
        self.apart = self.apart or len(reply.body) > _LARGE
        if len(reply.body) > self._budget.most and reply.body.count(b",") > self._budget.most:
            raise Overspent

    async def do(self, part: Callable[[Budget], T]) -> T:
        """A part of it. It may be begun twice, and changes nothing. Raises Overspent."""
        if not self.apart:
            try:
                return part(Budget())
            except Overspent:
                self.apart = True
        return await asyncio.to_thread(part, self._budget)


class ConnectorServer:
    """Answers in the form of the modern era, which the edges turn into the older ones."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._connector = connector = product.connector
        self._announcements = Announcements()
        self._lookups = Lookups(connector.lookups, self._look_up, product.clock)
        self._tools = {
            tool.name: Prepared(tool, _set(connector.params(tool), product.variables), connector.paging(tool))
            for tool in narrowing.offered(connector, product.settings)
        }

    async def discover(self, grant: Grant, /) -> Discovery:
        """What the connector says. Nothing is asked of the product."""
        connector = self._connector
        info = definitions.server_info(connector, self._product.icon)
        offers = tuple(definitions.offer(connector, prepared.tool) for prepared in self._tools.values())
        eras = frozenset({Era.MODERN.value, Era.LEGACY.value})
        said = connector.instructions or connector.description
        return Discovery(eras, SERVED, b'{"tools":{}}', info, said, offers)

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        name = jsonrpc.text(out.params.get("name")) or ""
        prepared = self._tools.get(name)
        if out.method != "tools/call" or prepared is None:
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        product = self._product
        scrub = product.scrub
        try:
            return results.structured(await self._told(out, prepared, Work(product.settings.result_values)), scrub)
        except Overspent:
            return results.refused(f"{name}: {self._overspent(prepared.tool)}", scrub)
        except Trouble as trouble:
            return results.refused(f"{name}: {trouble.message}", scrub)
        except RecursionError:
            return results.refused(f"{name}: {results.DEEP}", scrub)

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        """There are no resources."""

    def close(self) -> None:
        self._announcements.end()

    def _overspent(self, tool: Tool) -> str:
        product = self._product
        sent = "" if tool.hints.read_only else "it was sent, and not refused; but "
        return (
            f"{sent}the answer of {product.connector.title} is too much: reading it takes more than "
            f"{product.settings.result_values} values. Ask for less; "
            f"an administrator may raise `result_values` of the server {product.name!r}"
        )

    async def _told(self, out: Outbound, prepared: Prepared, work: Work) -> dict[str, Any]:
        given = arguments.given(out)
        tool, page = prepared.tool, None
        if prepared.paging is not None:
            page = self._position(prepared, given)
            given = {k: v for k, v in given.items() if k not in (arguments.LIMIT, arguments.PAGE_TOKEN)}
        values = arguments.accepted(prepared.params, given)
        self._judge(tool, values, bound=not tool.steps)
        if tool.steps:
            return await self._stepped(out, prepared, values, work)
        assert tool.request is not None
        request, more = tool.request, dict[str, Any]()
        if prepared.paging is not None and page is not None:
            onward = paging.linked(prepared.paging, page, request)
            request, more = (request, paging.query(prepared.paging, page)) if onward is None else (onward, more)
        reply, url = await self._sent(out, prepared, request, values, more)
        await self._accept(prepared.tool, reply, work)
        if tool.response == "text":
            return self._text(reply)
        found = await work.do(lambda budget: self._found(tool, reply, budget))
        if tool.lookups:
            found = await self._lookups.put(tool, found, out.deadline, apart=work.apart)
        return await work.do(lambda budget: self._shown(prepared, reply, page, url, found, budget))

    def _judge(self, tool: Tool, values: dict[str, Any], *, bound: bool) -> None:
        narrowing.judge(self._connector, self._product.settings.allow, tool, values, bound=bound)

    def _position(self, prepared: Prepared, given: dict[str, Any]) -> Position:
        assert prepared.paging is not None
        asked = paging.asked_of(prepared.tool.name, given)
        size = arguments.size(prepared.paging, given.get(arguments.LIMIT))
        token = given.get(arguments.PAGE_TOKEN)
        if token is None:
            return paging.start(prepared.paging, asked, size)
        return paging.opened(self._product.seal, token, asked)

    async def _accept(self, tool: Tool, reply: Reply, work: Work) -> None:
        """Raises Trouble for an answer that is not good."""
        if 200 <= reply.status < 300 and (tool.response == "json" or self._connector.errors.success_when is not None):
            work.weigh(reply)
        if not await work.do(lambda budget: answers.is_good(self._connector, reply, budget)):
            raise Trouble(answers.refusal(self._connector, reply, self._product.clock.now()))

    async def _sent(
        self, out: Outbound, prepared: Prepared, request: Request, values: dict[str, Any], more: dict[str, Any]
    ) -> tuple[Reply, str]:
        product, hints = self._product, prepared.tool.hints
        place = "query" if prepared.paging is None else prepared.paging.place
        made = built(request, prepared.params, values, more, product.base, more_in=place)
        idempotent = request.method == "GET" or hints.read_only or hints.idempotent
        reply = await product.sender.send(made, idempotent=idempotent, deadline=out.deadline)
        return reply, f"{product.origin}{made.target}"

    async def _stepped(self, out: Outbound, prepared: Prepared, values: dict[str, Any], work: Work) -> dict[str, Any]:
        tool, seen = prepared.tool, dict[str, Any](args=dict(values))
        missing: list[str] = []
        for step in tool.steps:
            values |= await work.do(lambda budget, step=step: _bound(prepared, step, seen, budget))
            self._judge(tool, values, bound=step.request.method != "GET")
            reply = await self._step(out, prepared, step, values, work)
            if reply is None and not step.quiet:
                missing.append(step.id)
            seen[step.id] = None if reply is None else await work.do(lambda _, reply=reply: self._data(reply))
        self._judge(tool, values, bound=True)
        found = await work.do(lambda budget: expressions.found(tool.result, seen, budget))
        if tool.lookups:
            found = await self._lookups.put(tool, found, out.deadline, apart=work.apart)
        told = await work.do(lambda _: self._object(tool, found))
        if missing:
            told["note"] = f"not known at the moment: {', '.join(missing)}; ask again in a minute"
        return told

    async def _step(
        self, out: Outbound, prepared: Prepared, step: Step, values: dict[str, Any], work: Work
    ) -> Reply | None:
        """None where the answer is one of those that mean: there is nothing."""
        reply, _ = await self._sent(out, prepared, step.request, values, {})
        retry = step.retry_on
        left = 0 if retry is None else retry.times
        while retry is not None and reply.status == retry.status and left:
            left -= 1
            await asyncio.sleep(retry.delay)
            reply, _ = await self._sent(out, prepared, step.request, values, {})
        if reply.status in step.absent_on:
            return None
        await self._accept(prepared.tool, reply, work)
        return reply

    async def _look_up(self, lookup: Lookup, id_: str, deadline: float) -> Any:
        """What an id stands for; None where that cannot be had now."""
        product = self._product
        try:
            shared = _set(self._connector.used(lookup.use), product.variables)
            values = {**{name: param.default for name, param in shared.items()}, ID: id_}
            made = built(lookup.request, {**shared, ID: lookup.id}, values, {}, product.base)
            reply = await product.sender.send(made, idempotent=True, deadline=deadline, patient=False)
            if len(reply.body) > _LARGE or not answers.is_good(self._connector, reply):
                return None
            return expressions.found(lookup.value, reply.data)
        except (Trouble, Overspent, UpstreamFailed, RecursionError):
            return None

    def _data(self, reply: Reply) -> Any:
        if not reply.is_json:
            raise UpstreamFailed(f"server {self._product.name!r}: its answer is not JSON")
        return reply.data

    def _found(self, tool: Tool, reply: Reply, budget: Budget) -> Any:
        """What a tool takes of an answer."""
        data = self._data(reply)
        found = data if tool.result == "raw" else expressions.found(tool.result, data, budget)
        return results.without(found, frozenset(tool.drop)) if tool.drop else found

    def _shown(
        self, prepared: Prepared, reply: Reply, page: Position | None, url: str, found: Any, budget: Budget
    ) -> dict[str, Any]:
        """What the model gets of it."""
        tool = prepared.tool
        members = cast("dict[str, Any]", found) if isinstance(found, dict) else {_ROWS: found}
        if not isinstance(members.get(_ROWS), list):
            if page is not None:
                raise UpstreamFailed(f"server {self._product.name!r}: its answer holds no list where one is expected")
            return self._object(tool, found)
        return self._rows(prepared, reply, page, url, members, budget)

    def _rows(
        self, prepared: Prepared, reply: Reply, page: Position | None, url: str, members: dict[str, Any], budget: Budget
    ) -> dict[str, Any]:
        skip = 0 if page is None else page.skip
        rows = cast("list[Any]", members[_ROWS])[skip:]
        most = len(rows) if prepared.paging is None or page is None else paging.shown(prepared.paging, page, len(rows))
        kept, count = results.fitting(rows[:most], self._product.settings.result_bytes)
        told: dict[str, Any] = {**members, _ROWS: kept, "truncated": count < most}
        if count < most:
            told["note"] = f"{count} of {len(rows)} rows: more do not fit into one answer"
        if prepared.paging is None or page is None:
            return told
        if count < len(rows):
            onward = msgspec.structs.replace(page, skip=skip + count)
        else:
            onward = paging.following(prepared.paging, page, reply.data, reply.headers, url, budget)
        if onward is not None:
            told["next_page_token"] = paging.sealed(self._product.seal, onward)
        return told

    def _object(self, tool: Tool, found: Any) -> dict[str, Any]:
        if found is None:
            return {"done": True} if not tool.hints.read_only else {"result": None}
        short = results.shortened(found, self._product.settings.result_bytes)
        told = {**cast("dict[str, Any]", short)} if isinstance(short, dict) else {"result": short}
        return told if short is found else {**told, "truncated": True, "note": "long texts are cut to fit one answer"}

    def _text(self, reply: Reply) -> dict[str, Any]:
        try:
            text = reply.body.decode()
        except UnicodeDecodeError:
            raise Trouble(f"this is no text: {len(reply.body)} bytes of something else") from None
        kept, cut = results.lines(text, self._product.settings.result_bytes)
        if not cut:
            return {"text": kept, "truncated": False}
        return {"text": kept, "truncated": True, "note": f"the first {len(kept)} of {len(text)} characters"}


def _bound(prepared: Prepared, step: Step, seen: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """What a step binds of what was seen before it."""
    values: dict[str, Any] = {}
    for name, expression in step.bind.items():
        bound = expressions.found(expression, seen, budget)
        if bound is not None:
            values[name] = _fitting(prepared.params[name], name, bound)
    return values


def _set(params: dict[str, Param], variables: Mapping[str, str]) -> dict[str, Param]:
    """The parameters, with the values of those that are variables of the connector."""
    return {
        name: param if param.variable is None else msgspec.structs.replace(param, default=variables[param.variable])
        for name, param in params.items()
    }


def _fitting(param: Param, name: str, value: Any) -> Any:
    """What a product answered is held to the same rules as what a model gives."""
    reason = arguments.flaw(param, value)
    if reason is not None:
        raise Trouble(f"what was found for {name} cannot be used: {reason}")
    return value
