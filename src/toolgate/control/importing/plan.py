"""The plan of an import: what becomes of each server that was found, and what is to be written for it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal

import msgspec

from toolgate.control.clients.client import Found
from toolgate.control.clients.variables import Style
from toolgate.control.importing.secret_texts import FromVariable, Secret
from toolgate.control.importing.secret_texts import Literal as Plain
from toolgate.control.importing.translating import Server, described, translate, whole
from toolgate.model.declared import ServerSpec
from toolgate.rules import names as naming

PREFIX = "MCP_"
"""How the variables begin that a stranger's server asks for, with its own name after it: never one that is set for
something else."""

Fate = Literal["new", "same", "present", "left"]
"""It is added; it was found before in another file; toolgate.yaml has it; it is left out."""


class Source(msgspec.Struct, frozen=True):
    """One file that was read: whose, where, and what is in it. `trouble` says why it could not be read. What a
    `stranger` wrote holds no secrets of ours, and is shown whole: it is what a person says yes to."""

    title: str
    path: str
    style: Style = "braced"
    found: Sequence[Found] = ()
    trouble: str = ""
    stranger: bool = False


class Line(msgspec.Struct, frozen=True):
    """What becomes of one server. `name` is ours where it is added or there, else the client's; `remark` says why or
    what else; `moved` are the names of the values that are secret."""

    fate: Fate
    name: str
    what: str
    remark: str = ""
    moved: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """`lines` by source, in the order of `sources`. `servers` are the new entries of toolgate.yaml; `files` the secrets
    to be written, by path; `unset` the variables that must be set before Toolgate starts. Not in a repr."""

    sources: tuple[Source, ...]
    lines: tuple[tuple[Line, ...], ...]
    servers: Mapping[str, dict[str, Any]]
    files: Mapping[str, str]
    unset: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Plan({list(self.servers)})"


class Ground(msgspec.Struct, frozen=True):
    """What a plan is made on.

    `present` are the servers that are declared, `taken` all names in use. `secrets` is the directory for secrets, and
    `held(path)` what a file in it holds; without a directory, secrets become variables. `is_ours` recognises Toolgate
    itself. `judge(name, entry)` answers what our own reader finds wrong with an entry. `is_set` says whether a variable
    is set. `only` names the servers that are wanted, all when it is empty.
    """

    platform: str
    present: Sequence[ServerSpec]
    taken: frozenset[str]
    secrets: PurePath | None
    held: Callable[[str], str | None]
    is_ours: Callable[[Found], bool]
    judge: Callable[[str, dict[str, Any]], str]
    is_set: Callable[[str], bool]
    only: frozenset[str] = frozenset()


def unknown(only: Iterable[str], sources: Sequence[Source]) -> tuple[str, ...]:
    """What is wrong with the names that are asked for: those that no source has. Nothing is said where no source was
    found, or one could not be read: that is what is to be told then."""
    known = sorted({found.name for source in sources for found in source.found})
    if not known or any(source.trouble for source in sources):
        return ()
    names = {*known, *(_as_name(name) for name in known)}
    listed = f": there are {', '.join(known)}"
    return tuple(
        f"--only {name[:100]}: no server that was found has this name{naming.meant(name, names) or listed}"
        for name in only
        if name not in names
    )


def plan(sources: Iterable[Source], ground: Ground) -> Plan:
    """The order of the sources decides who is first under a name."""
    making = _Making(ground)
    read = tuple(sources)
    lines = tuple(tuple(making.line(found, source) for found in source.found) for source in read)
    unset = tuple(sorted(name for name in making.variables if not ground.is_set(name)))
    return Plan(read, lines, making.entries, making.files, unset)


class _Making:
    """What has been planned so far."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._taken = set(ground.taken)
        self._planned: dict[str, Server] = {}
        self.entries: dict[str, dict[str, Any]] = {}
        self.files: dict[str, str] = {}
        self.variables: dict[str, str | None] = {}

    def line(self, found: Found, source: Source) -> Line:
        ground = self._ground
        if ground.only and found.name not in ground.only and _as_name(found.name) not in ground.only:
            return Line("left", found.name, "", "not asked for")
        if ground.is_ours(found):
            return Line("left", found.name, "", "Toolgate itself")
        if found.disabled:
            return Line("left", found.name, "", f"switched off in {source.title}")
        server = translate(found, source.style, ground.platform)
        if isinstance(server, str):
            return Line("left", found.name, "", server)
        what = whole(server) if source.stranger else described(server)
        for name, planned in self._planned.items():
            if planned.same_as(server):
                return Line("same", name, what, "merged with the one above")
        for spec in ground.present:
            if spec.kind == server.kind and all(
                spec.settings.get(key) == value for key, value in server.settings.items() if key != "cwd"
            ):
                return Line("present", spec.name, what, "declared already")
        return self._add(found, server, what, stranger=source.stranger)

    def _add(self, found: Found, server: Server, what: str, *, stranger: bool) -> Line:
        name = self._free(_as_name(found.name))
        files, variables = dict(self.files), dict(self.variables)
        entry, moved = self._entry(name, server, files, variables, PREFIX if stranger else "")
        wrong = self._ground.judge(name, entry)
        if wrong:
            return Line("left", found.name, what, wrong)
        self._taken.add(name)
        self._planned[name] = server
        self.entries[name] = entry
        new = [one for one in variables if one.startswith(PREFIX) and one not in self.variables]
        asks = [f"asks for {', '.join(new)}"] if new else []
        remark = "; ".join([found.note, *asks]) if stranger else "" if name == found.name else f"was {found.name!r}"
        self.files, self.variables = files, variables
        return Line("new", name, what, remark, tuple(moved))

    def _entry(
        self, name: str, server: Server, files: dict[str, str], variables: dict[str, str | None], prefix: str
    ) -> tuple[dict[str, Any], list[str]]:
        texts: dict[str, str] = {}
        moved: list[str] = []
        for member, meant in server.texts.items():
            match meant:
                case Secret():
                    moved.append(member)
                    reference = self._moved(name, member, meant.value, server.member, files, variables)
                    texts[member] = f"{meant.scheme} {reference}" if meant.scheme else reference
                case FromVariable():
                    asked = member if server.member == "env" and member not in variables and not prefix else ""
                    variable = meant.name or asked or prefix + _variable(name, member, server.member)
                    variables.setdefault(variable, None)
                    texts[member] = f"{meant.scheme} env:{variable}" if meant.scheme else f"env:{variable}"
                case Plain():
                    texts[member] = meant.text
                case _:
                    raise AssertionError(member)
        entry: dict[str, Any] = {"kind": server.kind, **server.settings}
        return ({**entry, server.member: texts} if texts else entry), moved

    def _moved(
        self,
        name: str,
        member: str,
        value: str,
        place: str,
        files: dict[str, str],
        variables: dict[str, str | None],
    ) -> str:
        """The reference to a secret that is moved: to a file of its own, or to a variable that the person sets."""
        directory, held = self._ground.secrets, self._ground.held
        if directory is None:
            variable = member if place == "env" and member not in variables else _variable(name, member, place)
            if variables.get(member) == value:
                variable = member
            variables[variable] = value
            return f"env:{variable}"
        stem = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{name}.{member}")
        path, number = str(directory / stem), 1
        while files.get(path, held(path)) not in (None, value):
            number += 1
            path = str(directory / f"{stem}-{number}")
        files[path] = value
        return f"file:{path}"

    def _free(self, name: str) -> str:
        if name not in self._taken:
            return name
        return next(
            free
            for number in range(2, 10_000)
            if (free := f"{name[: 39 - len(str(number))]}-{number}") not in self._taken
        )


def _as_name(text: str) -> str:
    """The name of ours that is nearest to a client's."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-") or "server"


def _variable(server: str, member: str, place: str) -> str:
    """The name of a variable for a value that had none."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", member).strip("_").upper()
    if place == "headers":
        word = {"AUTHORIZATION": "TOKEN"}.get(word, word.removeprefix("X_"))
    return f"{re.sub('[^A-Z0-9]', '_', server.upper())}_{word}".lstrip("0123456789_")
