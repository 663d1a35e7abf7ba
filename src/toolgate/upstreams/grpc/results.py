"""What a tool answers: the message as JSON, within a bound, cut between rows and said so."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from toolgate.model.call import Era, Result
from toolgate.protocol import jsonrpc
from toolgate.upstreams.connector.results import cut_texts

_LONGEST_TEXTS = (8000, 2000, 500, 100)
_SECRET_LENGTH = 6


def capped(told: dict[str, Any], most: int) -> dict[str, Any]:
    """The longest list of the message loses its last rows until it fits; if that does not help, long texts are cut."""
    size = len(jsonrpc.encode(told))
    if size <= most:
        return told
    lists = {name: cast("list[Any]", value) for name, value in told.items() if isinstance(value, list)}
    if lists:
        name = max(lists, key=lambda one: len(jsonrpc.encode(lists[one])))
        rows = lists[name]
        room = most - (size - len(jsonrpc.encode(rows))) - 200
        kept = _rows(rows, room)
        if kept:
            note = f"{kept} of {len(rows)} rows of {name}: more do not fit into one answer"
            return {**told, name: rows[:kept], "truncated": True, "note": note}
    for longest in _LONGEST_TEXTS:
        cut = cast("dict[str, Any]", cut_texts(told, longest))
        if len(jsonrpc.encode(cut)) <= most - 200:
            return {**cut, "truncated": True, "note": "long texts are cut to fit one answer"}
    return {"truncated": True, "note": f"{size} bytes, more than the {most} that an answer may have: ask for less"}


def _rows(rows: Sequence[Any], room: int) -> int:
    for count, row in enumerate(rows):
        room -= len(jsonrpc.encode(row)) + 1
        if room < 0:
            return count
    return len(rows)


class Scrub:
    """Takes secrets out of what is answered, should the server repeat one. The last net: nothing puts one in."""

    def __init__(self, metadata: Sequence[tuple[str, str]]) -> None:
        secrets = {value.rpartition(" ")[2] for _, value in metadata}
        self._written = [jsonrpc.encode(one)[1:-1] for one in secrets if len(one) >= _SECRET_LENGTH]

    def __repr__(self) -> str:
        return f"Scrub({len(self._written)} secrets)"

    def json(self, encoded: bytes) -> bytes:
        for secret in self._written:
            encoded = encoded.replace(secret, b"***")
        return encoded


def structured(told: dict[str, Any], scrub: Scrub) -> Result:
    """As structured content, and as the same JSON in a text for clients that know no other."""
    encoded = scrub.json(jsonrpc.encode(told))
    body = {
        "resultType": "complete",
        "content": [{"type": "text", "text": encoded.decode()}],
        "structuredContent": msgspec.Raw(encoded),
    }
    return Result(jsonrpc.encode(body), Era.MODERN)


def refused(text: str, scrub: Scrub) -> Result:
    """A failure that the model can read and act on."""
    body = {"resultType": "complete", "content": [{"type": "text", "text": text}], "isError": True}
    return Result(scrub.json(jsonrpc.encode(body)), Era.MODERN, is_error=True)
