"""What a tool answers: parts of the product's answer, within a bound, cut only between rows, and said so."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from toolgate.model.call import Era, Result
from toolgate.model.errors import ParseFailed
from toolgate.protocol import jsonrpc
from toolgate.upstreams.connector.trouble import Trouble

_encode = msgspec.json.Encoder().encode
_LONGEST_TEXTS = (8000, 2000, 500, 100)
"""Characters to which texts within one result are cut, tried in order until it fits."""

DEEP = "this cannot be shown: what the product answered nests too deep"
_SECRET_LENGTH = 6
HIDDEN = "***"


class Scrub:
    """Takes secrets out of what is answered, should the product repeat one. The last net: nothing puts one in."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._plain = sorted({secret for secret in secrets if len(secret) >= _SECRET_LENGTH}, key=len, reverse=True)
        self._encoded = [_encode(secret)[1:-1] for secret in self._plain]

    def __repr__(self) -> str:
        return f"Scrub({len(self._plain)} secrets)"

    def text(self, text: str) -> str:
        for secret in self._plain:
            text = text.replace(secret, HIDDEN)
        return text

    def json(self, encoded: bytes) -> bytes:
        """JSON in, JSON out: a secret is looked for as it is written within a JSON text."""
        for secret in self._encoded:
            if secret in encoded:
                encoded = encoded.replace(secret, HIDDEN.encode())
        return encoded


def fitting(rows: Sequence[Any], most: int) -> tuple[list[Any], int]:
    """The first rows that fit into `most` bytes together, and how many they are. At least one: a single row that is
    larger is shortened."""
    kept: list[Any] = []
    size = 0
    for row in rows:
        size += len(_encode(row)) + 1
        if size > most:
            break
        kept.append(row)
    if not kept and rows:
        return [shortened(rows[0], most)], 1
    return kept, len(kept)


def shortened(value: Any, most: int) -> Any:
    """A value whose longest texts are cut until it fits; what still does not is left out, and said so."""
    if len(_encode(value)) <= most:
        return value
    for longest in _LONGEST_TEXTS:
        cut = cut_texts(value, longest)
        if len(_encode(cut)) <= most:
            return cut
    return {"left_out": f"{len(_encode(value))} bytes, more than the {most} that a result may have"}


def without(value: Any, names: frozenset[str]) -> Any:
    """A value without the members of these names, wherever they stand."""
    if isinstance(value, list):
        return [without(item, names) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in cast("dict[str, Any]", value).items() if key not in names}
    return value


def cut_texts(value: Any, longest: int) -> Any:
    """A value whose texts are cut at this many characters, and say so."""
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[:longest]}... (cut, {len(value)} characters)"
    if isinstance(value, list):
        return [cut_texts(item, longest) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: cut_texts(item, longest) for key, item in cast("dict[str, Any]", value).items()}
    return value


def lines(text: str, most: int) -> tuple[str, bool]:
    """As many whole lines as fit into `most` bytes; and whether that is less than all. One line that is longer is cut
    where it must be."""
    raw = text.encode()
    if len(raw) <= most:
        return text, False
    kept = raw[:most].rpartition(b"\n")[0] or raw[:most]
    return kept.decode(errors="ignore"), True


def structured(value: Mapping[str, Any], scrub: Scrub) -> Result:
    """As structured content, and as the same JSON in a text for clients that know no other. Raises Trouble for what
    nests so deep that nobody means it."""
    encoded = scrub.json(_encode(value))
    try:
        jsonrpc.check_depth(encoded)
    except ParseFailed:
        raise Trouble(DEEP) from None
    body = {
        "resultType": "complete",
        "content": [{"type": "text", "text": encoded.decode()}],
        "structuredContent": msgspec.Raw(encoded),
    }
    return Result(msgspec.json.encode(body), Era.MODERN)


def refused(text: str, scrub: Scrub) -> Result:
    """A failure that the model can read and act on."""
    body = {
        "resultType": "complete",
        "content": [{"type": "text", "text": scrub.text(text)}],
        "isError": True,
    }
    return Result(jsonrpc.encode(body), Era.MODERN, is_error=True)
