"""JSON-RPC frames: what is taken, what is refused and why, and that nothing is changed on its way."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.model.errors import BadRequest, Fault, ParseFailed
from toolgate.protocol import jsonrpc

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)


def encoded(value: Any, **options: Any) -> bytes:
    return json.dumps(value, **options).encode("utf-8", "surrogatepass")


@given(OBJECTS, st.booleans(), st.sampled_from([None, 2]))
def test_members_keep_their_bytes(params: dict[str, Any], ascii_only: bool, indent: int | None):
    raw = encoded(params, ensure_ascii=ascii_only, indent=indent)
    message = jsonrpc.decode(b'{"jsonrpc":"2.0","id":1,"method":"m","extra":[1],"params":' + raw + b"}")
    assert isinstance(message.params, msgspec.Raw)
    assert bytes(message.params) == raw
    fields = jsonrpc.fields(message.params)
    assert {name: json.loads(bytes(value)) for name, value in fields.items()} == params
    assert json.loads(jsonrpc.encode(fields)) == params


def is_json(body: bytes) -> bool:
    """By Python's own reader, with what RFC 8259 says besides: no NaN, text in UTF-8, no half of a surrogate pair."""

    def never(word: str) -> None:
        raise ValueError(word)

    try:
        value = json.loads(body.decode(), parse_constant=never)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


PIECES = st.one_of(
    st.sampled_from([b"{", b"}", b"[", b"]", b",", b":", b'"a"', b'"', b"\\", b"true", b"nul", b"null", b" ", b"\n"]),
    st.sampled_from([b"1", b"01", b"-", b"1.", b"1e5", b"NaN", b"\x00", b"\xff", b"\xc3\xa4", b'"\t"', b"/**/"]),
    st.sampled_from([rb'"\ud800"', rb'"\ud83d\ude00"', rb'"\x"']),
)


@given(st.lists(PIECES, max_size=8).map(b"".join))
def test_only_json_is_passed_on(piece: bytes):
    """Members are not looked into, and yet what is no JSON anywhere does not pass."""
    body = b'{"jsonrpc":"2.0","method":"m","params":{"x":' + piece + b"}}"
    try:
        jsonrpc.decode(body)
    except ParseFailed:
        assert not is_json(body)
    except BadRequest:
        assert is_json(body), "JSON, but a member has the wrong type"
    else:
        assert is_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b"null",
        b'"x"',
        b"{}",
        b'{"jsonrpc":"1.0","method":"m"}',
        b'{"jsonrpc":2.0,"method":"m"}',
        b'{"jsonrpc":null}',
        b'{"jsonrpc":"2.0","method":5}',
        b'{"jsonrpc":"2.0","method":null}',
        b'{"JSONRPC":"2.0"}',
    ],
)
def test_json_that_is_no_message(body: bytes):
    with pytest.raises(BadRequest, match="JSON-RPC"):
        jsonrpc.decode(body)


@pytest.mark.parametrize("body", [b"", b" ", b"{", b'{"jsonrpc":"2.0"}x', b"\xef\xbb\xbf{}", b"\xff", b"{'a':1}"])
def test_what_is_no_json(body: bytes):
    with pytest.raises(ParseFailed):
        jsonrpc.decode(body)


# Depth ---------------------------------------------------------------------------------------------------------------

OPEN, CLOSE = {"[": "]", "{": "}"}, {"]", "}"}


def depth(body: bytes) -> int:
    """Counted character by character, as the grammar says."""
    deepest = now = 0
    in_string = escaped = False
    for character in body.decode("latin-1"):
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in OPEN:
            now += 1
            deepest = max(deepest, now)
        elif character in CLOSE:
            now -= 1
    return deepest


@given(
    st.lists(
        st.sampled_from([b"[" * 30, b"{" * 9, b"]" * 25, b"}", b'"', b"\\", b"x", b"[", b'"[[[["']), max_size=16
    ).map(b"".join)
)
def test_depth_is_counted_outside_of_strings(body: bytes):
    if depth(body) <= jsonrpc.MAX_DEPTH:
        jsonrpc.check_depth(body)
    else:
        with pytest.raises(ParseFailed, match="deeper than 64"):
            jsonrpc.check_depth(body)


@pytest.mark.parametrize("deep", [64, 65, 10_000])
def test_depth_has_a_bound(deep: int):
    inner = deep - 1
    body = b'{"jsonrpc":"2.0","method":"m","params":' + b"[" * inner + b"]" * inner + b"}"
    if deep <= jsonrpc.MAX_DEPTH:
        jsonrpc.decode(body)
    else:
        with pytest.raises(ParseFailed, match="deeper"):
            jsonrpc.decode(body)
        with pytest.raises(ParseFailed, match="deeper"):
            jsonrpc.split_batch(body)


@pytest.mark.parametrize("unit", [b'"', b'\\"', b"\\", b'"\\', b"[", b'["', b"{}"])
def test_the_bound_costs_one_pass(unit: bytes):
    """Bytes that no tokenizer likes: twice as many take about twice as long, not four times."""
    prefix = b"[" * 100

    def seconds(count: int) -> float:
        body = prefix + unit * count
        best = 1.0
        for _ in range(3):
            began = time.process_time()
            with pytest.raises(ParseFailed):
                jsonrpc.check_depth(body)
            best = min(best, time.process_time() - began)
        return best

    assert seconds(400_000) < 12 * seconds(100_000) + 0.01


# Ids -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"0", b"1", b"-7", b"9007199254740993", b'"x"', b'""', b'"\\u00e4\\n"', b'"1"'])
def test_ids_keep_their_bytes(raw: bytes):
    message = jsonrpc.decode(b'{"jsonrpc":"2.0","method":"m","id": ' + raw + b" }")
    assert jsonrpc.request_id(message) == raw
    assert jsonrpc.response(raw, b"{}") == b'{"jsonrpc":"2.0","id":' + raw + b',"result":{}}'


@pytest.mark.parametrize(
    "raw", [b"null", b"1.5", b"1.0", b"1e3", b"true", b"[1]", b"{}", b'"' + b"x" * 1100 + b'"', b"-0.0"]
)
def test_other_ids_are_refused(raw: bytes):
    message = jsonrpc.decode(b'{"jsonrpc":"2.0","method":"m","id":' + raw + b"}")
    with pytest.raises(BadRequest, match="id must be"):
        jsonrpc.request_id(message)


def test_a_notification_has_no_id():
    assert jsonrpc.request_id(jsonrpc.decode(b'{"jsonrpc":"2.0","method":"m"}')) is None


# Batches, fields, frames ---------------------------------------------------------------------------------------------


@given(st.lists(VALUES, max_size=5))
def test_a_batch_is_split_into_its_messages(values: list[Any]):
    assert [json.loads(raw) for raw in jsonrpc.split_batch(encoded(values))] == values


@pytest.mark.parametrize(
    ("body", "fault"), [(b"{}", BadRequest), (b"1", BadRequest), (b"[1", ParseFailed), (b"", ParseFailed)]
)
def test_what_is_no_batch(body: bytes, fault: type[Fault]):
    with pytest.raises(fault):
        jsonrpc.split_batch(body)


@pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b'"x"', b"{"])
def test_parameters_are_an_object(raw: bytes):
    with pytest.raises(BadRequest, match="`params` must be an object"):
        jsonrpc.fields(msgspec.Raw(raw))


def test_absent_parameters_are_none():
    assert jsonrpc.fields(jsonrpc.decode(b'{"jsonrpc":"2.0","method":"m"}').params) == {}


@given(st.integers() | st.text(max_size=5), st.text(max_size=10), OBJECTS)
def test_what_we_write_is_json_rpc(request_id: int | str, method: str, params: dict[str, Any]):
    raw = encoded(params)
    assert json.loads(jsonrpc.request(request_id, method, raw)) == {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": method,
        "params": params,
    }
    assert json.loads(jsonrpc.notification(method, raw)) == {"jsonrpc": "2.0", "method": method, "params": params}


@given(st.integers(), st.text(max_size=10), VALUES)
def test_errors_are_json_rpc(code: int, message: str, data: Any):
    error = {"code": code, "message": message, **({} if data is None else {"data": data})}
    assert json.loads(jsonrpc.error_response(b"7", code, message, data)) == {"jsonrpc": "2.0", "id": 7, "error": error}
    assert json.loads(jsonrpc.error_response(None, code, message))["id"] is None


@pytest.mark.parametrize("raw", [b"[]", b"5", b'{"code":"x"}', b'{"message":1}'])
def test_a_malformed_error_reads_as_an_internal_one(raw: bytes):
    error = jsonrpc.error_of(msgspec.Raw(raw))
    assert (error.code, error.message) == (-32603, "the server answered with a malformed error")


@pytest.mark.parametrize(
    ("raw", "expected"), [(b'"x"', "x"), (b"1", None), (b"null", None), (b"[", None), (None, None)]
)
def test_text(raw: bytes | None, expected: str | None):
    assert jsonrpc.text(None if raw is None else msgspec.Raw(raw)) == expected
