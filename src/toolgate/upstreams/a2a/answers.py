"""What a model gets of a task or message: its text, its data, its files, the handle to go on with; within bounds."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from toolgate.model.call import Era, Result
from toolgate.model.identity import Grant
from toolgate.protocol import jsonrpc
from toolgate.upstreams.a2a.events import Part
from toolgate.upstreams.a2a.following import Followed

_TRUNCATED = "... (cut, {} characters)"
_SECRET_LENGTH = 6

_NEXT = {
    "input-required": "the agent asks for something: call again with this `task`, and your answer as `message`",
    "auth-required": "the agent waits for a sign-in, which its administrator must arrange; then ask get_task",
    "failed": "the agent failed; what it says is all that is known",
    "rejected": "the agent will not do this",
    "canceled": "the task was canceled",
    "submitted": "the agent has not begun: ask get_task with this `task` later",
    "working": "the agent works on it: ask get_task with this `task` later, or stop it with cancel_task",
    "unknown": "the agent does not say how the task is: ask get_task with this `task` later",
}
_WRONG = frozenset({"failed", "rejected", "auth-required"})


class Bounds(msgspec.Struct, frozen=True):
    """The most bytes of one answer: of text and data, and of files together."""

    told: int
    files: int


class Handed(msgspec.Struct, frozen=True):
    """The handles that go with an answer; empty where there is none."""

    task: str
    context: str


class _Sorted:
    """The parts of an answer by what becomes of them. `left` are files that had no room."""

    def __init__(self, bounds: Bounds) -> None:
        self.texts: list[str] = []
        self.data: list[Any] = []
        self.files: list[dict[str, Any]] = []
        self.left: list[str] = []
        self._room = bounds.files

    def add(self, chunks: Iterable[tuple[Part, ...]]) -> None:
        """The pieces of one artifact or message: texts of one piece are lines, pieces go on where the last ended."""
        pieces: list[str] = []
        for parts in chunks:
            pieces.append(_joined([part.text for part in parts if part.kind == "text"]))
            for part in parts:
                if part.kind == "data":
                    self.data.append(part.data)
                elif part.kind != "text":
                    self._file(part)
        text = "".join(pieces)
        if text.strip() and text not in self.texts:
            self.texts.append(text)

    def _file(self, part: Part) -> None:
        name = part.name or "file"
        if part.kind == "url":
            link = _link(part, name)
            if link is None:
                self.left.append(f"{name} (its address is no http or https URL)")
            else:
                self.files.append(link)
            return
        size = len(part.text) * 3 // 4
        if size > self._room:
            self.left.append(f"{name} ({size} bytes, more than fit into one answer)")
            return
        try:
            raw = base64.b64decode(part.text, validate=True)
        except (binascii.Error, ValueError):
            self.left.append(f"{name} (it is not base64)")
            return
        self._room -= size
        self.files.append(_embedded(part, name, raw))


def result(followed: Followed, handed: Handed, bounds: Bounds, *, asked_to_cancel: bool = False) -> Result:
    """The answer as it stands. What failed, was rejected or waits for a sign-in is an error that says so."""
    found = _Sorted(bounds)
    if followed.said is not None:
        found.add([followed.said])
    for chunks in followed.chunks.values():
        found.add(chunks)
    state = followed.state or "unknown"
    told: dict[str, Any] = {"state": state}
    told |= {"task": handed.task} if handed.task else {}
    told |= {"context": handed.context} if handed.context else {}
    notes = [_NEXT[state]] if state in _NEXT else []
    data, room = _fitting_data(found.data, bounds.told)
    if data:
        told["data"] = data[0] if len(data) == 1 else data
    if len(data) < len(found.data):
        notes.append(f"{len(found.data) - len(data)} of {len(found.data)} pieces of data do not fit into one answer")
    if found.left:
        notes.append(f"left out: {', '.join(found.left[:20])}")
    text = _fitting("\n\n".join(found.texts), room)
    told |= {"note": "; ".join(notes)} if notes else {}
    failed = state in _WRONG or (state == "canceled" and not asked_to_cancel)
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    content.append({"type": "text", "text": jsonrpc.encode(told).decode()})
    structured = {**told, "text": text} if text else told
    body = {
        "resultType": "complete",
        "content": [*content, *found.files],
        "structuredContent": structured,
        **({"isError": True} if failed else {}),
    }
    return Result(jsonrpc.encode(body), Era.MODERN, is_error=failed)


def scrubbed(encoded: bytes, grant: Grant) -> bytes:
    """JSON in, JSON out, with `***` for what is shown to the agent in secret, should it repeat that. The last net:
    nothing of ours puts it in."""
    for _, value in grant.headers:
        secret = value.rpartition(" ")[2]
        written = jsonrpc.encode(secret)[1:-1]
        if len(secret) >= _SECRET_LENGTH and written in encoded:
            encoded = encoded.replace(written, b"***")
    return encoded


def refused(text: str) -> Result:
    """A failure that the model can read and act on."""
    body = {"resultType": "complete", "content": [{"type": "text", "text": text}], "isError": True}
    return Result(jsonrpc.encode(body), Era.MODERN, is_error=True)


def _joined(texts: list[str]) -> str:
    """Each on lines of its own, but where one ends or begins with white space: those are the pieces of a stream, as an
    agent keeps them."""
    joined: list[str] = []
    for text in texts:
        if joined and text and not joined[-1][-1:].isspace() and not text[0].isspace():
            joined.append("\n")
        joined.append(text)
    return "".join(joined)


def _fitting_data(data: list[Any], most: int) -> tuple[list[Any], int]:
    """The first pieces that fit, and the bytes that are left for text."""
    kept: list[Any] = []
    for one in data:
        size = len(jsonrpc.encode(one))
        if size > most:
            break
        kept.append(one)
        most -= size
    return kept, most


def _fitting(text: str, most: int) -> str:
    raw = text.encode(errors="replace")
    if len(raw) <= most:
        return text
    return raw[:most].decode(errors="ignore") + _TRUNCATED.format(len(text))


def _link(part: Part, name: str) -> dict[str, Any] | None:
    """A file elsewhere is named, and never fetched by us."""
    try:
        parts = urlsplit(part.text)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or len(part.text) > 4000:
        return None
    link = {"type": "resource_link", "uri": part.text, "name": name}
    return {**link, "mimeType": part.media_type} if part.media_type else link


def _embedded(part: Part, name: str, raw: bytes) -> dict[str, Any]:
    kind = part.media_type.partition("/")[0]
    encoded = base64.b64encode(raw).decode()
    if kind in ("image", "audio"):
        return {"type": kind, "data": encoded, "mimeType": part.media_type}
    resource: dict[str, Any] = {"uri": f"a2a:///{quote(name, safe='')}"}
    resource |= {"mimeType": part.media_type} if part.media_type else {}
    if kind == "text" or part.media_type == "application/json":
        try:
            return {"type": "resource", "resource": {**resource, "text": raw.decode()}}
        except UnicodeDecodeError:
            pass
    return {"type": "resource", "resource": {**resource, "blob": encoded}}
