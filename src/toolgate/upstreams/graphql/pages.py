"""Lists that go on, in the way of Relay's connections (GraphQL Cursor Connections Specification): `first` and `after`
go in, `pageInfo` comes out. Where an operation has exactly one such list, its two variables become `limit` and
`page_token`, which is sealed."""

from collections.abc import Iterator, Mapping

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
    value_from_ast_untyped,
)

from toolgate.upstreams.connector.format import Pagination
from toolgate.upstreams.graphql.documents import Document

DEFAULT, MOST = 20, 100
_ROWS = ("nodes", "edges")


class Pages(msgspec.Struct, frozen=True):
    """`first` and `after` are the operation's variables. `path` leads through the data to the rows."""

    first: str
    after: str
    path: tuple[str, ...]
    pagination: Pagination

    @property
    def info(self) -> tuple[str, ...]:
        """The path to what says where the list goes on."""
        return (*self.path[:-1], "pageInfo")


def found(document: Document, most: int | None) -> Pages | None:
    """How the operation's list goes on; None where there is no such list, or more than one. `most` is the most rows
    that may be asked for."""
    lists = list(_connections(document.operation.selection_set, document.fragments, ()))
    if len(lists) != 1:
        return None
    path, first, after, rows = lists[0]
    names = [one.variable.name.value for one in document.operation.variable_definitions or ()]
    if first == after or first not in names or after not in names:
        return None
    largest = most or MOST
    default = next(
        (
            value_from_ast_untyped(one.default_value)
            for one in document.operation.variable_definitions or ()
            if one.variable.name.value == first and one.default_value is not None
        ),
        None,
    )
    asked = default if isinstance(default, int) and default > 0 else DEFAULT
    info = _expression((*path, "pageInfo"))
    pagination = Pagination(
        "cursor",
        size_param=first,
        position_params=(after,),
        place="body",
        default=min(asked, largest),
        max=largest,
        next_cursor=f"{info} | (hasNextPage && endCursor)",
        rows=_expression((*path, rows)),
    )
    return Pages(first, after, (*path, rows), pagination)


def roots(document: Document) -> set[str]:
    """The names of the members that the data has."""
    return {(one.alias or one.name).value for one in _fields(document.operation.selection_set, document.fragments)}


def _expression(path: tuple[str, ...]) -> str:
    """The path as JMESPath."""
    return ".".join(f'"{part}"' for part in path)


def _connections(
    node: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    """(path to the connection, variable of `first`, variable of `after`, name of its rows)."""
    for field in _fields(node, fragments):
        name = (field.alias or field.name).value
        if name in _ROWS:
            continue  # rows within rows are no list of the operation's own
        below = list(_fields(field.selection_set, fragments))
        given = {one.name.value: one.value for one in field.arguments or ()}
        first, after = given.get("first"), given.get("after")
        rows = [one for one in below if one.alias is None and one.name.value in _ROWS]
        told = _page_info(below, fragments)
        if isinstance(first, VariableNode) and isinstance(after, VariableNode) and rows and told:
            names = [row.name.value for row in rows]
            yield (*path, name), first.name.value, after.name.value, "nodes" if "nodes" in names else "edges"
        else:
            yield from _connections(field.selection_set, fragments, (*path, name))


def _page_info(fields: list[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    info = [one for one in fields if one.alias is None and one.name.value == "pageInfo"]
    told = {one.name.value for node in info for one in _fields(node.selection_set, fragments) if one.alias is None}
    return {"hasNextPage", "endCursor"} <= told


def _fields(node: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    """The fields of a selection, those of its fragments included. Fragments have been found to end."""
    for selection in () if node is None else node.selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(selection.selection_set, fragments)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value in fragments:
            yield from _fields(fragments[selection.name.value].selection_set, fragments)
