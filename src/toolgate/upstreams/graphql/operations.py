"""The operations that an administrator chose -> tools, ready to be called; or all that is wrong with them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml
from graphql import GraphQLSchema, NonNullTypeNode, VariableDefinitionNode, value_from_ast_untyped

from toolgate.rules import references
from toolgate.rules.names import meant
from toolgate.upstreams.connector import arguments, expressions
from toolgate.upstreams.connector.format import Param
from toolgate.upstreams.graphql import describing, documents, limits, pages, schemas, shaping, values
from toolgate.upstreams.graphql.declared import Declared, Finding, Operation, Variable
from toolgate.upstreams.graphql.documents import Document
from toolgate.upstreams.graphql.flaws import Flaw
from toolgate.upstreams.graphql.pages import Pages
from toolgate.upstreams.graphql.shapes import Shapes
from toolgate.upstreams.graphql.values import Shape

SIDE_FILE = "operations.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_TOOLS = 150


class Input(msgspec.Struct, frozen=True):
    """One variable that the model gives: what it is told of it, and what is held to it."""

    schema: dict[str, Any]
    shape: Shape
    param: Param


class Prepared(msgspec.Struct, frozen=True):
    """One tool. `described` is what the schema says of its field. `body` is what of a request is the same for all
    calls: all but the values of the variables."""

    name: str
    declared: Operation
    document: Document
    described: str
    inputs: dict[str, Input]
    constants: dict[str, Any]
    body: bytes
    pages: Pages | None

    @property
    def params(self) -> dict[str, Param]:
        return {name: one.param for name, one in self.inputs.items()}


class Chosen(msgspec.Struct, frozen=True):
    """What was read: operations and their documents by tool, and the API's schema."""

    operations: dict[str, Operation]
    documents: dict[str, Document]
    schema: GraphQLSchema | None
    types: dict[str, dict[str, Any]]


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `operations.yaml` in a folder of documents may say: `operations` and `types` as in the settings."""

    operations: dict[str, Operation] = {}
    types: dict[str, dict[str, Any]] = {}


def prepared(settings: Declared) -> tuple[tuple[Prepared, ...], tuple[Finding, ...]]:
    """The tools that are right, and what is wrong with the others. Reads the files that the settings name."""
    findings: list[Finding] = []
    chosen = read(settings, findings)
    made: list[Prepared] = []
    if chosen.schema is None and any(place.startswith("schema") for place, _ in findings):
        return (), tuple(findings)  # without it, what is said of types would mislead
    for name, document in chosen.documents.items():
        wrong = _judged(settings, chosen.schema, chosen.operations[name], document)
        try:
            if not wrong:
                made.append(_tool(chosen, name))
        except Flaw as flaw:
            wrong = [("", str(flaw))]
        findings += [_placed(settings, name, document, *one) for one in wrong]
    if len(chosen.documents) > _MOST_TOOLS:
        findings.append(("", f"{len(chosen.documents)} operations: at most {_MOST_TOOLS} can be tools of one server"))
    return tuple(made), tuple(findings)


def _placed(settings: Declared, name: str, document: Document, path: str, reason: str) -> Finding:
    """Where in the settings it is wrong, or in which file: what stands there is named by its line."""
    one = settings.operations.get(name)
    if one is not None and (one.document is not None or path != "document"):
        return f"operations.{name}.{path}" if path else f"operations.{name}", reason
    file = document.place.rpartition(":")[0]
    return "path", reason if reason.startswith(f"{file}:") else f"{document.place}: {reason}"


def read(settings: Declared, findings: list[Finding]) -> Chosen:
    """All documents and the schema. What cannot be read becomes a finding."""
    declared = dict(settings.operations)
    types = dict(settings.types)
    found: dict[str, Document] = {}
    if settings.path is not None:
        try:
            path = Path(settings.path)
            found = _by_tool(documents.read(path))
            said = beside(path, found)
            declared, types = {**said.operations, **declared}, {**said.types, **types}
        except Flaw as flaw:
            findings.append(("path", str(flaw)))
    for name, one in settings.operations.items():
        try:
            if one.document is not None:
                found[name] = documents.single(one.document)
            elif settings.path is None or not findings:
                found[name] = _named(name, found)
        except Flaw as flaw:
            findings.append((f"operations.{name}", str(flaw)))
    operations = {name: declared.get(name, Operation()) for name in found}
    return Chosen(operations, found, _schema(settings, findings), types)


def _by_tool(found: list[Document]) -> dict[str, Document]:
    made: dict[str, Document] = {}
    for document in found:
        name = documents.tool_name(document.name)
        if not _NAME.fullmatch(name):
            raise Flaw("its name has more than 40 letters, or begins with _: tools have shorter names", document.place)
        if name in made:
            raise Flaw(f"the tool {name} would stand twice (the other is in {made[name].place})", document.place)
        made[name] = document
    return made


def _named(name: str, found: Mapping[str, Document]) -> Document:
    if name not in found:
        raise Flaw(f"has no `document`, and no operation of `path` makes a tool of this name{meant(name, found)}")
    return found[name]


def beside(path: Path, found: Mapping[str, Document]) -> Beside:
    """What the folder's `operations.yaml`, if there is one, says. Raises Flaw."""
    file = path / SIDE_FILE
    if not file.is_file():
        return Beside()
    try:
        loaded: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        told = msgspec.convert(loaded or {}, Beside)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Flaw(f"cannot be read as YAML ({str(error).splitlines()[0]})", SIDE_FILE) from None
    except RecursionError:
        raise Flaw("is nested too deep", SIDE_FILE) from None
    except msgspec.ValidationError as error:
        raise Flaw(str(error), SIDE_FILE) from None
    unknown = next((name for name in told.operations if name not in found), None)
    if unknown is not None:
        raise Flaw(f"no operation here makes a tool {unknown}{meant(unknown, found)}", SIDE_FILE)
    return told


def _schema(settings: Declared, findings: list[Finding]) -> GraphQLSchema | None:
    place = "schema" if settings.schema_file is None else "schema_file"
    try:
        text = settings.schema
        if settings.schema_file is not None:
            text = schemas.from_file(Path(settings.schema_file), settings.schema_bytes)
        elif text is not None and (size := len(text.encode(errors="replace"))) > settings.schema_bytes:
            raise Flaw(schemas.too_large(size, settings.schema_bytes))
        return None if text is None else schemas.loaded(text)
    except Flaw as flaw:
        findings.append((place, str(flaw)))
        return None


def _judged(
    settings: Declared, schema: GraphQLSchema | None, one: Operation, document: Document
) -> list[tuple[str, str]]:
    """(path within the operation, reason)."""
    try:
        wrong = [("document", reason) for reason in limits.flaws(settings, document)]
    except Flaw as flaw:
        return [("document", str(flaw))]
    if wrong:
        return wrong  # larger than it may be: not looked into any further
    wrong += [("document", reason) for reason in schemas.flaws(schema, document)]
    names = [one.variable.name.value for one in document.operation.variable_definitions or ()]
    for field, given in (("variables", one.variables), ("constants", one.constants)):
        wrong += [
            (f"{field}.{name}", f"the operation has no variable ${name}{meant(name, names)}")
            for name in given
            if name not in names
        ]
    wrong += [
        (f"constants.{name}", "is bound here, and described as a variable too: one of both is meant")
        for name in set(one.constants) & set(one.variables)
    ]
    if one.result is None:
        wrong += [
            ("document", f"{name} at the top would stand where ours does: give it an alias, or give a `result`")
            for name in sorted(shaping.OURS.intersection(pages.roots(document)))
        ]
    elif (reason := expressions.flaw(one.result)) is not None:
        wrong.append(("result", reason))
    return wrong


def _tool(chosen: Chosen, name: str) -> Prepared:
    """Raises Flaw."""
    one, document = chosen.operations[name], chosen.documents[name]
    shapes = Shapes(chosen.schema, chosen.types)
    told = describing.variables(chosen.schema, document)
    inputs: dict[str, Input] = {}
    for definition in document.operation.variable_definitions or ():
        variable = definition.variable.name.value
        try:
            inputs[variable] = _input(
                shapes, definition, one.variables.get(variable, Variable()), told.get(variable, "")
            )
        except Flaw as flaw:
            raise Flaw(f"${variable}: {flaw}") from None
    for variable, value in one.constants.items():
        reason = _unbindable(inputs.pop(variable).shape, value, f"constants.{variable}")
        if reason is not None:
            raise Flaw(reason)
    paged = _pages(one, document, inputs)
    if paged is not None:
        inputs = {key: value for key, value in inputs.items() if key not in (paged.first, paged.after)}
        taken = {arguments.LIMIT, arguments.PAGE_TOKEN} & set(inputs)
        if taken:
            raise Flaw(
                f"${min(taken)} would have the name of an argument for pages: call it otherwise, or `paginate: false`"
            )
    said: dict[str, Any] = {"query": document.text}
    if document.name:
        said["operationName"] = document.name
    body = msgspec.json.encode(said)[:-1] + b',"variables":'
    described = describing.operation(chosen.schema, document)
    return Prepared(name, one, document, described, inputs, dict(one.constants), body, paged)


def _unbindable(shape: Shape, value: Any, place: str) -> str | None:
    """Why this cannot be a constant. What a reference stands for is known when the server is opened: a text."""
    if not isinstance(value, str) or references.find(value) is None:
        return values.flaw(shape, value, place)
    if shape.param is None or shape.param.type == "string":
        return None
    return f"{place}: a reference stands for a text, and this is no variable for one"


def _pages(one: Operation, document: Document, inputs: Mapping[str, Input]) -> Pages | None:
    found = pages.found(document, None) if one.paginate else None
    if found is None or found.first not in inputs or found.after not in inputs:
        return None
    most = one.variables.get(found.first, Variable()).maximum
    return found if most is None else pages.found(document, int(most))


def _input(shapes: Shapes, definition: VariableDefinitionNode, said: Variable, told: str) -> Input:
    schema = dict(said.schema) if said.schema is not None else shapes.of(definition.type)
    limits = {
        "description": said.description or documents.said(definition) or told or None,
        "enum": list(said.enum) or None,
        "pattern": said.pattern,
        "minimum": said.minimum,
        "maximum": said.maximum,
        "maxLength": said.max_length,
        "maxItems": said.max_items,
    }
    schema = {**schema, **{key: value for key, value in limits.items() if value is not None}}
    required = isinstance(definition.type, NonNullTypeNode) and definition.default_value is None
    shape = values.shape(schema, required=required)
    if definition.default_value is not None:
        default: Any = value_from_ast_untyped(definition.default_value)
        schema = schema if default is None else {**schema, "default": default}
    description = cast("str | None", schema.get("description"))
    return Input(schema, shape, values.param(shape, description, required=required))
