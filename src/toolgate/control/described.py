"""Servers, virtual servers and tools as texts to search in: what those who may see them are shown anyway."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from toolgate.control.actors import Actor
from toolgate.control.compiler import Compiled
from toolgate.control.parts import Part, Placed
from toolgate.model.call import Fields
from toolgate.model.catalog import OfferKind
from toolgate.model.entities import Server, ServerState, Virtual
from toolgate.protocol import jsonrpc
from toolgate.rules.directory import Directory
from toolgate.rules.filed import everything
from toolgate.rules.scopes import Need, of_server
from toolgate.rules.searching import index
from toolgate.rules.searching.index import Document

LONGEST_TEXT = 4000
"""Characters of one text that are searched."""
LONGEST_DETAIL = 300
"""Characters of one parameter's description that are searched."""
MOST_PARAMETERS = 64
DEEPEST = 4
"""Levels of parameters below each other that are searched."""
SHOWN = 200
"""Characters of a text that a hit shows."""


class Described(msgspec.Struct, frozen=True):
    """A server or virtual server. `served` says whether new callers are served by it; `instructions` are what it tells
    those who connect to it."""

    name: str
    virtual: bool
    description: str
    tags: tuple[str, ...]
    served: bool
    instructions: str = ""

    def may_read(self, directory: Directory, who: Actor) -> bool:
        return who.may(Need("server:read", of_server(directory, self.name)))

    def document(self) -> Document:
        texts = (
            (index.NAME, self.name),
            (index.TAGS, " ".join(self.tags)),
            (index.DESCRIPTION, self.description[:LONGEST_TEXT]),
            (index.DETAILS, self.instructions[:LONGEST_TEXT]),
        )
        return Document(self.name, self.name, texts)


def describe(directory: Directory, compiled: Compiled) -> dict[str, Described]:
    """Every server and virtual server of the records and the file, by name."""
    found: dict[str, Described] = {}
    for entity in (Server, Virtual):
        for record in directory.all(entity).values():
            served = record.state is ServerState.LIVE
            said = _instructions(compiled, record.name) if entity is Server else ""
            found[record.name] = Described(
                record.name, entity is Virtual, record.description, record.tags, served, said
            )
    withheld = directory.declared.withheld
    known = everything(directory, Server)
    for spec in directory.declared.servers:
        served = spec.listed and spec.name not in withheld
        said = known[spec.name].description if spec.name in known else ""
        found[spec.name] = Described(spec.name, False, said, spec.tags, served, _instructions(compiled, spec.name))
    for spec in directory.declared.virtual:
        served = spec.listed and spec.name not in withheld
        found[spec.name] = Described(spec.name, True, spec.description or "", spec.tags, served)
    return found


def _instructions(compiled: Compiled, name: str) -> str:
    part = compiled.parts.get(name)
    return "" if part is None else part.instructions or ""


def tool_documents(part: Part) -> Iterator[Document | None]:
    """A document for each tool of a part at the tool's own bit, and None for everything else."""
    for place in part.placed:
        yield _document(part.name, place) if place.offer.kind is OfferKind.TOOL else None


def _document(server: str, place: Placed) -> Document:
    names, details = _parameters(place.definition)
    name = place.own.public
    texts = (
        (index.NAME, name),
        (index.TITLE, shown_text(place.definition, "title")[:LONGEST_TEXT]),
        (index.TAGS, " ".join(place.labels.tags)),
        (index.SERVER, server),
        (index.DESCRIPTION, shown_text(place.definition, "description")[:LONGEST_TEXT]),
        (index.PARAMETERS, names),
        (index.DETAILS, details),
    )
    return Document(name, name, texts)


def shown_text(definition: Fields, member: str) -> str:
    """A text of a definition; empty where there is none, or none that can be read."""
    try:
        return jsonrpc.text(definition.get(member)) or ""
    except UnicodeDecodeError:
        return ""


def first_words(text: str) -> str:
    """A text, shortened."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _parameters(definition: Fields) -> tuple[str, str]:
    """The names of a tool's parameters, and their titles and descriptions, each as one text."""
    try:
        schema = msgspec.json.decode(definition.get("inputSchema", b"{}"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    names: list[str] = []
    details: list[str] = []
    level: list[Any] = [schema]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for one in level:
            for name, described in _properties(one):
                if len(names) == MOST_PARAMETERS:
                    return " ".join(names), " ".join(details)
                names.append(name)
                details.extend(
                    text[:LONGEST_DETAIL]
                    for key in ("title", "description")
                    if isinstance(text := described.get(key), str)
                )
                below.extend((described, described.get("items")))
        level = below
    return " ".join(names), " ".join(details)


def _properties(schema: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The parameters that a schema describes, whatever shape it has."""
    properties = cast("Mapping[str, Any]", schema).get("properties") if isinstance(schema, dict) else None
    for name, described in cast("Mapping[str, Any]", properties).items() if isinstance(properties, dict) else ():
        yield name[:LONGEST_DETAIL], cast("Mapping[str, Any]", described) if isinstance(described, dict) else {}
