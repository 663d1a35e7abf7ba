"""GraphQL documents -> operations, each with the fragments that it uses and nothing else (specification of GraphQL,
section 2). What people wrote above an operation or a variable, as a comment or a description, describes it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    OperationType,
    Source,
    TokenKind,
    parse,
    print_ast,
    separate_operations,
)
from graphql.language import Token

from toolgate.upstreams.graphql.declared import MOST_TOGETHER
from toolgate.upstreams.graphql.flaws import Flaw

SUFFIXES = (".graphql", ".gql")
MOST_FILES = 200
MOST_BYTES = 64 * 1024
_MOST_SEEN = 2000
_MOST_TOKENS = 10_000
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Document(msgspec.Struct, frozen=True):
    """One operation with its fragments. `text` is what is sent: printed anew, without comments."""

    name: str
    node: DocumentNode
    operation: OperationDefinitionNode
    text: str
    description: str
    place: str

    @property
    def reads(self) -> bool:
        return self.operation.operation is OperationType.QUERY

    @property
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]:
        found = (one for one in self.node.definitions if isinstance(one, FragmentDefinitionNode))
        return {one.name.value: one for one in found}


def parsed(text: str, place: str) -> DocumentNode:
    """Raises Flaw for what is no GraphQL, or no end of it."""
    if len(text.encode()) > MOST_BYTES:
        raise Flaw(f"is larger than {MOST_BYTES} bytes", place)
    try:
        return parse(Source(text, place), max_tokens=_MOST_TOKENS)
    except RecursionError:
        raise Flaw("is nested too deep", place) from None
    except GraphQLError as error:
        line = error.locations[0].line if error.locations else 1
        where = f"{place}:{line}" if place else f"line {line}"
        raise Flaw(f"is no GraphQL: {error.message.removeprefix('Syntax Error: ')}", where) from None


def single(text: str, place: str = "") -> Document:
    """The one operation of this text. Raises Flaw."""
    found = list(separated([parsed(text, place)]))
    if len(found) != 1:
        raise Flaw(f"holds {len(found)} operations: give one for each tool", place)
    return found[0]


def separated(documents: Sequence[DocumentNode]) -> Iterator[Document]:
    """The operations of all, which may share fragments. Raises Flaw."""
    definitions = tuple(definition for document in documents for definition in document.definitions)
    names: dict[str, Node] = {}
    for definition in definitions:
        if not isinstance(definition, (OperationDefinitionNode, FragmentDefinitionNode)):
            raise Flaw("holds a definition that is neither an operation nor a fragment", place_of(definition))
        name = definition.name.value if definition.name is not None else ""
        kind = "fragment " if isinstance(definition, FragmentDefinitionNode) else ""
        if f"{kind}{name}" in names:
            raise Flaw(f"{kind or 'operation '}{name or 'without a name'} stands twice", place_of(definition))
        names[f"{kind}{name}"] = definition
    try:
        apart = separate_operations(DocumentNode(definitions=definitions))
        for name, node in apart.items():
            yield _document(name, node)
    except RecursionError:
        raise Flaw("is nested too deep") from None


def _document(name: str, node: DocumentNode) -> Document:
    operation = next(one for one in node.definitions if isinstance(one, OperationDefinitionNode))
    place = place_of(operation)
    if operation.operation is OperationType.SUBSCRIPTION:
        raise Flaw(f"{name or 'it'} is a subscription, which no tool can be: ask for what is there by a query", place)
    return Document(name, node, operation, print_ast(_bare(node)), said(operation), place)


def _bare(node: DocumentNode) -> DocumentNode:
    """Without descriptions, which are for us, and which older servers do not know in an operation."""
    bare: list[Any] = []
    for one in cast("tuple[Any, ...]", node.definitions):
        variables = tuple(replace(variable, description=None) for variable in one.variable_definitions or ())
        bare.append(replace(one, description=None, variable_definitions=variables))
    return DocumentNode(definitions=tuple(bare))


def said(node: Any) -> str:
    """What describes an operation or a variable: its description, else the comment that ends right above it."""
    description = getattr(node, "description", None)
    return " ".join((_commented(node) if description is None else str(description.value)).split())


def _commented(node: Node) -> str:
    lines: list[str] = []
    token: Token | None = node.loc.start_token if node.loc is not None else None
    while token is not None and token.prev is not None and token.prev.kind is TokenKind.COMMENT:
        if token.prev.line != token.line - 1:
            break
        token = token.prev
        lines.append((token.value or "").strip())
    return " ".join(reversed(lines))


def place_of(node: Node) -> str:
    """Where a node was read, as `orders.graphql:3`, or as `line 3` of a text that has no name."""
    if node.loc is None:
        return ""
    line = node.loc.start_token.line
    return f"{node.loc.source.name}:{line}" if node.loc.source.name else f"line {line}"


def tool_name(name: str) -> str:
    """The name of a tool for an operation: `GetOrder` is `get_order`."""
    return _WORD.sub("_", name).lower()


def files(path: Path) -> tuple[Path, ...]:
    """The documents at this path, in order. Raises Flaw."""
    try:
        if path.is_file():
            if path.suffix not in SUFFIXES:
                raise Flaw(f"{path.name} is no document: its name must end in {' or '.join(SUFFIXES)}")
            return (path,)
        found = sorted(one for one in _below(path) if one.suffix in SUFFIXES)
    except OSError as error:
        raise Flaw(f"{Path(error.filename or path).name} cannot be read ({error.strerror})") from None
    if not found:
        raise Flaw("there is no .graphql document" if path.is_dir() else "there is no such file or folder")
    if len(found) > MOST_FILES:
        raise Flaw(f"there are more than {MOST_FILES} documents")
    if sum(one.stat().st_size for one in found) > MOST_TOGETHER:
        raise Flaw(f"the documents are larger than {MOST_TOGETHER} bytes together")
    return tuple(found)


def _below(path: Path) -> Iterator[Path]:
    """The files of a folder and its folders, but not those that are hidden."""
    seen = 0
    for folder, folders, names in os.walk(path):
        folders[:] = [one for one in folders if not one.startswith(".")]
        seen += len(folders) + len(names)
        if seen > _MOST_SEEN:
            raise Flaw(f"holds more than {_MOST_SEEN} files and folders: name one that holds the documents")
        yield from (Path(folder, name) for name in names)


def read(path: Path) -> list[Document]:
    """The operations of the documents at this path. Raises Flaw."""
    found = [parsed(_text(one), one.relative_to(path).as_posix() if path.is_dir() else one.name) for one in files(path)]
    documents = list(separated(found))
    nameless = next((one for one in documents if not one.name), None)
    if nameless is not None:
        raise Flaw("has no name: write `query Name {`, and the tool is called so", nameless.place)
    return documents


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Flaw(f"cannot be read ({error.strerror})", path.name) from None
    except UnicodeDecodeError:
        raise Flaw("is no text in UTF-8", path.name) from None
