"""What a server is given of a call, and what of its answer the caller holds."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.pipeline.line import Line, World, arrival, found, offers
from tests.virtual_time import run, settle
from toolgate.model.call import Era, Outbound, Result
from toolgate.model.catalog import Change, Discovery, OfferKind
from toolgate.model.declared import Pick, PicksFrom, VirtualSpec
from toolgate.model.errors import InvalidParams, UpstreamFailed
from toolgate.model.identity import Grant, Principal
from toolgate.model.snapshot import Target
from toolgate.pipeline.dispatch import Dispatch
from toolgate.protocol.sealed import Seal

RESULT = Result(b'{"resultType":"complete"}', Era.MODERN)


class Server:
    """An upstream that remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Outbound] = []
        self.answer: Result | Exception = RESULT
        self.gate = asyncio.Event()
        self.gate.set()

    async def discover(self, grant: Grant, /) -> Discovery:
        raise AssertionError("dispatching only calls")

    async def call(self, out: Outbound, caller: Any, /) -> Result:
        self.given.append(out)
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        raise AssertionError("dispatching only calls")

    async def watch(self, uris: frozenset[str], /) -> None:
        raise AssertionError("dispatching only calls")


class Credentials:
    async def grant(self, principal: Principal, target: Target, /) -> Grant:
        return Grant(principal.id)


class Dispatching:
    """A line whose every server ends in one Dispatch."""

    def __init__(self) -> None:
        self.server = Server()
        self.dispatch = Dispatch(self.server, Credentials(), Seal(bytes(32), "state"))
        offered = found(
            offers(OfferKind.TOOL, "find", "other"),
            offers(OfferKind.PROMPT, "hello"),
            offers(OfferKind.RESOURCE, "r:1"),
            offers(OfferKind.TEMPLATE, "q:{+path}"),
        )
        both = msgspec.structs.replace(
            offered, capabilities=b'{"tools":{},"prompts":{},"resources":{},"completions":{}}'
        )
        self.world = World({"a": both, "b": both}, keys=("alice", "bob"))
        self.world.virtual = (
            VirtualSpec(
                "v",
                (PicksFrom("b", (Pick("find", "search"),), (Pick("hello", "greet"),), (Pick("*"),)),),
            ),
        )
        self.world.handler = self.dispatch
        self.world.compile()
        self.line = Line(self.world)

    async def given(self, method: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The parameters that the server is given for these."""
        await self.line.ask(arrival(method, params, **more))
        return json.loads(msgspec.json.encode(self.server.given[-1].params))


CALLS = [
    ("", "tools/call", {"name": "b__find", "arguments": {"x": [1]}}, {"name": "find", "arguments": {"x": [1]}}),
    ("b", "tools/call", {"name": "find"}, {"name": "find"}),
    ("v", "tools/call", {"name": "search"}, {"name": "find"}),
    ("", "tools/call", {"name": "v__search"}, {"name": "find"}),
    ("", "prompts/get", {"name": "b__hello", "later": 1}, {"name": "hello", "later": 1}),
    ("v", "prompts/get", {"name": "greet"}, {"name": "hello"}),
    ("", "resources/read", {"uri": "r:1"}, {"uri": "r:1"}),
    ("", "resources/read", {"uri": "b+r:1"}, {"uri": "r:1"}),
    ("", "resources/read", {"uri": "q:x/y"}, {"uri": "q:x/y"}),
    ("b", "resources/read", {"uri": "z:anything"}, {"uri": "z:anything"}),
]


@pytest.mark.promise("virtual.names")
@pytest.mark.parametrize(("endpoint", "method", "asked", "given"), CALLS)
def test_a_server_is_given_its_own_names(endpoint: str, method: str, asked: dict[str, Any], given: dict[str, Any]):
    async def main() -> None:
        assert await Dispatching().given(method, asked, endpoint=endpoint) == given

    run(main())


REFS = [
    ("", {"type": "ref/prompt", "name": "b__hello"}, {"type": "ref/prompt", "name": "hello"}),
    ("v", {"type": "ref/prompt", "name": "greet", "title": "t"}, {"type": "ref/prompt", "name": "hello", "title": "t"}),
    ("v", {"type": "ref/prompt", "name": "greet", "uri": "x:y"}, {"type": "ref/prompt", "name": "hello", "uri": "x:y"}),
    ("", {"type": "ref/resource", "uri": "q:{+path}"}, {"type": "ref/resource", "uri": "q:{+path}"}),
    ("", {"type": "ref/resource", "uri": "q:some/path"}, {"type": "ref/resource", "uri": "q:some/path"}),
    ("", {"type": "ref/resource", "uri": "b+r:1"}, {"type": "ref/resource", "uri": "r:1"}),
]


@pytest.mark.parametrize(("endpoint", "asked", "given"), REFS)
def test_completions_refer_to_the_servers_own_names(endpoint: str, asked: dict[str, Any], given: dict[str, Any]):
    async def main() -> None:
        argument = {"name": "n", "value": "v"}
        params = await Dispatching().given(
            "completion/complete", {"ref": asked, "argument": argument}, endpoint=endpoint
        )
        assert params == {"ref": given, "argument": argument}

    run(main())


def test_what_was_judged_is_what_is_sent():
    async def main() -> None:
        dispatching = Dispatching()
        asked = arrival("completion/complete", {"argument": {"name": "n", "value": ""}}, endpoint="a")
        asked.params["ref"] = msgspec.Raw(b'{"type":"ref/prompt","name":"secret","name":"hello"}')
        await dispatching.line.ask(asked)
        assert bytes(dispatching.server.given[0].params["ref"]) == b'{"type":"ref/prompt","name":"hello"}'

    run(main())


INPUT = Result(
    b'{"resultType":"input_required","inputRequests":{"a":{}},"requestState":"theirs","x":1}',
    Era.MODERN,
    input_required=True,
)


@pytest.mark.promise("state.sealed")
def test_a_request_state_goes_back_to_its_server_and_nowhere_else():
    async def main() -> None:
        dispatching = Dispatching()
        dispatching.server.answer = INPUT
        body = json.loads((await dispatching.line.ask(arrival("tools/call", {"name": "b__find"}))).body)
        state = body["requestState"]
        assert "theirs" not in state
        assert {name: body[name] for name in ("inputRequests", "x")} == {"inputRequests": {"a": {}}, "x": 1}
        dispatching.server.answer = RESULT

        async def again(method: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
            return await dispatching.given(method, {**params, "requestState": state}, **more)

        find = {"name": "b__find", "inputResponses": {"a": {}}}
        assert (await again("tools/call", find)) == {
            "name": "find",
            "inputResponses": {"a": {}},
            "requestState": "theirs",
        }
        assert (await again("tools/call", {"name": "find"}, endpoint="b"))["requestState"] == "theirs"
        for method, params, more in (
            ("tools/call", find, {"key": "bob"}),
            ("tools/call", {"name": "b__other"}, {}),
            ("tools/call", {"name": "a__find"}, {}),
            ("prompts/get", {"name": "b__hello"}, {}),
        ):
            with pytest.raises(InvalidParams, match="requestState"):
                await again(method, params, **more)
        for forged in ("theirs", "", state[:-1], state + "A", 5, None):
            with pytest.raises(InvalidParams, match="requestState"):
                await dispatching.given("tools/call", {**find, "requestState": forged})

    run(main())


@pytest.mark.parametrize(
    "body", [b'{"resultType":"input_required"}', b'{"resultType":"input_required","requestState":5}']
)
def test_an_answer_without_a_state_stays_as_it_is(body: bytes):
    async def main() -> None:
        dispatching = Dispatching()
        dispatching.server.answer = Result(body, Era.MODERN, input_required=True)
        assert (await dispatching.line.ask(arrival("tools/call", {"name": "b__find"}))).body == body

    run(main())


def test_a_fault_says_how_long_the_server_took():
    async def main() -> None:
        dispatching = Dispatching()
        fault = dispatching.server.answer = UpstreamFailed("down")
        with pytest.raises(UpstreamFailed):
            await dispatching.line.ask(arrival("tools/call", {"name": "b__find"}))
        assert 0 < fault.upstream_s < 5

    run(main())


def test_it_is_idle_when_every_call_has_ended_however_it_ended():
    async def main() -> None:
        dispatching = Dispatching()
        await asyncio.wait_for(dispatching.dispatch.idle(), 1)
        dispatching.server.gate.clear()
        calls = [
            asyncio.create_task(dispatching.line.ask(arrival("tools/call", {"name": "b__find"}))) for _ in range(3)
        ]
        await settle()
        idle = asyncio.create_task(dispatching.dispatch.idle())
        calls[0].cancel()
        await settle()
        assert not idle.done()
        dispatching.server.answer = UpstreamFailed("down")
        dispatching.server.gate.set()
        await asyncio.wait([*calls, idle], timeout=1)
        assert idle.done()
        assert len(dispatching.server.given) == 3

    run(main())


def test_nothing_but_names_is_changed():
    """Members that we do not know pass as the bytes they are."""

    async def main() -> None:
        dispatching = Dispatching()
        asked = arrival("tools/call", {"name": "b__find"})
        odd = msgspec.Raw(b'{ "a" : 1.0e2 , "b":"\\u00e4" }')
        asked.params["arguments"] = odd
        await dispatching.line.ask(asked)
        assert bytes(dispatching.server.given[0].params["arguments"]) == bytes(odd)

    run(main())
