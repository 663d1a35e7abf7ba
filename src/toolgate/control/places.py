"""Typed reading of a source tree: a Place is a node, its path from the top, and the findings that it reports to.

Every reader answers None (or nothing) after reporting what is wrong, so that reading goes on and all findings are made.
"""

import re
from collections.abc import Collection, Sequence

import msgspec

from toolgate.control.source import Findings, Node, step
from toolgate.rules import units
from toolgate.rules.names import NAME, NAME_RULE, closest

LONGEST_TEXT = 4096


class Names(msgspec.Struct, frozen=True):
    """Names that may be referred to. Where there may be `others`, nothing that is referred to is missing here."""

    known: frozenset[str] = frozenset()
    others: bool = False

    def __contains__(self, name: object) -> bool:
        return self.others or name in self.known

    def meant(self, name: str) -> str:
        return closest(name, self.known)


class Place:
    """One spot of the file. `line` is where its key stands, or where it begins in a list."""

    def __init__(self, node: Node, path: str, findings: Findings, line: int | None = None) -> None:
        self.node = node
        self.path = path
        self.findings = findings
        self.line = node.line if line is None else line

    def wrong(self, reason: str, suggestion: str = "") -> None:
        self.findings.add(self.line, self.path, reason, suggestion)

    def expected(self, what: str) -> None:
        self.wrong(f"expected {what}, found {self.node.kind}")

    def is_empty(self) -> bool:
        """Whether this is a list or mapping of nothing."""
        return self.node.value in (None, (), {})

    def entries(self) -> dict[str, "Place"]:
        """The places below a mapping, in order; nothing (`servers:`) is an empty one."""
        value = self.node.value
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.expected("a mapping")
            return {}
        lines = self.node.key_lines
        return {key: Place(node, step(self.path, key), self.findings, lines[key]) for key, node in value.items()}

    def items(self) -> list["Place"]:
        """The places of a list, in order; nothing is an empty one."""
        value = self.node.value
        if value is None:
            return []
        if not isinstance(value, tuple):
            self.expected("a list")
            return []
        return [Place(node, f"{self.path}[{place}]", self.findings) for place, node in enumerate(value)]

    def record(self, known: Sequence[str], required: Collection[str] = ()) -> dict[str, "Place"]:
        """The places below a mapping whose keys are fixed. Unknown and missing keys are findings."""
        entries = self.entries()
        for key in [key for key in entries if key not in known]:
            entries.pop(key).wrong("unknown key", closest(key, known))
        if self.node.value is None or isinstance(self.node.value, dict):
            for key in required:
                if key not in entries:
                    self.wrong(f"`{key}` is missing")
        return entries

    def named(self, pattern: re.Pattern[str] = NAME, rule: str = NAME_RULE) -> dict[str, "Place"]:
        """The places below a mapping whose keys are names of the user's choice. A bad name is a finding; its place
        stays, so that what is below it is read too."""
        entries = self.entries()
        for name, place in entries.items():
            if not pattern.fullmatch(name):
                place.wrong(rule, _as_name(name) if pattern is NAME else "")
        return entries

    def text(self) -> str | None:
        value = self.node.value
        if isinstance(value, str) and value:
            if len(value) <= LONGEST_TEXT:
                return value
            self.wrong(f"longer than {LONGEST_TEXT} characters")
        elif isinstance(value, (int, float, bool)):
            self.wrong(f"expected a text, found {self.node.kind}: put it in quotes")
        elif value == "":
            self.wrong("expected a text, found an empty one")
        else:
            self.expected("a text")
        return None

    def flag(self) -> bool | None:
        if isinstance(self.node.value, bool):
            return self.node.value
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}
        word = self.node.value.lower() if isinstance(self.node.value, str) else ""
        self.wrong(f"expected true or false, found {self.node.kind}", meant.get(word, closest(word, ("true", "false"))))
        return None

    def choice(self, options: Sequence[str]) -> str | None:
        value = self.node.value
        if isinstance(value, str) and value in options:
            return value
        if isinstance(value, str):
            self.wrong(f"must be one of {', '.join(options)}", closest(value, options))
        else:
            self.expected(f"one of {', '.join(options)}")
        return None

    def seconds(self, least: float, most: float) -> float | None:
        """A number of seconds, or a text with a unit (`500ms`, `30s`, `2m`, `1h`)."""
        value = self.node.value
        if isinstance(value, str):
            value = units.seconds(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.expected(units.SECONDS_FORMS)
            return None
        if not least <= value <= most:
            self.wrong(f"must be between {least:g} and {most:g} seconds")
            return None
        return float(value)

    def size(self, least: int, most: int) -> int | None:
        """A number of bytes, or a text with a unit (`512KiB`, `8MiB`)."""
        value = self.node.value
        if isinstance(value, str):
            value = units.size(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.expected(units.BYTES_FORMS)
            return None
        if not least <= value <= most:
            self.wrong(f"must be between {least} and {most} bytes")
            return None
        return value

    def moment(self) -> float | None:
        """A date or time of ISO 8601 as Unix time; without an offset it is UTC, and a date is its first second. What is
        a number is Unix time already."""
        value = self.node.value
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= _FIRST_MOMENT:
            return float(value)
        text = self.text()
        if text is None:
            return None
        when = units.moment(text)
        if when is None:
            self.wrong(f"expected {units.MOMENT_FORMS}")
        return when

    def texts(self) -> list[tuple["Place", str]]:
        """The texts of a list, with their places; one that stands there twice is a finding."""
        found: list[tuple[Place, str]] = []
        seen: set[str] = set()
        for place in self.items():
            text = place.text()
            if text is None:
                continue
            if text in seen:
                place.wrong("this already stands in the list")
                continue
            seen.add(text)
            found.append((place, text))
        return found

    def references(self, known: Names, what: str) -> list[str]:
        """The texts of a list that must be names of something declared; `what` says of what."""
        found: list[str] = []
        for place, name in self.texts():
            if name in known:
                found.append(name)
            else:
                place.wrong(f"no {what} of this name is declared", known.meant(name))
        return found


_STEP = re.compile(r"\[(?P<place>[0-9]+|\.\.\.)\]|(?P<key>[^.\[\]]+)")
_FIRST_MOMENT = 1e9
"""Unix time before which no number is meant as one (2001)."""


def steps(path: str) -> list[str | int]:
    """The steps of a path as `$.env.KEY` or `command[0]`; those that msgspec does not number (`[...]`) end it."""
    found: list[str | int] = []
    for one in _STEP.finditer(path.removeprefix("$")):
        if one["place"] == "...":
            break
        found.append(int(one["place"]) if one["place"] else one["key"])
    return found


def _as_name(text: str) -> str:
    """The legal name that is nearest to this text; empty when there is none."""
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:40]
    return name if NAME.fullmatch(name) else ""
