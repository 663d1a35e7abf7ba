"""JSON-RPC 2.0 frames: decoded one level deep, so that everything we do not decide on stays raw bytes and survives."""

import re
from itertools import accumulate

import msgspec

from toolgate.model.call import Fields
from toolgate.model.errors import BadRequest, ParseFailed

MAX_DEPTH = 64
"""Deepest nesting of one message; real tool arguments stay below 20."""

_MAX_ID = 1024
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
"""Possessive, and an unfinished one reaches to the end: no byte is looked at twice."""

_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}.__getitem__
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]*)\Z")

_encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct, gc=False):
    """Any one frame. Members that are absent are UNSET; `id`, `params`, `result` and `error` keep their exact bytes."""

    jsonrpc: str = ""
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ErrorBody(msgspec.Struct, gc=False):
    """The `error` member of a response."""

    code: int = -32603
    message: str = ""
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ResultHead(msgspec.Struct, gc=False):
    """The two members of a result that decide its outcome."""

    isError: bool = False  # noqa: N815 - the wire's name
    resultType: str | None = None  # noqa: N815


_decode_message = msgspec.json.Decoder(Message).decode
_decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_error = msgspec.json.Decoder(ErrorBody).decode
_decode_text = msgspec.json.Decoder(str).decode
decode_result_head = msgspec.json.Decoder(ResultHead).decode


def check_depth(body: bytes) -> None:
    """Raises ParseFailed when the JSON nests deeper than MAX_DEPTH. Costs two byte counts for ordinary messages, and
    never more than one pass over the bytes: whoever sends the message need not be known yet."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    if max(accumulate(map(_STEP, _STRING.sub(b"", body).translate(None, _NO_BRACKETS))), default=0) > MAX_DEPTH:
        raise ParseFailed(f"the message nests deeper than {MAX_DEPTH} levels")


def decode(body: bytes) -> Message:
    """One frame. Raises ParseFailed for what is not JSON, BadRequest for JSON that is no JSON-RPC 2.0 message."""
    check_depth(body)
    try:
        # Raw members are not looked into, so that bytes which are no UTF-8 would go out as they came in.
        if not body.isascii():
            body.decode()
        message = _decode_message(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"not a JSON-RPC message: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseFailed(f"not JSON: {error}") from None
    if message.jsonrpc != "2.0":
        raise BadRequest('not a JSON-RPC message: `jsonrpc` must be "2.0"')
    return message


def split_batch(body: bytes) -> list[bytes]:
    """The messages of a batch (2025-03-26). Raises ParseFailed or BadRequest."""
    check_depth(body)
    try:
        return [bytes(raw) for raw in _decode_batch(body)]
    except msgspec.ValidationError as error:
        raise BadRequest(f"not a batch: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseFailed(f"not JSON: {error}") from None


def request_id(message: Message) -> bytes | None:
    """The id's exact bytes, or None for a notification. Raises BadRequest unless it is a string or an integer."""
    if message.id is msgspec.UNSET:
        return None
    raw = bytes(message.id)  # type: ignore[arg-type]
    if len(raw) > _MAX_ID or not (raw.isdigit() or raw[:1] == b'"' or _INTEGER.match(raw)):
        raise BadRequest("the request id must be a string or an integer")
    return raw


def fields(raw: msgspec.Raw | bytes | msgspec.UnsetType, what: str = "params") -> Fields:
    """A JSON object one level deep; an absent one is empty. Raises BadRequest when it is not an object."""
    if raw is msgspec.UNSET:
        return {}
    try:
        return _decode_fields(raw)  # type: ignore[arg-type]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest(f"`{what}` must be an object") from None


def is_object(raw: msgspec.Raw | msgspec.UnsetType | None) -> bool:
    """Whether a raw member is a JSON object."""
    return isinstance(raw, msgspec.Raw) and bytes(memoryview(raw)[:1]) == b"{"


def text(raw: msgspec.Raw | None) -> str | None:
    """The value of a raw JSON string; None when it is absent or something else."""
    if raw is None:
        return None
    try:
        return _decode_text(raw)
    except msgspec.DecodeError:
        return None


def encode(value: object) -> bytes:
    """Any value as JSON; Raw members are copied as they are."""
    return _encode(value)


def encode_raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def response(request_id: bytes, result: bytes) -> bytes:
    return b"".join((b'{"jsonrpc":"2.0","id":', request_id, b',"result":', result, b"}"))


def error_response(request_id: bytes | None, code: int, message: str, data: object = None) -> bytes:
    body: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        body["data"] = data
    return b"".join((b'{"jsonrpc":"2.0","id":', request_id or b"null", b',"error":', _encode(body), b"}"))


def request(request_id: int | str, method: str, params: Fields | bytes) -> bytes:
    encoded = params if isinstance(params, bytes) else _encode(params)
    return b"".join(
        (b'{"jsonrpc":"2.0","id":', _encode(request_id), b',"method":', _encode(method), b',"params":', encoded, b"}")
    )


def notification(method: str, params: bytes) -> bytes:
    return b"".join((b'{"jsonrpc":"2.0","method":', _encode(method), b',"params":', params, b"}"))


def error_of(raw: msgspec.Raw) -> ErrorBody:
    """The error of a response; a malformed one reads as an internal error."""
    try:
        return _decode_error(raw)
    except msgspec.DecodeError:
        return ErrorBody(message="the server answered with a malformed error")
