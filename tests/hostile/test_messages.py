"""Malformed JSON and odd JSON-RPC, over the wire: always the right status and code, whoever sends it, in both eras."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.raw import PREFIX, Answer, Raw, ask, message, modern, post
from tests.running import Gateway

SLOW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

META = b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
MIRRORED = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "demo__echo"}


@pytest.fixture
def host(gateway: Gateway) -> str:
    return gateway.url.removeprefix("http://")


def send(gateway: Gateway, body: bytes, key: str | None = "alice", headers: dict[str, str] | None = None) -> Answer:
    own = gateway.keys.get(key, key) if key is not None else None
    return ask(gateway.url, post(gateway.url.removeprefix("http://"), body, headers or MIRRORED, key=own))


def echo(id: bytes = b"1", arguments: bytes = b'{"text":"a"}', meta: bytes = META) -> bytes:
    """A call of the demo's echo, in which any part may be any bytes."""
    return (
        b'{"jsonrpc":"2.0","id":'
        + id
        + b',"method":"tools/call","params":{"name":"demo__echo","arguments":'
        + arguments
        + b',"_meta":'
        + meta
        + b"}}"
    )


# What is not JSON -----------------------------------------------------------------------------------------------------

DEEP = 5000
NOT_JSON = {
    "nothing": b"",
    "spaces": b"   ",
    "a word": b"hello",
    "html": b"<html>",
    "NaN": echo(arguments=b'{"text":NaN}'),
    "Infinity": echo(arguments=b"[Infinity]"),
    "single quotes": echo(arguments=b"{'text':'a'}"),
    "trailing comma": echo(arguments=b'{"text":"a",}'),
    "comment": echo(arguments=b'{"text":"a"/*b*/}'),
    "byte order mark": b"\xef\xbb\xbf" + echo(),
    "utf-16": echo().decode().encode("utf-16"),
    "invalid utf-8": echo(arguments=b'{"text":"\xff\xfe"}'),
    "overlong utf-8": echo(arguments=b'{"text":"\xc0\xaf"}'),
    "surrogate in utf-8": echo(arguments=b'{"text":"\xed\xa0\x80"}'),
    "lone surrogate": echo(arguments=rb'{"text":"\ud800"}'),
    "raw newline in a string": echo(arguments=b'{"text":"a\nb"}'),
    "raw NUL in a string": echo(arguments=b'{"text":"a\0b"}'),
    "NUL behind": echo() + b"\0",
    "two messages": echo() + echo(),
    "half": echo()[:-1],
    "deep lists": echo(arguments=b"[" * DEEP + b"]" * DEEP),
    "deep objects": echo(arguments=b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep and unfinished": b"[" * 100_000,
    "deep behind quotes": b"[[" * 100 + b'"' + b'\\"' * 1_000_000,
    "deep behind one backslash": b"[[" * 100 + b'"' + b'\\"' * 1_000_000 + b"\\",
    "leading zero": echo(arguments=b'{"text":01}'),
    "plus": echo(arguments=b'{"text":+1}'),
}


@pytest.mark.promise("wire.messages")
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("key", ["alice", "tg_wrong", None])
def test_what_is_not_json(gateway: Gateway, body: bytes, key: str | None):
    """Also from those who are nobody, to whom it costs no more."""
    answer = send(gateway, body, key)
    assert (answer.status, answer.code) == ((400, -32700) if key == "alice" else (401, 401))
    if key == "alice":
        assert answer.json["id"] is None


# JSON that is no message ----------------------------------------------------------------------------------------------

NO_MESSAGE = [
    b"null",
    b"true",
    b"7",
    b'"text"',
    b"{}",
    b"[]",
    b"[[]]",
    b"[1]",
    b"[{}]",
    b'{"jsonrpc":"2.0"}',
    b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    b'{"jsonrpc":2.0,"id":1,"method":"ping"}',
    b'{"id":1,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":7}',
    b'{"jsonrpc":"2.0","id":1,"method":null}',
    b'{"jsonrpc":"2.0","id":1,"method":["tools/list"]}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":7}',
    b'{"jsonrpc":"2.0","id":1,"result":{}}',
    b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}',
    b"[" + echo() + b"]",
    b"[" + echo() + b"," + echo(b"2") + b"]",
]


@pytest.mark.promise("wire.messages")
@pytest.mark.parametrize("body", NO_MESSAGE)
def test_what_is_no_message(gateway: Gateway, body: bytes):
    answer = send(gateway, body)
    assert (answer.status, answer.code) == (400, -32600), answer


IDS = {
    b"1": b"1",
    b"0": b"0",
    b"-1": b"-1",
    b'"a"': b'"a"',
    b'""': b'""',
    b'"1"': b'"1"',
    rb'"\u00e9\n"': rb'"\u00e9\n"',
    b"9007199254740993": b"9007199254740993",
    b"9" * 300: b"9" * 300,
    b'"' + b"i" * 1000 + b'"': b'"' + b"i" * 1000 + b'"',
    b"null": None,
    b"true": None,
    b"1.5": None,
    b"1e3": None,
    b"1.0": None,
    b"[]": None,
    b"[1]": None,
    b"{}": None,
    b'{"a":1}': None,
    b"9" * 5000: None,
    b'"' + b"i" * 5000 + b'"': None,
}


@pytest.mark.promise("wire.messages")
@pytest.mark.parametrize(("id", "repeated"), IDS.items())
def test_ids_are_repeated_to_the_letter_or_refused(gateway: Gateway, id: bytes, repeated: bytes | None):
    answer = send(gateway, echo(id))
    if repeated is None:
        assert (answer.status, answer.code) == (400, -32600)
    else:
        assert answer.status == 200
        assert b'"id":' + repeated + b"," in answer.body


@pytest.mark.promise("wire.messages")
def test_a_notification_is_accepted_and_dropped(gateway: Gateway):
    for method in ("notifications/cancelled", "notifications/unknown", "tools/call"):
        body = b'{"jsonrpc":"2.0","method":"%b","params":{"_meta":%b}}' % (method.encode(), META)
        answer = send(gateway, body, headers={**MIRRORED, "Mcp-Method": method})
        assert (answer.status, answer.body) == (202, b"")
    assert send(gateway, body, key=None).status == 401


@pytest.mark.promise("wire.messages")
def test_of_equal_keys_the_last_counts(gateway: Gateway):
    """The same for what is judged and for what is passed on."""
    body = echo().replace(b'"name":"demo__echo"', b'"name":"demo__add","name":"demo__echo"')
    assert send(gateway, body).status == 200
    body = echo().replace(b'"name":"demo__echo"', b'"name":"demo__echo","name":"demo__add"')
    assert send(gateway, body).code == -32020


NUMBERS = [b"1e999", b"-1e999", b"9" * 5000, b"1e-999", b"0." + b"1" * 5000]


@pytest.mark.promise("wire.messages")
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("place", ["arguments", "capabilities", "client", "progress", "mirrored", "other"])
def test_numbers_that_nothing_can_hold(gateway: Gateway, number: bytes, place: str):
    """They are JSON. Where we must read them they are refused; elsewhere they are none of our business."""
    bodies = {
        "arguments": echo(arguments=b'{"text":"a","n":%b}' % number),
        "capabilities": echo(meta=META.replace(b"{}", b'{"sampling":{"a":%b}}' % number)),
        "client": echo(meta=META[:-1] + b',"io.modelcontextprotocol/clientInfo":{"name":"a","version":%b}}' % number),
        "progress": echo(meta=META[:-1] + b',"progressToken":%b}' % number),
        "other": echo(meta=META[:-1] + b',"com.example/a":%b}' % number),
        "mirrored": echo(arguments=b'{"region":"a","n":%b}' % number).replace(b"demo__echo", b"neighbour__fine"),
    }
    named = {"Mcp-Name": "neighbour__fine", "Mcp-Param-Region": "a"} if place == "mirrored" else {}
    answer = send(gateway, bodies[place], headers={**MIRRORED, **named})
    assert answer.status in (200, 400), answer
    assert answer.code in (None, -32602), answer


# Mirrored headers -----------------------------------------------------------------------------------------------------

NAMES = [
    ("demo__echo", True),
    (" demo__echo\t", True),
    ("=?base64?ZGVtb19fZWNobw==?=", True),
    ("DEMO__ECHO", False),
    ("demo__echo ,demo__echo", False),
    ("=?base64?ZGVtb19fZWNobw?=", False),
    ("=?BASE64?ZGVtb19fZWNobw==?=", False),
    ("=?base64?ZGVtb19fZWNobx==?=", False),
    ("=?base64?!!!?=", False),
    ("=?base64?ZGVtb19fZWNobw==", False),
    ("=?base64??=", False),
    ("", False),
    ("=?base64?/w==?=", False),
    ("demo__echo\x0b", False),
]


@pytest.mark.promise("wire.ladder")
@pytest.mark.parametrize(("value", "good"), NAMES)
def test_forms_of_a_mirrored_name(gateway: Gateway, value: str, good: bool):
    answer = send(gateway, echo(), headers={**MIRRORED, "Mcp-Name": value})
    if "\x0b" in value:
        assert answer.status == 400
    else:
        assert (answer.status, answer.code) == ((200, None) if good else (400, -32020)), answer


ARGUMENTS = [
    ({"region": "north"}, {"Region": "north"}, True),
    ({"region": "north"}, {}, False),
    ({}, {"Region": "north"}, False),
    ({"region": None}, {}, True),
    ({"region": "north"}, {"REGION": "north"}, True),
    ({"region": "north"}, {"Region": "North"}, False),
    ({"region": "é"}, {"Region": "=?base64?w6k=?="}, True),
    ({"number": 42}, {"Number": "42"}, True),
    ({"number": 42}, {"Number": "42.0"}, True),
    ({"number": 42.0}, {"Number": "42"}, True),
    ({"number": 1000}, {"Number": "1_000"}, False),
    ({"number": 42}, {"Number": "0x2a"}, False),
    ({"number": 42}, {"Number": "nan"}, False),
    ({}, {"Unknown": "passes"}, True),
]


@pytest.mark.promise("wire.ladder")
@pytest.mark.parametrize(("arguments", "headers", "good"), ARGUMENTS)
def test_mirrored_arguments(gateway: Gateway, host: str, alice: str, arguments: Any, headers: Any, good: bool):
    sent = message("tools/call", {"name": "neighbour__fine", "arguments": arguments})
    lines = {f"Mcp-Param-{name}": value for name, value in headers.items()}
    answer = ask(gateway.url, modern(host, sent, key=alice, headers=lines))
    assert (answer.status, answer.code) == ((200, None) if good else (400, -32020)), answer


# Bearer forms ---------------------------------------------------------------------------------------------------------


@pytest.mark.promise("wire.bearer")
def test_forms_of_the_credential(gateway: Gateway, host: str, alice: str):
    sent = message("tools/list")

    def status(*lines: str) -> tuple[int, str]:
        data = modern(host, sent, key=None)
        data = data.replace(b"Accept:", "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"Accept:", 1)
        answer = ask(gateway.url, data)
        return answer.status, answer.headers.get("www-authenticate", "")

    for good in (f"Authorization: Bearer {alice}", f"authorization: bearer {alice}", f"AUTHORIZATION: BEARER {alice}"):
        assert status(good)[0] == 200
    assert status() == (401, 'Bearer realm="toolgate"')
    for bad in (
        "Bearer",
        "Bearer ",
        f"Bearer{alice}",
        alice,
        f"Basic {alice}",
        f"Bearer {alice}x",
        f"Bearer {alice[:-1]}",
        f"Bearer {alice},Bearer {alice}",
        f'Bearer "{alice}"',
        f"Bearer {alice} x",
        "Bearer \xff\xfe",
        "none",
        "none x",
        "Bearer " + "a" * 10_000,
        f"Bearer tg_{'a' * 200}",
        "Digest username=a",
        "=",
        "Bearer null",
        "Bearer " + alice.swapcase(),
    ):
        found, challenge = status(f"Authorization: {bad}")
        assert found == 401, bad
        assert challenge.startswith('Bearer realm="toolgate"'), bad
        assert alice[8:40] not in challenge
    assert status(f"Authorization: Bearer {alice}", "Authorization: Bearer tg_x")[0] == 401
    assert status("Authorization: Bearer tg_x", f"Authorization: Bearer {alice}")[0] == 401
    for elsewhere in (f"X-Api-Key: {alice}", f"Cookie: key={alice}", f"Proxy-Authorization: Bearer {alice}"):
        assert status(elsewhere)[0] == 401
    assert ask(gateway.url, modern(host, sent, key=None, target=f"/mcp?access_token={alice}")).status == 401


# Anything at all ------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
METHODS = st.sampled_from(
    [
        "tools/call",
        "tools/list",
        "prompts/get",
        "resources/read",
        "completion/complete",
        "server/discover",
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "notifications/cancelled",
        "subscriptions/listen",
        "tasks/get",
        "",
    ]
)


@pytest.mark.promise("wire.messages")
@SLOW
@given(method=METHODS | st.text(max_size=8), params=JSON, id=JSON, session=st.booleans(), envelope=st.booleans())
def test_any_message_has_an_answer(gateway: Gateway, method: str, params: Any, id: Any, session: bool, envelope: bool):
    """Whatever it is: no 5xx, no internal error, and the connection lives on."""
    if envelope and isinstance(params, dict):
        params = {**params, "_meta": message("x")["params"]["_meta"]}
    if envelope and isinstance(params, dict) and method == "subscriptions/listen":
        params.pop("notifications", None)  # one that is good would not end
    body = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode("utf-8", "replace")
    headers = {"Mcp-Session-Id": "forged"} if session else {}
    if envelope:
        safe = method if method.isascii() and method.isprintable() else "x"
        headers |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": safe}
    host = gateway.url.removeprefix("http://")
    with Raw(gateway.url) as raw:
        answer = raw.send(post(host, body, headers, key=gateway.keys["alice"])).answer()
        assert answer.status in (200, 202, 400, 403, 404), answer
        assert answer.code != -32603, answer
        assert raw.send(post(host, b"{}", key=gateway.keys["alice"])).answer().status == 400


@pytest.mark.promise("wire.messages")
@SLOW
@given(noise=st.binary(max_size=60), at=st.integers(0, 400))
def test_any_bytes_in_a_body_have_an_answer(gateway: Gateway, noise: bytes, at: int):
    good = echo()
    at = min(at, len(good))
    answer = send(gateway, good[:at] + noise + good[at:])
    assert answer.status in (200, 202, 400, 403, 404), answer
    assert answer.code != -32603, answer


@pytest.mark.promise("wire.messages")
@SLOW
@given(meta=st.dictionaries(st.sampled_from(["protocolVersion", "clientCapabilities", "clientInfo", "logLevel"]), JSON))
def test_any_envelope_has_an_answer(gateway: Gateway, meta: dict[str, Any]):
    sent = message("tools/call", {"name": "demo__echo", "arguments": {"text": "a"}})
    sent["params"]["_meta"] |= {PREFIX + name: value for name, value in meta.items()}
    host = gateway.url.removeprefix("http://")
    body = json.dumps(sent).encode("utf-8", "replace")
    answer = ask(gateway.url, post(host, body, MIRRORED, key=gateway.keys["alice"]))
    assert (answer.status, answer.code) in ((200, None), (400, -32602), (400, -32020), (400, -32700)), answer
