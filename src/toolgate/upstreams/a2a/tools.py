"""An agent's skills as tools: their names, what they take, and how that is read."""

from collections.abc import Container
from typing import Annotated, Any, TypeVar

import msgspec

from toolgate import __version__
from toolgate.model.call import Outbound
from toolgate.model.catalog import Offer, OfferKind
from toolgate.protocol import jsonrpc
from toolgate.rules import globs
from toolgate.rules.redaction import printable
from toolgate.rules.tool_names import tool_name
from toolgate.upstreams.a2a.card import Card, Skill
from toolgate.upstreams.a2a.trouble import Trouble

GET_TASK, CANCEL_TASK = "get_task", "cancel_task"

_LONGEST_DESCRIPTION = 1000
_LONGEST_EXAMPLE = 200
_MOST_EXAMPLES = 5
_LONGEST_MESSAGE = 200_000
_MOST_WAIT = 3600


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a skill."""

    message: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_MESSAGE)]
    data: dict[str, Any] | None = None
    task: str | None = None
    context: str | None = None


class Get(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `get_task`; `wait` is in seconds."""

    task: str
    wait: Annotated[float, msgspec.Meta(ge=0, le=_MOST_WAIT)] = 0


class Cancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `cancel_task`."""

    task: str


A = TypeVar("A")


def arguments(out: Outbound, shape: type[A]) -> A:
    """Raises Trouble."""
    try:
        return msgspec.json.decode(out.params.get("arguments", b"{}"), type=shape)
    except msgspec.ValidationError as error:
        raise Trouble(f"arguments: {str(error)[:1].lower()}{str(error)[1:]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Trouble("arguments: expected an object") from None


def named(card: Card, chosen: tuple[str, ...]) -> dict[str, Skill]:
    """The chosen skills by tool name. An agent without skills has one: to be talked to."""
    skills = [skill for skill in card.skills if any(globs.matches(glob, skill.id) for glob in chosen)]
    if not card.skills:
        skills = [Skill("send_message", f"Ask {card.name}", card.description)]
    tools: dict[str, Skill] = {}
    for skill in skills:
        tools.setdefault(_name(skill.id, tools), skill)
    return tools


def _name(skill: str, taken: Container[str]) -> str:
    """A skill that would be called as one of our own tools has another name."""
    name = tool_name(skill, taken, noun="skill")
    return name if name not in (GET_TASK, CANCEL_TASK) else tool_name(f"skill_{skill}", taken, noun="skill")


def offers(card: Card, tools: dict[str, Skill]) -> tuple[Offer, ...]:
    """One tool for each skill, and the two that go on with a task."""
    definitions = [_skill(card, tool, skill) for tool, skill in tools.items()]
    definitions += [_get_task(), _cancel_task()] if tools else []
    return tuple(
        Offer(OfferKind.TOOL, one["name"], {key: jsonrpc.encode_raw(value) for key, value in one.items()})
        for one in definitions
    )


def instructions(card: Card) -> str:
    """What a client is told of the agent as a whole."""
    return f"{_line(card.name)}: {_line(card.description)}"[:_LONGEST_DESCRIPTION]


def server_info(card: Card) -> bytes:
    title = _line(card.name)[:200]
    return jsonrpc.encode({"name": "a2a", "title": title, "version": _line(card.version)[:50] or __version__})


def _skill(card: Card, tool: str, skill: Skill) -> dict[str, Any]:
    title = _line(skill.name)[:200] or tool
    modes = skill.input_modes or card.default_input_modes or ()
    properties: dict[str, Any] = {
        "message": {"type": "string", "minLength": 1, "description": "What you want from the agent, in words."},
        "task": {
            "type": "string",
            "description": "The handle of a task that waits for input: the message goes on with it.",
        },
        "context": {
            "type": "string",
            "description": "The handle of a conversation: the message begins a new task in it.",
        },
    }
    if not modes or any("json" in mode for mode in modes):
        properties["data"] = {"type": "object", "description": "Structured input, where the skill takes some."}
    return _tool(tool, title, _described(card, skill), properties, {"readOnlyHint": False, "openWorldHint": True})


def _described(card: Card, skill: Skill) -> str:
    said = _line(skill.description) or _line(skill.name) or _line(card.description)
    text = f"{said or 'A skill of an agent'}"[:_LONGEST_DESCRIPTION]
    examples = [f"“{_line(one)[:_LONGEST_EXAMPLE]}”" for one in (skill.examples or ())[:_MOST_EXAMPLES] if one.strip()]
    while examples:
        longer = f"{text.rstrip('.')}. For example: {', '.join(examples)}"
        if len(longer) <= _LONGEST_DESCRIPTION:
            return longer
        examples.pop()
    return text


def _get_task() -> dict[str, Any]:
    properties = {
        "task": {"type": "string", "description": "The handle of the task, as it was given."},
        "wait": {
            "type": "number", "minimum": 0, "maximum": _MOST_WAIT,
            "description": "Seconds to wait for the task to end or ask something; 0 unless given.",
        },
    }  # fmt: skip
    hints = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": True}
    return _tool(GET_TASK, "Get a task", "How a task of this agent is, and its answer so far.", properties, hints)


def _cancel_task() -> dict[str, Any]:
    properties = {"task": {"type": "string", "description": "The handle of the task, as it was given."}}
    hints = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True, "openWorldHint": True}
    return _tool(CANCEL_TASK, "Cancel a task", "Asks the agent to stop working on a task.", properties, hints)


def _tool(
    tool: str, title: str, description: str, properties: dict[str, Any], hints: dict[str, bool]
) -> dict[str, Any]:
    required = [key for key in ("message",) if key in properties] or ["task"]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    annotations = {"title": title, **hints}
    return {
        "name": tool, "title": title, "description": description, "inputSchema": schema, "annotations": annotations,
    }  # fmt: skip


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
