"""What the API's schema says of an operation: of its field at the top, and of the arguments that variables go to."""

from typing import Any, cast

from graphql import FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, VariableNode, Visitor, visit

from toolgate.upstreams.graphql.documents import Document
from toolgate.upstreams.graphql.shapes import told


class _Seen(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.variables: dict[str, str] = {}
        self.field = ""
        self._info = info

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Inside an input object, the argument is that of the whole object: what it says would mislead."""
        argument: Any = self._info.get_argument()
        kind: Any = cast("Any", self._info).get_input_type()
        if argument is not None and argument.description and kind is argument.type:
            self.variables.setdefault(node.name.value, told(argument.description))

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        known = self._info.get_field_def()
        if not self.field and known is not None and known.description:
            self.field = told(known.description)


def _seen(schema: GraphQLSchema, document: Document) -> _Seen:
    info = TypeInfo(schema)
    seen = _Seen(info)
    visit(document.node, TypeInfoVisitor(info, seen))
    return seen


def variables(schema: GraphQLSchema | None, document: Document) -> dict[str, str]:
    """Descriptions by variable; empty without a schema."""
    return {} if schema is None else _seen(schema, document).variables


def operation(schema: GraphQLSchema | None, document: Document) -> str:
    """The description of the operation's first field that has one; empty without a schema."""
    return "" if schema is None else _seen(schema, document).field
