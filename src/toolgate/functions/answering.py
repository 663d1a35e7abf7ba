"""One call: arguments from JSON, the function, its result as a result of MCP."""

import os
import traceback
from base64 import b64encode
from typing import Any, cast

import msgspec

from toolgate.functions import Audio, Context, Image, ToolError, annotations
from toolgate.functions.definitions import Tool

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MOST_STEPS = 20

_encode = msgspec.json.Encoder(enc_hook=annotations.to_plain).encode


class Refused(Exception):
    """The arguments are no good; the message tells the model what to change."""


class WrongResult(TypeError):
    """The result is not what the function says that it returns, or no JSON. The message holds no value."""


def arguments(tool: Tool, given: bytes, context: Context) -> dict[str, Any]:
    """Raises Refused."""
    try:
        read = tool.read(given)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        known = ", ".join(tool.parameters) or "no arguments"
        more = f"; it takes {known}" if str(error).startswith("Object contains unknown field") else ""
        raise Refused(f"{error}{more}") from None
    values = {name: value for name in tool.parameters if (value := getattr(read, name)) is not msgspec.UNSET}
    if tool.context is not None:
        values[tool.context] = context
    return values


def result(tool: Tool, value: Any) -> bytes:
    """Raises WrongResult."""
    try:
        if tool.check is None:
            return _encode({"resultType": "complete", "content": _content(value)})
        encoded = _encode(value)
        tool.check(encoded)
    except UnicodeEncodeError:
        raise WrongResult("a text in it is no Unicode") from None
    except (msgspec.DecodeError, NotImplementedError, TypeError, OverflowError) as error:
        raise WrongResult(str(error)) from None
    content = [{"type": "text", "text": encoded.decode()}]
    return _encode({"resultType": "complete", "content": content, "structuredContent": msgspec.Raw(encoded)})


def failure(text: str) -> bytes:
    """A failure that the model can read."""
    return _encode({"resultType": "complete", "content": [{"type": "text", "text": _sound(text)}], "isError": True})


def told(tool: Tool, error: BaseException, reference: str) -> str:
    """What the model hears of an exception: all of a ToolError, and of any other its type."""
    if isinstance(error, (ToolError, Refused)):
        return f"{tool.name}: {error}"
    return f"{tool.name} failed: {type(error).__name__} (reference {reference})"


def places(error: BaseException) -> str:
    """Where it was raised, and what raised it in turn. Without messages: they tend to hold what the caller gave."""
    lines: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        steps = "".join(_theirs(one)).rstrip()
        lines.append(f"{type(one).__name__}: {one}" if isinstance(one, WrongResult) else type(one).__name__)
        lines.append(steps)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return _sound("\n".join(line for line in lines if line))


def _sound(text: str) -> str:
    """Without what cannot be sent: a message may hold halves of characters."""
    return text.encode("utf-8", "replace").decode()


def _theirs(error: BaseException) -> list[str]:
    """The lines that led there, without ours that called the function."""
    steps = traceback.extract_tb(error.__traceback__)
    ours = next((place for place, step in enumerate(steps) if not step.filename.startswith(_HERE)), len(steps))
    return traceback.format_list(steps[ours:][-_MOST_STEPS:])


def _content(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        several = cast("list[Any]", value)
        if any(isinstance(one, (Image, Audio)) for one in several):
            return [block for one in several for block in _content(one)]
    if isinstance(value, (Image, Audio)):
        kind = "image" if isinstance(value, Image) else "audio"
        return [{"type": kind, "data": b64encode(value.data).decode(), "mimeType": value.mime_type}]
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return [{"type": "text", "text": _encode(value).decode()}]
