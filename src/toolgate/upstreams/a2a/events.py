"""What an agent says, in one form for all versions: a task, a message, or what has changed of a task.

1.0 wraps each in a member that names it (`task`, `message`, `statusUpdate`, `artifactUpdate`), and calls states
`TASK_STATE_WORKING`; 0.x has a member `kind`, and calls them `working`. A2A 1.0 section 4.1, 0.3 section 6.
"""

from typing import Any, Literal, cast

import msgspec

WRAPPERS = ("task", "message", "statusUpdate", "artifactUpdate")
ENDED = frozenset({"completed", "canceled", "failed", "rejected"})
"""States from which nothing follows."""

ASKING = frozenset({"input-required", "auth-required"})
"""States in which the agent waits for somebody."""

_STATES = frozenset({*ENDED, *ASKING, "submitted", "working", "unknown"})
_LONGEST_ID = 512


class Part(msgspec.Struct, frozen=True):
    """One piece of content. `text` is what `kind` says: the text, base64 or the URL; `data` any JSON value."""

    kind: Literal["text", "data", "raw", "url"]
    text: str = ""
    data: Any = None
    name: str = ""
    media_type: str = ""


class Artifact(msgspec.Struct, frozen=True):
    """One result of a task, or a piece of it."""

    id: str
    parts: tuple[Part, ...]


class Event(msgspec.Struct, frozen=True):
    """`said` is the message that comes with it, None where there is none; `append` continues an artifact; `whole` says
    that this is all there is of the task. `state` is empty where it is not told."""

    kind: Literal["task", "message", "status", "artifact"]
    task: str = ""
    context: str = ""
    state: str = ""
    said: tuple[Part, ...] | None = None
    artifacts: tuple[Artifact, ...] = ()
    append: bool = False
    final: bool = False


class NoEvent(Exception):
    """This is nothing that an agent may say."""


def event(value: Any) -> Event:
    """Raises NoEvent."""
    one = _members(value)
    for wrapper in WRAPPERS:
        if isinstance(one.get(wrapper), dict) and "id" not in one and "kind" not in one:
            one = _members(one[wrapper])
            break
    if "artifact" in one:
        artifact = _artifact(one["artifact"])
        return Event(
            "artifact", _id(one.get("taskId")), _id(one.get("contextId")), artifacts=(artifact,),
            append=one.get("append") is True,
        )  # fmt: skip
    if "status" in one:
        return _told(one)
    if "parts" in one:
        return Event("message", _id(one.get("taskId")), _id(one.get("contextId")), said=_parts(one))
    raise NoEvent


def _told(one: dict[str, Any]) -> Event:
    """A task, or the new status of one."""
    status = _members(one["status"])
    message = status.get("message")
    said = _parts(_members(message)) if message is not None else None
    context, state = _id(one.get("contextId")), _state(status.get("state"))
    if "taskId" in one:
        return Event("status", _id(one["taskId"]), context, state, said, final=one.get("final") is True)
    artifacts = tuple(_artifact(value) for value in _items(one.get("artifacts")))
    if said is None and not artifacts:
        said = _last_word(one)
    task = _id(one.get("id"))
    if not task:
        raise NoEvent
    return Event("task", task, context, state, said, artifacts)


def _last_word(one: dict[str, Any]) -> tuple[Part, ...] | None:
    """What the agent said last, of a task that holds no other answer."""
    spoken = [_members(message) for message in _items(one.get("history"))]
    own = [message for message in spoken if message.get("role") in ("agent", "ROLE_AGENT")]
    return _parts(own[-1]) if own else None


def _state(value: Any) -> str:
    state = str(value).removeprefix("TASK_STATE_").replace("_", "-").lower()
    return state if state in _STATES else "unknown"


def _artifact(value: Any) -> Artifact:
    one = _members(value)
    return Artifact(_id(one.get("artifactId")), _parts(one))


def _parts(one: dict[str, Any]) -> tuple[Part, ...]:
    return tuple(part for value in _items(one.get("parts")) if (part := _part(_members(value))) is not None)


def _part(one: dict[str, Any]) -> Part | None:
    """None for a kind that is not known: what it holds cannot be shown."""
    file = one.get("file")
    if isinstance(file, dict):
        file = _members(file)
        one = {
            "raw": file.get("bytes"), "url": file.get("uri"), "filename": file.get("name"),
            "mediaType": file.get("mimeType"),
        }  # fmt: skip
    name, media_type = _short(one.get("filename")), _short(one.get("mediaType"))
    if isinstance(one.get("text"), str):
        return Part("text", one["text"], name=name, media_type=media_type)
    for kind in ("raw", "url"):
        if isinstance(one.get(kind), str):
            return Part(kind, one[kind], name=name, media_type=media_type)
    return Part("data", data=one["data"], name=name, media_type=media_type) if "data" in one else None


def _short(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _members(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NoEvent
    return cast("dict[str, Any]", value)


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise NoEvent
    return cast("list[Any]", value)


def _id(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        raise NoEvent
    return value
