"""Hostile servers: each hurts only its own calls, whose callers are told plainly; a neighbour does not notice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from tests.hostile.lies import LIES
from tests.hostile.misdeeds import GOOD_DEEDS, LEGACY, MISDEEDS, STATUSES
from tests.hostile.raw import Answer, Raw, ask, message, modern, post
from tests.running import Gateway

ANY_ERROR = ("error_is_text", "error_with_text_code", "huge_error_code")
"""Answers that are errors of the server's own: passed on, as far as they can be read."""


def call(gateway: Gateway, server: str, tool: str, **arguments: Any) -> Answer:
    """One call of a modern client, on a connection of its own."""
    sent = message("tools/call", {"name": tool, "arguments": arguments})
    host = gateway.url.removeprefix("http://")
    return ask(gateway.url, modern(host, sent, key=gateway.keys["alice"], target=f"/servers/{server}/mcp"))


def outcome(answer: Answer) -> dict[str, Any]:
    """The response, whether it came as JSON or at the end of a stream."""
    assert answer.status in (200, 400, 404), answer
    assert not answer.cut, answer
    if answer.headers["content-type"].startswith("text/event-stream"):
        return answer.events[-1]
    return answer.json


class Session:
    """A client of the handshake era, one connection for each message."""

    def __init__(self, gateway: Gateway, server: str, capabilities: Any = None) -> None:
        self._gateway = gateway
        self._target = f"/servers/{server}/mcp"
        params = {
            "protocolVersion": LEGACY,
            "capabilities": capabilities or {},
            "clientInfo": {"name": "a", "version": "1"},
        }
        begun = self.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
        assert begun.status == 200, begun
        self.id = begun.headers["mcp-session-id"]

    def post(self, sent: dict[str, Any]) -> Answer:
        headers = {"Mcp-Session-Id": self.id} if hasattr(self, "id") else {}
        host = self._gateway.url.removeprefix("http://")
        body = json.dumps(sent).encode()
        return ask(self._gateway.url, post(host, body, headers, target=self._target, key=self._gateway.keys["alice"]))

    def call(self, tool: str, id: Any = 2) -> Answer:
        return self.post({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}})


def all_at_once(work: Any, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What each came to, all done at the same time."""
    listed = list(names)
    with ThreadPoolExecutor(len(listed)) as pool:
        return dict(zip(listed, pool.map(lambda name: outcome(work(name)), listed), strict=True))


def judge(server: str, tool: str, response: dict[str, Any]) -> str | None:
    """What is wrong with how the caller was told."""
    if "error" not in response:
        return f"{tool}: no error: {response}"
    text = response["error"]["message"]
    if tool not in ANY_ERROR and f"'{server}'" not in text:
        return f"{tool}: the server is not named: {text}"
    if "tg_no" in text or "169.254" in text:
        return f"{tool}: repeats what the server said: {text}"
    return None


@pytest.mark.promise("upstream.hostile")
def test_each_misdeed_is_told_and_a_neighbour_does_not_notice(gateway: Gateway):
    """All at once, over and over the neighbour's calls in between."""
    session = Session(gateway, "older")
    with ThreadPoolExecutor(2) as pool:
        newer = pool.submit(all_at_once, lambda tool: call(gateway, "hostile", tool), MISDEEDS)
        older = pool.submit(all_at_once, lambda tool: session.call(tool, id=tool), set(MISDEEDS) - {"odd_result_type"})
        served = 0
        while not (newer.done() and older.done()):
            answer = call(gateway, "neighbour", "fine", text=f"call {served}")
            assert outcome(answer)["result"]["content"][0]["text"] == f"call {served}"
            served += 1
    flaws = [judge("hostile", tool, response) for tool, response in newer.result().items()]
    flaws += [judge("older", tool, response) for tool, response in older.result().items()]
    assert [flaw for flaw in flaws if flaw] == []
    assert served > 200


@pytest.mark.promise("upstream.hostile")
@pytest.mark.parametrize("server", ["hostile", "older"])
def test_after_it_all_the_good_tools_answer(gateway: Gateway, server: str):
    session = Session(gateway, "older")
    for _ in range(3):
        for tool in GOOD_DEEDS:
            answer = call(gateway, server, tool) if server == "hostile" else session.call(tool)
            assert "result" in outcome(answer), tool


@pytest.mark.promise("upstream.hostile")
def test_a_session_that_was_forgotten_is_begun_again(gateway: Gateway):
    session = Session(gateway, "older")
    assert "result" in outcome(session.call("forget"))
    assert "result" in outcome(session.call("fine"))
    assert "forgets every session" in outcome(session.call("always_forget"))["error"]["message"]
    assert "result" in outcome(session.call("fine"))


@pytest.mark.promise("upstream.hostile")
@pytest.mark.parametrize("name", LIES)
def test_a_liar_is_not_ready_and_the_gateway_says_why(gateway: Gateway, name: str):
    gateway.log.wait(rf"server '{name}'", seconds=20)
    answer = call(gateway, name, "anything")
    assert answer.status in (200, 404)
    assert answer.json["error"]["code"] in (-32603, -32601)
    assert name in answer.json["error"]["message"]


@pytest.mark.promise("upstream.hostile")
def test_oddities_are_taken_for_what_makes_sense_of_them(gateway: Gateway):
    def tools(server: str) -> list[dict[str, Any]]:
        host = gateway.url.removeprefix("http://")
        asked = modern(host, message("tools/list"), key=gateway.keys["alice"], target=f"/servers/{server}/mcp")
        return ask(gateway.url, asked).json["result"]["tools"]

    names = [tool["name"] for tool in tools("odd-tools")]
    assert names.count("good") == 1
    assert all(isinstance(name, str) and name for name in names)
    assert [tool["name"] for tool in tools("odd-headers")] == ["kept"]
    assert [tool["name"] for tool in tools("odd-capabilities")] == ["a"]


@pytest.mark.promise("upstream.hostile")
@pytest.mark.parametrize("endpoint", ["/mcp", "/servers/odd-templates/mcp"])
def test_hostile_templates_cost_no_time(gateway: Gateway, endpoint: str):
    """Answered at all within the bound of every test: the templates were written so that naive matching never ends."""
    host = gateway.url.removeprefix("http://")
    for uri in ("a" * 2000, "a" * 5000, "!" * 2000, "{}" * 900):
        answer = ask(
            gateway.url,
            modern(host, message("resources/read", {"uri": uri}), key=gateway.keys["alice"], target=endpoint),
        )
        assert "error" in answer.json


@pytest.mark.promise("upstream.hostile")
def test_statuses_are_ours_and_never_the_servers(gateway: Gateway):
    """A 401 of a server must not make our callers think that their own key is bad."""
    found = {tool: call(gateway, "hostile", tool).status for tool in STATUSES}
    assert set(found.values()) == {200}, found


@pytest.mark.promise("upstream.hostile")
def test_a_client_that_reads_nothing_slows_no_other(gateway: Gateway):
    """Its server floods it with messages that it asked for, and it never takes one."""
    sent = message("tools/call", {"name": "endless_stream"})
    sent["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = "debug"
    host = gateway.url.removeprefix("http://")
    data = modern(host, sent, key=gateway.keys["alice"], target="/servers/hostile/mcp")
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    with Raw(gateway.url, receive_buffer=4096) as deaf, Raw(gateway.url, receive_buffer=4096) as deafer:
        deaf.send(data)
        deafer.send(data)
        for number in range(300):
            answer = outcome(call(gateway, "neighbour", "fine", text=f"{number}"))
            assert answer["result"]["content"][0]["text"] == f"{number}"
    assert process.memory_info().rss - before < 32 * 1024 * 1024
