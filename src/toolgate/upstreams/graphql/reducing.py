"""A schema without everything that some operations do not use: small enough to stand in a record, and judged alike."""

from collections.abc import Sequence
from typing import Any, cast

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    print_schema,
    specified_directives,
    validate,
    visit,
)

from toolgate.upstreams.graphql.documents import Document
from toolgate.upstreams.graphql.flaws import Flaw


def reduced(schema: GraphQLSchema, documents: Sequence[Document]) -> str:
    """The part of the schema that these documents use, in SDL. Raises Flaw where that cannot be told apart."""
    used = _Used(schema)
    for document in documents:
        info = TypeInfo(schema)
        visit(document.node, TypeInfoVisitor(info, _Seen(info, used)))
    made = _Making(schema, used.complete()).schema()
    if any(validate(made, document.node) for document in documents):
        raise Flaw("the part of the schema that the operations use cannot be told apart from the rest")
    return print_schema(made)


def _named(kind: Any) -> Any:
    """The type within lists and non-nulls."""
    return cast("Any", get_named_type(kind))


class _Used:
    """Output types by name; of those with fields, the fields that are used, with their arguments. Input types need no
    counting: they come with the arguments that have them."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.fields: dict[str, dict[str, set[str]]] = {}
        self.types: set[str] = set()
        self.directives: set[str] = set()
        query = schema.query_type
        if query is not None:
            self.type(query)

    def type(self, kind: Any) -> None:
        named = _named(kind)
        if named is None or named.name in self.types:
            return
        self.types.add(named.name)
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType)):
            self.fields[named.name] = {}

    def field(self, parent: Any, name: str, arguments: set[str]) -> None:
        if name.startswith("__") or name not in parent.fields:
            return
        self.type(parent)
        known: GraphQLField = parent.fields[name]
        self.type(cast("Any", known).type)
        needed = {one for one, argument in known.args.items() if is_required_argument(argument)}
        taken = self.fields[parent.name].setdefault(name, set())
        taken |= (arguments & set(known.args)) | needed

    def complete(self) -> "_Used":
        """With what a schema must have beside that, until nothing is added any more."""
        before = -1
        while before != (now := self._size()):
            before = now
            for name in sorted(self.types):
                kind: Any = self._schema.type_map[name]
                if isinstance(kind, GraphQLUnionType) and not self._members(kind):
                    self.type(kind.types[0])
                elif isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
                    self._fill(kind)
        return self

    def _fill(self, kind: Any) -> None:
        if not self.fields[kind.name]:
            leaf = next((one for one, field in kind.fields.items() if is_leaf_type(_named(field.type))), None)
            self.field(kind, leaf or next(iter(kind.fields)), set())
        for interface in kind.interfaces:
            for name, arguments in list(self.fields.get(interface.name, {}).items()):
                self.field(kind, name, arguments)
                self.fields[interface.name][name] |= self.fields[kind.name][name] & set(interface.fields[name].args)

    def _members(self, kind: GraphQLUnionType) -> list[Any]:
        return [one for one in kind.types if one.name in self.types]

    def _size(self) -> int:
        return len(self.types) + sum(len(taken) + 1 for one in self.fields.values() for taken in one.values())


class _Seen(Visitor):
    """What one document uses."""

    def __init__(self, info: TypeInfo, used: _Used) -> None:
        super().__init__()
        self._info: Any = info
        self._used = used

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._info.get_parent_type()
        if isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType)):
            self._used.field(parent, node.name.value, {one.name.value for one in node.arguments or ()})
        elif parent is not None:
            self._used.type(parent)

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> None:
        self._used.type(self._info.get_type())

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        self._used.type(self._info.get_type())

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        self._used.directives.add(node.name.value)


class _Making:
    """A schema of what is used. Input types and leaves are taken as they are: they refer to nothing but such."""

    def __init__(self, schema: GraphQLSchema, used: _Used) -> None:
        self._old = schema
        self._used = used
        self._made: dict[str, Any] = {}

    def schema(self) -> GraphQLSchema:
        for name in sorted(self._used.types):
            self._made[name] = self._type(name)
        own = {one.name for one in specified_directives}
        directives = [one for one in self._old.directives if one.name in self._used.directives | own]
        roots = [self._old.query_type, self._old.mutation_type]
        query, mutation = (None if one is None else self._made.get(one.name) for one in roots)
        made = list(self._made.values())
        return GraphQLSchema(query, mutation, types=made, directives=directives, assume_valid=True)

    def _type(self, name: str) -> Any:
        kind: Any = self._old.type_map[name]
        if isinstance(kind, GraphQLUnionType):
            return GraphQLUnionType(
                name, lambda: [self._made[one.name] for one in kind.types if one.name in self._made]
            )
        if isinstance(kind, GraphQLObjectType):
            return GraphQLObjectType(name, lambda: self._fields(kind), lambda: self._interfaces(kind))
        if isinstance(kind, GraphQLInterfaceType):
            return GraphQLInterfaceType(name, lambda: self._fields(kind), lambda: self._interfaces(kind))
        return kind

    def _interfaces(self, kind: Any) -> list[Any]:
        return [self._made[one.name] for one in kind.interfaces if one.name in self._made]

    def _fields(self, kind: Any) -> dict[str, GraphQLField]:
        found: dict[str, GraphQLField] = {}
        for name, arguments in sorted(self._used.fields[kind.name].items()):
            known: GraphQLField = kind.fields[name]
            args = {one: argument for one, argument in known.args.items() if one in arguments}
            root = kind in (self._old.query_type, self._old.mutation_type)
            told = known.description if root else None
            found[name] = GraphQLField(self._wrapped(cast("Any", known).type), args, description=told)
        return found

    def _wrapped(self, kind: Any) -> Any:
        if isinstance(kind, (GraphQLNonNull, GraphQLList)):
            inner = self._wrapped(cast("Any", kind).of_type)
            return GraphQLNonNull(inner) if isinstance(kind, GraphQLNonNull) else GraphQLList(inner)
        return self._made[kind.name]
