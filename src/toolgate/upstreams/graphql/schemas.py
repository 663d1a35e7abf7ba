"""The API's own schema: read from SDL or an introspection, and what it says is wrong with a document. Without one, what
the language itself says (GraphQL specification, section 5)."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DirectiveNode,
    GraphQLError,
    GraphQLSchema,
    Visitor,
    build_client_schema,
    build_schema,
    specified_rules,
    validate,
    visit,
)
from graphql.validation import (
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedVariablesRule,
    UniqueArgumentNamesRule,
    UniqueInputFieldNamesRule,
    UniqueVariableNamesRule,
)

from toolgate.upstreams.graphql.documents import Document, place_of
from toolgate.upstreams.graphql.flaws import Flaw

SUFFIXES = (".graphql", ".gql", ".graphqls", ".json")
_MOST_TOLD = 5
_NOTHING = build_schema("type Query { nothing: Boolean }")
_WITHOUT = (
    UniqueVariableNamesRule, NoUndefinedVariablesRule, NoUnusedVariablesRule, UniqueArgumentNamesRule,
    UniqueInputFieldNamesRule, NoFragmentCyclesRule,
)  # fmt: skip


def from_file(path: Path, most: int) -> str:
    """The text of a schema of at most so many bytes. Raises Flaw."""
    if path.suffix not in SUFFIXES:
        raise Flaw(f"the name of a schema's file must end in {', '.join(SUFFIXES)}")
    try:
        size = path.stat().st_size
        if size > most:
            raise Flaw(f"{path.name} {too_large(size, most)}")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Flaw(f"{path.name} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Flaw(f"{path.name} is no text in UTF-8") from None


def too_large(size: int, most: int) -> str:
    """What to say of a schema of so many bytes."""
    return (
        f"has {size} bytes, at most {most} are allowed (`schema_bytes`): leave out the types that no operation uses,"
        " or allow more: a megabyte takes some seconds to read, and some 150 MB of memory"
    )


@lru_cache(maxsize=8)
def loaded(text: str) -> GraphQLSchema:
    """From SDL, or from the answer to an introspection query. It is here to judge documents by, and is not judged
    itself: vendors' own schemas define things twice. Raises Flaw."""
    try:
        if text.lstrip().startswith("{"):
            told = json.loads(text)
            return build_client_schema(told.get("data", told), assume_valid=True)
        return build_schema(text, assume_valid=True)
    except json.JSONDecodeError as error:
        raise Flaw(f"is neither SDL nor JSON: line {error.lineno}: {error.msg}") from None
    except GraphQLError as error:
        line = f"line {error.locations[0].line}: " if error.locations else ""
        raise Flaw(f"{line}{error.message}") from None
    except RecursionError:
        raise Flaw("is nested too deep") from None
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Flaw(f"is no schema of GraphQL: {str(error).splitlines()[0][:300]}") from None


class _Parts(Visitor):
    """Finds directives that ask for an answer in parts."""

    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in ("defer", "stream"):
            self.found = node.name.value


def flaws(schema: GraphQLSchema | None, document: Document) -> Iterator[str]:
    """What is wrong with a document, in the order in which it stands there."""
    parts = _Parts()
    visit(document.node, parts)
    if parts.found:
        yield f"@{parts.found} asks for an answer in parts, which no tool gives"
    try:
        rules = _WITHOUT if schema is None else specified_rules
        errors = validate(_NOTHING if schema is None else schema, document.node, rules)
    except (RecursionError, TypeError) as error:
        yield f"cannot be judged: {str(error)[:300]}"
        return
    for error in errors[:_MOST_TOLD]:
        node = error.nodes[0] if error.nodes else document.operation
        yield f"{place_of(node)}: {error.message}"
