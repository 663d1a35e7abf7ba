"""The front door: the right outcome for everything, and exactly one record of each Arrival, whatever happens."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from tests.pipeline.line import LEGACY_CALLER, Line, World, arrival, found, offers
from tests.virtual_time import run, settle
from toolgate.model.call import Arrival, Call, Envelope, Era, Result
from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.declared import GrantSpec
from toolgate.model.errors import (
    Denied,
    Fault,
    HeaderMismatch,
    InvalidParams,
    Limited,
    NoWayBack,
    Outcome,
    TimedOut,
    Unauthenticated,
    UnknownEndpoint,
    UnknownMethod,
    UnknownTarget,
    UpstreamError,
    UpstreamFailed,
)
from toolgate.model.records import CallRecord
from toolgate.pipeline.wheel import TICK

CALL = arrival("tools/call", {"name": "crm__find"})


def world() -> World:
    return World(
        {
            "crm": found(
                offers(OfferKind.TOOL, "find", "delete"),
                offers(OfferKind.PROMPT, "hello"),
                offers(OfferKind.RESOURCE, "crm://a"),
                offers(OfferKind.TEMPLATE, "crm://x/{+path}"),
            )
        },
        keys=("alice", "bob"),
    )


def only(line: Line) -> CallRecord:
    [record] = line.records()
    assert line.door.in_flight == 0
    assert record.duration_s >= 0
    return record


def answering(result: Result) -> Callable[[Call, Any], Any]:
    async def handler(call: Call, caller: Any) -> Result:
        return result

    return handler


def raising(error: BaseException) -> Callable[[Call, Any], Any]:
    async def handler(call: Call, caller: Any) -> Result:
        raise error

    return handler


@pytest.mark.promise("records.one-each")
@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (Result(b"{}", Era.MODERN, upstream_s=0.5), Outcome.OK),
        (Result(b"{}", Era.MODERN, is_error=True, upstream_s=0.5), Outcome.TOOL_ERROR),
        (Result(b"{}", Era.MODERN, input_required=True, upstream_s=0.5), Outcome.INPUT_REQUIRED),
    ],
)
def test_results(result: Result, outcome: Outcome):
    async def main() -> None:
        line = Line(world())
        line.world.handler = answering(result)
        assert await line.ask(CALL) is result
        record = only(line)
        assert (record.outcome, record.error) == (outcome, "")
        assert (record.server, record.target, record.principal) == ("crm", "find", "key:alice")
        assert (record.id, record.method, record.era, record.bytes_in) == (CALL.id, "tools/call", "modern", 10)
        assert (record.upstream_s, record.bytes_out) == (0.5, 2)

    run(main())


@pytest.mark.promise("records.one-each")
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (UpstreamFailed("down"), Outcome.UPSTREAM_ERROR),
        (UpstreamError(-32000, "said so"), Outcome.UPSTREAM_ERROR),
        (NoWayBack("no"), Outcome.UPSTREAM_ERROR),
        (InvalidParams("no"), Outcome.INVALID),
        (Limited("no"), Outcome.LIMITED),
        (Denied("no"), Outcome.DENIED),
    ],
)
def test_faults_of_handlers(fault: Fault, outcome: Outcome):
    async def main() -> None:
        line = Line(world())
        fault.upstream_s = 0.25
        line.world.handler = raising(fault)
        with pytest.raises(type(fault)) as raised:
            await line.ask(CALL)
        assert raised.value is fault
        record = only(line)
        assert (record.outcome, record.error, record.upstream_s) == (outcome, type(fault).__name__, 0.25)

    run(main())


@pytest.mark.promise("records.one-each")
@pytest.mark.parametrize("bug", [ZeroDivisionError(), KeyError("x"), RecursionError()])
def test_a_bug_is_recorded_by_its_name(bug: Exception):
    async def main() -> None:
        line = Line(world())
        line.world.handler = raising(bug)
        with pytest.raises(type(bug)):
            await line.ask(CALL)
        record = only(line)
        assert (record.outcome, record.error) == (Outcome.UPSTREAM_ERROR, type(bug).__name__)
        assert record.server == "crm"

    run(main())


NOT_HERE = [
    (arrival("tools/call", {"name": "crm__find"}, key=None), Unauthenticated),
    (arrival("tools/call", {"name": "crm__find"}, key="mallory"), Unauthenticated),
    (arrival("tools/call", {"name": "crm__find"}, endpoint="erp"), UnknownEndpoint),
    (arrival("tools/calls"), UnknownMethod),
    (arrival("initialize"), UnknownMethod),
    (arrival("server/discover", envelope=LEGACY_CALLER), UnknownMethod),
    (arrival("completion/complete", {"ref": {}}), UnknownMethod),
    (arrival("tools/call", {"name": "find"}), UnknownTarget),
    (arrival("tools/call", {"name": "erp__find"}), UnknownTarget),
    (arrival("tools/call", {"name": 5}), InvalidParams),
    (arrival("tools/call", {"name": "crm__find", "Name": "crm__delete"}), InvalidParams),
    (arrival("tools/call", {"name": "crm__find", "Arguments": {}}), InvalidParams),
    (arrival("tools/call"), InvalidParams),
    (arrival("prompts/get", {"name": "crm__find"}), UnknownTarget),
    (arrival("resources/read", {"uri": "crm://b"}), UnknownTarget),
    (arrival("resources/read", {"uri": ["crm://a"]}), InvalidParams),
    (arrival("tools/call", {"name": "crm__delete"}, key="bob"), Denied),
]


@pytest.mark.promise("records.one-each")
@pytest.mark.parametrize(("asked", "kind"), NOT_HERE, ids=[f"{a.method}-{k.__name__}" for a, k in NOT_HERE])
def test_what_never_reaches_a_handler(asked: Arrival, kind: type[Fault]):
    async def main() -> None:
        line = Line(world())
        line.world.grants = [
            GrantSpec("key:alice", "allow", ("*",), ("*",), ("*",), ("*",)),
            GrantSpec("key:bob", "allow", ("crm",), ("find",)),
        ]
        line.world.compile()
        line.world.handler = raising(AssertionError("it was called"))
        with pytest.raises(kind) as refused:
            await line.ask(asked)
        assert type(refused.value) is kind
        record = only(line)
        assert (record.outcome, record.error) == (kind.outcome, kind.__name__)
        assert record.principal == ("" if kind is Unauthenticated else f"key:{asked.credential.secret.decode()}")

    run(main())


def test_a_server_that_was_not_reached_is_named():
    async def main() -> None:
        line = Line(world())
        line.world.down = ("erp",)
        line.world.compile()
        for asked in (
            arrival("tools/call", {"name": "erp__find"}),
            arrival("tools/call", {"name": "find"}, endpoint="erp"),
        ):
            with pytest.raises(UpstreamFailed, match=r"server 'erp' has not been reached.*: it is down"):
                await line.ask(asked)

    run(main())


def test_headers_agree_with_the_arguments():
    schema = b'{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"Region"}}}'
    tool = Offer(OfferKind.TOOL, "find", {"name": msgspec.Raw(b'"find"'), "inputSchema": msgspec.Raw(schema)})

    async def main() -> None:
        line = Line(World({"crm": found((tool,))}))

        async def call(headers: dict[bytes, bytes] | None) -> Outcome:
            params = {"name": "crm__find", "arguments": {"r": "west"}}
            with suppress(HeaderMismatch):
                await line.ask(arrival("tools/call", params, headers=headers))
            return line.records()[-1].outcome

        assert await call({b"mcp-param-region": b"west", b"mcp-param-other": b"1"}) is Outcome.OK
        assert await call({b"mcp-param-region": b"east"}) is Outcome.INVALID
        assert await call({}) is Outcome.INVALID
        assert await call(None) is Outcome.OK, "a transport that has no headers"

    run(main())


@pytest.mark.promise("records.one-each")
def test_a_call_that_is_taken_back():
    async def main() -> None:
        line = Line(world())
        line.world.handler = lambda call, caller: asyncio.sleep(1_000)
        task = asyncio.create_task(line.ask(CALL))
        await settle()
        assert line.door.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        record = only(line)
        assert (record.outcome, record.error, record.server) == (Outcome.CANCELLED, "Cancelled", "crm")

    run(main())


@pytest.mark.promise("records.one-each")
def test_a_call_that_takes_too_long():
    async def main() -> None:
        line = Line(world())
        line.world.handler = lambda call, caller: asyncio.sleep(1_000)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(TimedOut, match=r"server 'crm' did not answer within 60 s"):
            await line.ask(CALL)
        assert 60 <= loop.time() - began <= 60 + 2 * TICK + 0.001
        record = only(line)
        assert (record.outcome, record.error) == (Outcome.TIMEOUT, "TimedOut")
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0, "the cancellation was ours, and is taken back"
        await asyncio.sleep(0)

    run(main())


def test_a_caller_that_takes_its_call_back_in_the_last_moment():
    """The deadline and the caller cancel together: the caller's cancellation must not be lost."""

    async def main() -> None:
        line = Line(world())

        async def handler(call: Call, caller: Any) -> Result:
            try:
                await asyncio.sleep(1_000)
            finally:
                task.cancel()
            raise AssertionError

        line.world.handler = handler
        task = asyncio.create_task(line.ask(CALL))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert only(line).outcome is Outcome.CANCELLED

    run(main())


def test_a_call_that_ends_in_time_is_not_cancelled_later():
    async def main() -> None:
        line = Line(world())
        await line.ask(CALL)
        await asyncio.sleep(200)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    run(main())


def test_a_call_keeps_the_snapshot_that_it_began_with():
    async def main() -> None:
        line = Line(world())
        seen: list[Call] = []
        go = asyncio.Event()

        async def handler(call: Call, caller: Any) -> Result:
            seen.append(call)
            await go.wait()
            return Result(b"{}", Era.MODERN)

        line.world.handler = handler
        task = asyncio.create_task(line.ask(CALL))
        await settle()
        line.world.grants = [GrantSpec("everyone", "allow", ("crm",), ("delete",))]
        before, after = line.world.compile()
        go.set()
        await task
        assert seen[0].snapshot is before
        assert after.rows["key:alice"] is not seen[0].row
        assert seen[0].principal.id == "key:alice"
        with pytest.raises(Denied):
            await line.ask(CALL)

    run(main())


def test_a_record_holds_no_more_than_a_little_of_what_a_caller_says():
    async def main() -> None:
        line = Line(world())
        envelope = Envelope(Era.MODERN, "v" * 1_000, client=b'{"name":"' + b"x" * 1_000 + b'"}')
        with pytest.raises(UnknownMethod):
            await line.ask(arrival("m" * 1_000, envelope=envelope))
        record = only(line)
        assert (len(record.method), len(record.version), record.client) == (128, 128, b"")

    run(main())
