"""A database as a server: discovery, tools, resources."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from toolgate import __version__
from toolgate.model.call import Era, Outbound, Result
from toolgate.model.catalog import Change, ChangeKind, Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import ConfigError, UpstreamError, UpstreamFailed
from toolgate.model.identity import Grant, Principal
from toolgate.pipeline.announcements import Announcements
from toolgate.ports import Caller
from toolgate.protocol import bridge, jsonrpc
from toolgate.protocol.faults import INVALID_PARAMS
from toolgate.protocol.versions import SERVED
from toolgate.rules import globs
from toolgate.rules.names import meant
from toolgate.upstreams.sql import answers, definitions, parameters, statements, veils
from toolgate.upstreams.sql.database import Answer, Asked, Database, Limits, Trouble
from toolgate.upstreams.sql.settings import Query, Settings
from toolgate.upstreams.sql.speech import Speech
from toolgate.upstreams.sql.statements import Statement
from toolgate.upstreams.sql.veils import Views

logger = logging.getLogger(__name__)

_MOST_LISTED = 500
_PLANS = 512
"""Free queries whose judgement is remembered, by their text."""

_REFRESH_S = 5.0
"""The least seconds between two readings of the schema because a name was not found."""

_INSTRUCTIONS = (
    "A database. See list_tables and describe_table before you write SQL. Use the named queries where one fits: "
    "they are made for it."
)


class State(msgspec.Struct, frozen=True):
    """What was found out about the database the last time it was looked at. `queries` are by name of their tool."""

    views: Views
    queries: dict[str, Statement]
    discovery: Discovery


class SqlServer:
    """Answers in the form of the modern era, which the edges turn into the older ones."""

    def __init__(self, spec: ServerSpec, settings: Settings, database: Database, speech: Speech) -> None:
        self._spec = spec
        self._settings = settings
        self._database = database
        self._speech = speech
        self._announcements = Announcements()
        self._state: State | None = None
        self._looking = asyncio.Lock()
        self._looked = float("-inf")
        self._warned: tuple[str, ...] = ()
        self._plans: OrderedDict[str, Statement] = OrderedDict()
        self._functions = frozenset(name.lower() for name in settings.functions)
        self._tools: dict[str, Callable[[Outbound, dict[str, Any]], Awaitable[Result]]] = {
            definitions.LIST_TABLES: self._list_tables,
            definitions.DESCRIBE_TABLE: self._describe_table,
        }
        if settings.free_sql:
            self._tools[definitions.RUN_SQL_QUERY] = self._run_sql_query
            self._tools[definitions.EXPLAIN_QUERY] = self._explain_query

    async def discover(self, grant: Grant, /) -> Discovery:
        """Looks at the role and the schema anew. Raises UpstreamFailed where the role may do too much."""
        async with self._looking:
            return (await self._look()).discovery

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        if out.method == "resources/read":
            return await self._read(out)
        name = jsonrpc.text(out.params.get("name")) or ""
        query = self._settings.queries.get(name)
        tool = self._tools.get(name)
        if out.method != "tools/call" or (tool is None and query is None):
            raise UpstreamError(INVALID_PARAMS, f"unknown tool: {name[:100]}")
        try:
            given = _arguments(out)
            if query is not None:
                return await self._named(out, name, query, given)
            assert tool is not None
            return await tool(out, given)
        except Trouble as trouble:
            return answers.refused(f"{name}: {trouble.message}")

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        return self._announcements.follow()

    async def watch(self, uris: frozenset[str], /) -> None:
        """A schema announces nothing: it is looked at now and then."""

    async def close(self) -> None:
        self._announcements.end()
        await self._database.close()

    async def _look(self) -> State:
        standing = await self._database.standing()
        if standing.refusals and not self._settings.allow_superuser:
            raise UpstreamFailed(
                f"server {self._spec.name!r}: {'; '.join(standing.refusals)}: connect as a role that may only read, or "
                "set `allow_superuser: true` (see How to, Databases)"
            )
        said = (*standing.refusals, *standing.warnings)
        if said and said != self._warned:
            self._warned = said
            logger.warning("server %s: %s: a role that may only read is safer", self._spec.name, "; ".join(said))
        found = await self._database.schema()
        try:
            views = veils.laid(found, self._settings, self._speech)
        except ConfigError as error:
            raise UpstreamFailed(f"server {self._spec.name!r}: {'; '.join(error.findings)}") from None
        self._database.show(frozenset(table.name.casefold() for table in views.shown.tables))
        queries = self._compiled(views)
        state = State(views, queries, self._discovery(views))
        if self._state is not None and state.views != self._state.views:
            self._plans.clear()
        self._state = state
        return state

    def _compiled(self, views: Views) -> dict[str, Statement]:
        compiled: dict[str, Statement] = {}
        findings: list[str] = []
        for name, query in self._settings.queries.items():
            try:
                compiled[name] = statements.named(query, views.every, self._speech)
            except Trouble as trouble:
                findings.append(f"queries.{name}: {trouble.message}")
        if findings:
            raise UpstreamFailed(f"server {self._spec.name!r}: {'; '.join(findings)}")
        return compiled

    def _discovery(self, views: Views) -> Discovery:
        capabilities = msgspec.json.encode({"tools": {"listChanged": True}, "resources": {"listChanged": True}})
        info = msgspec.json.encode({"name": "sql", "title": f"Database {self._spec.name}", "version": __version__})
        eras = frozenset({Era.MODERN.value, Era.LEGACY.value})
        offers = tuple(definitions.offers(self._spec.name, self._settings, views.shown, self._speech.name))
        return Discovery(eras, SERVED, capabilities, info, _INSTRUCTIONS, offers)

    async def _known(self) -> State:
        if self._state is not None:
            return self._state
        async with self._looking:
            return self._state or await self._look()

    async def _again(self) -> bool:
        """Looks at the schema again because a name was not found; whether it has changed."""
        now = asyncio.get_running_loop().time()
        if now - self._looked < _REFRESH_S or self._looking.locked():
            return False
        self._looked = now
        async with self._looking:
            before = self._state
            after = await self._look()
        if before is not None and after.discovery != before.discovery:
            self._announcements.announce(Change(ChangeKind.LISTS))
        return before is None or after.views != before.views

    async def _list_tables(self, out: Outbound, given: dict[str, Any]) -> Result:
        pattern = _text(given, "pattern", "*")
        _no_others(given, ("pattern",))
        shown = (await self._known()).views.shown
        glob = (pattern if "*" in pattern or "?" in pattern else f"*{pattern}*").casefold()
        found = [
            table
            for table in shown.tables
            if globs.matches(glob, table.name.casefold()) or globs.matches(glob, table.full.casefold())
        ]
        return answers.structured(answers.tables(shown, found[:_MOST_LISTED], max(0, len(found) - _MOST_LISTED)))

    async def _describe_table(self, out: Outbound, given: dict[str, Any]) -> Result:
        _no_others(given, ("table",))
        name = _text(given, "table")
        state = await self._known()
        found = state.views.shown.spelled(name)
        if found is None and await self._again():
            state = await self._known()
            found = state.views.shown.spelled(name)
        if found is None:
            raise Trouble(f"there is no table {name[:120]} here{state.views.shown.near(name)}")
        told = answers.table(state.views.shown, found)
        if self._settings.samples:
            told["sample"] = answers.rows(await self._sampled(out, state, found))
        return answers.structured(told)

    async def _sampled(self, out: Outbound, state: State, found: Any) -> Answer:
        statement = statements.sample(found, state.views.shown, self._speech, self._settings.samples)
        return await self._database.read(
            self._asked(out, statement, {}, None, free=True), self._limits(self._settings.samples)
        )

    async def _run_sql_query(self, out: Outbound, given: dict[str, Any]) -> Result:
        _no_others(given, ("sql", "max_rows"))
        most = given.get("max_rows", min(100, self._settings.max_rows))
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= self._settings.max_rows:
            raise Trouble(f"max_rows: expected a whole number from 1 to {self._settings.max_rows}")
        text = _text(given, "sql")

        async def run(statement: Statement) -> Result:
            asked = self._asked(out, statement, {}, None, free=True)
            return answers.structured(answers.rows(await self._database.read(asked, self._limits(most))))

        return await self._freely(text, run)

    async def _explain_query(self, out: Outbound, given: dict[str, Any]) -> Result:
        _no_others(given, ("sql",))
        text = _text(given, "sql")

        async def run(statement: Statement) -> Result:
            asked = self._asked(out, statement, {}, None, free=True)
            # A plan holds the filter itself, and estimates that are made of all rows.
            filtered = next((table.name for table in statement.tables if table.condition), None)
            if filtered is not None:
                raise Trouble(
                    f"only some rows of {filtered} are shown, and a plan would tell of the others: run the query"
                )
            plan = await self._database.explain(asked, self._limits(self._settings.max_rows))
            return answers.structured({"plan": plan[: self._settings.result_bytes]})

        return await self._freely(text, run)

    async def _freely(self, text: str, run: Callable[[Statement], Awaitable[Result]]) -> Result:
        """Judges and runs. A name that is not there may be new: the schema is looked at once more."""
        statement: Statement | None = None
        try:
            statement = await self._judged(text)
            return await run(statement)
        except Trouble as trouble:
            if trouble.table is not None and await self._again():
                return await run(await self._judged(text))
            raise self._helped(trouble, statement) from None

    def _helped(self, trouble: Trouble, statement: Statement | None) -> Trouble:
        if trouble.column is not None and statement is not None and self._state is not None:
            near = self._state.views.shown.near_column(trouble.column, statement.tables)
            return Trouble(f"{trouble.message}{near}")
        return trouble

    async def _judged(self, text: str) -> Statement:
        """The statement of a free query. Reading SQL takes milliseconds, so it is done in a thread, and once."""
        state = await self._known()
        known = self._plans.get(text)
        if known is not None:
            self._plans.move_to_end(text)
            return known
        judged = await asyncio.to_thread(
            statements.free, text, state.views.shown, self._speech, self._functions, self._settings.max_rows
        )
        if state is self._state:
            self._plans[text] = judged
            if len(self._plans) > _PLANS:
                self._plans.popitem(last=False)
        return judged

    async def _named(self, out: Outbound, name: str, query: Query, given: dict[str, Any]) -> Result:
        statement = (await self._known()).queries[name]
        asked = self._asked(out, statement, given, query, free=False)
        limits = self._limits(query.max_rows or self._settings.max_rows, query.max_affected)
        run = self._database.read if query.effect == "read" else self._database.write
        answer = await run(asked, limits)
        return answers.structured(answers.row(answer) if query.returns == "row" else answers.rows(answer))

    def _asked(
        self, out: Outbound, statement: Statement, given: dict[str, Any], query: Query | None, *, free: bool
    ) -> Asked:
        principal: Principal | None = out.principal
        values = parameters.values(statement.names, given, query, principal, self._speech)
        return Asked(statement.sql, values, free, "" if principal is None else principal.id)

    def _limits(self, rows: int, affected: int = 0) -> Limits:
        return Limits(rows, self._settings.result_bytes, self._settings.statement_timeout, affected)

    async def _read(self, out: Outbound) -> Result:
        uri = jsonrpc.text(out.params.get("uri")) or ""
        shown = (await self._known()).views.shown
        if uri == definitions.uri(self._spec.name):
            return answers.contents(uri, answers.tables(shown, shown.tables[:_MOST_LISTED], 0))
        name = unquote(uri.removeprefix(f"{definitions.uri(self._spec.name)}/"))
        found = shown.spelled(name) if name != uri else None
        if found is None:
            error = jsonrpc.ErrorBody(INVALID_PARAMS, "resource not found", jsonrpc.encode_raw({"uri": uri}))
            fault = bridge.translate_error(error, out, Era.MODERN)
            assert isinstance(fault, UpstreamError)
            raise fault
        return answers.contents(uri, answers.table(shown, found))


def _arguments(out: Outbound) -> dict[str, Any]:
    try:
        return msgspec.json.decode(out.params.get("arguments", b"{}"), type=dict[str, Any])
    except msgspec.DecodeError:
        raise Trouble("arguments: expected an object") from None


def _text(given: dict[str, Any], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or not value.strip():
        raise Trouble(f"{name}: expected a text")
    return value


def _no_others(given: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise Trouble(f"there is no argument {name[:60]!r}{meant(name, known)}")
