"""What there is to add: the connectors that come with Toolgate, and those in folders of the organisation.

A folder is a connector's, or holds such folders. It is read anew each time that somebody looks: what is changed or
pulled there is there at once, and a broken entry takes no other with it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from toolgate.model.errors import ConfigError, NotFound, Refused
from toolgate.model.products import Adding, Broken, Origin, Product, ProductPage, Recipe, Source
from toolgate.rules.names import meant
from toolgate.upstreams.connector import checkout, reading, recipes, summaries
from toolgate.upstreams.connector.format import Connector

MOST_ENTRIES = 500
"""Entries of one folder."""

_INCLUDED = Source(Origin.TOOLGATE)
_NOT_SERVED = frozenset({"routes", "icon"})
"""What a server that is made of an entry does not need in its record; and the examples of its tools."""


class Entry(msgspec.Struct, frozen=True):
    """One connector and where it is from."""

    connector: Connector
    folder: Path
    source: Source


class Shelf:
    """Raises ConfigError for nothing: what is wrong with a folder is told with the entries."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)

    def page(self) -> ProductPage:
        entries, broken = self._read()
        lines = (summaries.line(entry.connector, entry.source) for _, entry in sorted(entries.items()))
        return ProductPage(tuple(lines), tuple(broken))

    def product(self, id_: str) -> Product:
        """Raises NotFound, and Refused for an entry that is broken."""
        entry = self._entry(id_)
        return summaries.product(entry.connector, entry.source)

    def recipe(self, id_: str, adding: Adding) -> Recipe:
        """Raises NotFound, and Refused with everything that is missing or wrong."""
        entry = self._entry(id_)
        definition = None if entry.source.origin is Origin.TOOLGATE else _definition(entry.folder)
        return recipes.recipe(entry.connector, adding, definition)

    def _entry(self, id_: str) -> Entry:
        entries, broken = self._read()
        found = entries.get(id_)
        if found is not None:
            return found
        flawed = next((one for one in broken if one.id == id_), None)
        if flawed is not None:
            raise Refused(tuple(("", finding) for finding in flawed.findings))
        hint = meant(id_, entries) or f"; it has {', '.join(sorted(entries))}"
        raise NotFound(f"the catalogue has no {id_!r}{hint}")

    def _read(self) -> tuple[dict[str, Entry], list[Broken]]:
        found: dict[str, Entry] = {}
        broken: list[Broken] = []
        for id_ in reading.included():
            folder = reading.INCLUDED / id_
            found[id_] = Entry(reading.read(folder), folder, _INCLUDED)
        for folder in self._folders:
            source = Source(Origin.ORGANISATION, folder.name, checkout.commit_of(folder))
            for one in _read_folder(folder, source):
                if isinstance(one, Broken):
                    broken.append(one)
                elif one.connector.id in found:
                    other = found[one.connector.id].source
                    where = "with Toolgate" if other.origin is Origin.TOOLGATE else f"from {other.folder}"
                    reason = f"{one.connector.id} comes {where} already: give this one another id"
                    broken.append(Broken(one.connector.id, source, (reason,)))
                else:
                    found[one.connector.id] = one
        return found, broken


def _read_folder(folder: Path, source: Source) -> Iterator[Entry | Broken]:
    try:
        places = [folder] if (folder / reading.FILE).is_file() else _inside(folder)
    except OSError as error:
        yield Broken(folder.name, source, (f"{folder.name}: this folder cannot be read ({error.strerror})",))
        return
    if not places:
        reason = f"{folder.name}: no folder with a {reading.FILE} is in it"
        yield Broken(folder.name, source, (reason,))
    for place in places[:MOST_ENTRIES]:
        try:
            if not (place / reading.FILE).resolve().is_relative_to(folder.resolve()):
                raise ConfigError((f"{place.name}/{reading.FILE}: is a link that leads out of {folder.name}",))
            yield Entry(reading.read(place), place, source)
        except ConfigError as error:
            # The whole path is of no use to people elsewhere, and tells them how this machine is laid out.
            told = (finding.replace(str(place), place.name) for finding in error.findings)
            yield Broken(place.name, source, tuple(told))


def _inside(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if (place / reading.FILE).is_file())


def _definition(folder: Path) -> dict[str, Any]:
    """The document as a server's record holds it: every replica then has all of it."""
    loaded: dict[str, Any] = yaml.safe_load((folder / reading.FILE).read_bytes())
    whole = {key: value for key, value in loaded.items() if key not in _NOT_SERVED}
    whole["tools"] = [{key: one for key, one in tool.items() if key != "examples"} for tool in loaded["tools"]]
    return msgspec.json.decode(msgspec.json.encode(whole))
