"""The ladder of a modern request (SPEC-DIGEST 2.6): whatever is wrong with it together, the first rung that fails is
the one that is told."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.conftest import FORBIDDEN
from tests.hostile.raw import BOTH, PREFIX, Answer, ask, head, message, mirrored
from tests.running import Gateway


class Draft:
    """A good request, before it is spoilt."""

    def __init__(self, gateway: Gateway) -> None:
        self.method = "POST"
        self.host = gateway.url.removeprefix("http://")
        self.message: dict[str, Any] = message("tools/call", {"name": "neighbour__fine", "arguments": {"text": "a"}})
        self.headers: list[tuple[str, str]] = [
            ("Content-Type", "application/json"),
            ("Accept", BOTH),
            ("Authorization", f"Bearer {gateway.keys['alice']}"),
            *mirrored(self.message).items(),
        ]
        self.body: bytes | None = None

    def put(self, name: str, value: str | None) -> None:
        """Replaces a header; None takes it away."""
        self.headers = [(known, text) for known, text in self.headers if known.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    def meta(self, name: str, value: Any) -> None:
        meta = self.message.get("params", {}).get("_meta")
        if isinstance(meta, dict):
            meta[PREFIX + name] = value

    def say(self, method: str, params: dict[str, Any]) -> None:
        """Another request, well mirrored."""
        meta = self.message["params"].get("_meta")
        self.message = message(method, params)
        self.message["params"]["_meta"] = meta
        for name, value in mirrored(self.message).items():
            self.put(name, value)

    def bytes(self) -> bytes:
        body = json.dumps(self.message).encode() if self.body is None else self.body
        return head(self.method, "/mcp", self.host, [*self.headers, ("Content-Length", str(len(body)))]) + body


Spoil = Callable[[Draft], None]


def _old_version(draft: Draft) -> None:
    draft.meta("protocolVersion", "2031-01-01")
    draft.put("MCP-Protocol-Version", "2031-01-01")


def _forbidden(draft: Draft) -> None:
    draft.say("tools/call", {"name": f"demo__{FORBIDDEN}", "arguments": {"a": 1, "b": 2}})


def _differing(draft: Draft) -> None:
    draft.put("Mcp-Method", "tools/list")


def _bad_shape(draft: Draft) -> None:
    draft.message = {**draft.message, "jsonrpc": "1.0"}


def _argument(draft: Draft) -> None:
    params = draft.message.get("params")
    if isinstance(params, dict):
        params["arguments"] = {"region": "north"}
    draft.put("Mcp-Param-Region", "south")


LADDER: list[tuple[str, int, int | None, Spoil]] = [
    ("host", 421, None, lambda draft: draft.put("Host", "evil.example")),
    ("origin", 403, None, lambda draft: draft.put("Origin", "https://evil.example")),
    ("method", 405, None, lambda draft: setattr(draft, "method", "PUT")),
    ("key", 401, 401, lambda draft: draft.put("Authorization", "Bearer tg_wrong")),
    ("size", 413, None, lambda draft: setattr(draft, "body", b"[" + b" " * (4 * 1024 * 1024))),
    ("content-type", 415, None, lambda draft: draft.put("Content-Type", "text/plain")),
    ("accept", 406, None, lambda draft: draft.put("Accept", "application/json")),
    ("json", 400, -32700, lambda draft: setattr(draft, "body", draft.body or b'{"jsonrpc":')),
    ("shape", 400, -32600, _bad_shape),
    ("twice", 400, -32020, lambda draft: draft.headers.append(("Mcp-Method", "tools/call"))),
    ("meta", 400, -32602, lambda draft: draft.meta("clientCapabilities", "none")),
    ("mirror", 400, -32020, _differing),
    ("version", 400, -32022, _old_version),
    ("policy", 403, 403, _forbidden),
    ("tool", 400, -32602, lambda draft: draft.say("tools/call", {"name": "neighbour__unknown"})),
    ("argument", 400, -32020, _argument),
]
"""Rung, HTTP status, JSON-RPC code, and how to fail it, in the order in which they count. Spoiling is done from the
last to the first: each rung may replace what a later one has done, and never what an earlier one has."""

NAMES = [name for name, *_ in LADDER]


def climb(gateway: Gateway, names: set[str]) -> tuple[str, Answer]:
    """The answer to a request that fails all these rungs, and the one that should be told."""
    draft = Draft(gateway)
    for name, _, _, spoil in reversed(LADDER):
        if name in names:
            spoil(draft)
    return min(names, key=NAMES.index), ask(gateway.url, draft.bytes())


def check(gateway: Gateway, names: set[str]) -> None:
    first, answer = climb(gateway, names)
    status, code = next((status, code) for name, status, code, _ in LADDER if name == first)
    assert (answer.status, answer.code) == (status, code), (sorted(names, key=NAMES.index), answer)


def test_the_draft_is_good(gateway: Gateway):
    answer = ask(gateway.url, Draft(gateway).bytes())
    assert answer.status == 200
    assert answer.json["result"]["content"] == [{"type": "text", "text": "a"}]


@pytest.mark.promise("wire.ladder")
@pytest.mark.parametrize("names", [{name} for name in NAMES], ids=NAMES)
def test_each_rung_alone(gateway: Gateway, names: set[str]):
    check(gateway, names)


@pytest.mark.promise("wire.ladder")
def test_of_two_violations_the_earlier_is_told(gateway: Gateway):
    for pair in itertools.combinations(NAMES, 2):
        check(gateway, set(pair))


@pytest.mark.promise("wire.ladder")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.sampled_from(NAMES), min_size=3))
def test_of_many_violations_the_first_is_told(gateway: Gateway, names: set[str]):
    check(gateway, names)
