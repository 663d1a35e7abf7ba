"""How large a document is when its fragments are put in: judged when it is loaded, so that none is sent that costs more
than somebody meant (a few fragments that use each other twice are a million fields)."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from toolgate.upstreams.graphql.documents import Document
from toolgate.upstreams.graphql.flaws import Flaw


class Limits(Protocol):
    """What an administrator allows."""

    @property
    def max_depth(self) -> int: ...
    @property
    def max_aliases(self) -> int: ...
    @property
    def max_fields(self) -> int: ...
    @property
    def max_roots(self) -> int: ...


class Size(msgspec.Struct, frozen=True):
    """`depth` is how many fields stand within each other, `roots` how many stand at the top."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    roots: int = 0

    def beside(self, other: "Size") -> "Size":
        return Size(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.fields + other.fields,
            self.roots + other.roots,
        )


class _Measure:
    """Each fragment is measured once, however often it is used."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Size] = {}
        self._open: list[str] = []

    def selections(self, node: SelectionSetNode | None) -> Size:
        size = Size()
        for selection in () if node is None else node.selections:
            if isinstance(selection, FieldNode):
                below = self.selections(selection.selection_set)
                aliased = below.aliases + (selection.alias is not None)
                size = size.beside(Size(below.depth + 1, aliased, below.fields + 1, 1))
            elif isinstance(selection, InlineFragmentNode):
                size = size.beside(self.selections(selection.selection_set))
            elif isinstance(selection, FragmentSpreadNode):
                size = size.beside(self._fragment(selection.name.value))
        return size

    def _fragment(self, name: str) -> Size:
        if name in self._open:
            raise Flaw(f"the fragment {name} uses itself")
        if name not in self._fragments:
            raise Flaw(f"there is no fragment {name}")
        if name not in self._known:
            self._open.append(name)
            self._known[name] = self.selections(self._fragments[name].selection_set)
            self._open.pop()
        return self._known[name]


def size(document: Document) -> Size:
    """Raises Flaw for fragments that have no end, or are not there."""
    try:
        return _Measure(document.fragments).selections(document.operation.selection_set)
    except RecursionError:
        raise Flaw("is nested too deep") from None


def flaws(limits: Limits, document: Document) -> Iterator[str]:
    """What of the document is larger than it may be."""
    found = size(document)
    for number, most, what, setting in (
        (found.depth, limits.max_depth, "levels of fields", "max_depth"),
        (found.aliases, limits.max_aliases, "aliases", "max_aliases"),
        (found.fields, limits.max_fields, "fields", "max_fields"),
        (found.roots, limits.max_roots, "fields at the top", "max_roots"),
    ):
        if number > most:
            told = str(number) if number < 10**9 else "more than 1000000000"
            yield f"has {told} {what}, at most {most} are allowed (`{setting}`)"
