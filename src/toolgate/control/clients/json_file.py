"""Clients whose file is JSON: servers by name in one object, whose place and members differ a little by client."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from toolgate.control.clients.client import Change, Found, Link
from toolgate.control.clients.entries import found_in
from toolgate.control.clients.json_edits import append, drop, put, take
from toolgate.control.clients.jsonc import Node, parse

Shape = Callable[[Link], dict[str, Any]]
"""What an entry of this client looks like that leads to us."""


def program(link: Link) -> dict[str, Any]:
    """A program to start: `command` and `args`, the same in every client."""
    return {"command": link.command[0], "args": list(link.command[1:])}


def bearer(link: Link, reference: str) -> dict[str, Any]:
    """The `headers` member with a client's reference to the variable that holds the key; nothing without a key."""
    return {"headers": {"Authorization": f"Bearer {reference}"}} if link.variable else {}


class Inputs(msgspec.Struct, frozen=True):
    """Values that the client asks the person for, and keeps: VS Code's `inputs`."""

    id: str
    description: str


class JsonFile(msgspec.Struct, frozen=True):
    """`section` leads to the object of servers; `further` to more of them that are only read, `*` being every name on
    the way (Claude Code keeps some per project)."""

    section: Sequence[str]
    shape: Shape
    further: Sequence[Sequence[str]] = ()
    inputs: Inputs | None = None

    def read(self, text: str) -> list[Found]:
        root = parse(text)
        found: list[Found] = []
        for path in (self.section, *self.further):
            for section in _sections(root, path):
                found += [found_in(member.name, member.value.plain()) for member in section.members]
        return found

    def connect(self, text: str, name: str, link: Link) -> Change:
        change = Change(text).after(put(text, parse(text), self.section, name, self.shape(link)))
        if self.inputs is None or link.command or not link.variable:
            return _checked(change)
        root = parse(change.text)
        wanted: dict[str, Any] = {
            "type": "promptString", "id": self.inputs.id, "description": self.inputs.description, "password": True,
        }  # fmt: skip
        present = root.get("inputs")
        if present is None:
            return _checked(change.after(put(change.text, root, (), "inputs", [wanted])))
        if self._asked(present):
            return change
        return _checked(change.after(append(change.text, present, wanted)))

    def disconnect(self, text: str, name: str) -> Change:
        change = Change(text).after(take(text, parse(text), self.section, name))
        present = parse(change.text).get("inputs")
        if change.text == text or self.inputs is None or present is None:
            return change
        return _checked(change.after([edit for place in self._asked(present) for edit in drop(present, place)]))

    def _asked(self, inputs: Node) -> list[int]:
        """Where our question stands among the client's."""
        assert self.inputs is not None
        return [
            place
            for place, item in enumerate(inputs.items)
            if item.kind == "object" and item.plain().get("id") == self.inputs.id
        ]


def _checked(change: Change) -> Change:
    """An edited file must still be one; a fault of ours must not break somebody's client."""
    parse(change.text)
    return change


def _sections(root: Node, path: Sequence[str]) -> list[Node]:
    nodes = [root]
    for step in path:
        below = [member.value for node in nodes for member in node.members if step in ("*", member.name)]
        nodes = below
    return [node for node in nodes if node.kind == "object"]
