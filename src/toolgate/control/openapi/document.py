"""A document, whichever version it is in: its operations, and what each takes and answers, in one form.

Swagger 2.0 is turned into the shape of OpenAPI 3 as it is looked at. References are followed within the document only;
what leads elsewhere, nowhere or in a circle is empty.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from toolgate.control.openapi.nodes import Node, mapping, sequence, text, texts
from toolgate.model.errors import ConfigError

METHODS = ("get", "post", "put", "patch", "delete")
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_JOINED = {"csv": ("form", False), "ssv": ("spaceDelimited", False), "pipes": ("pipeDelimited", False)}
_MOST_HOPS = 20
_MOST_OPERATIONS = 20_000
_VERSION = re.compile(r"(2\.0|3\.[0-9])(\.[0-9]+)?")
_PLACES = ("path", "query", "header", "cookie")


class Operation(msgspec.Struct, frozen=True):
    """One method of one path. `id` is its operationId, or else method and path."""

    id: str
    method: str
    path: str
    tags: tuple[str, ...]
    summary: str
    description: str
    deprecated: bool
    node: Node
    beside: Node
    """The path's own members, which count for all of its methods."""

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def has_own_id(self) -> bool:
        return self.id != self.key


class Parameter(msgspec.Struct, frozen=True):
    """One argument outside the body. `style` and `explode` say how lists and objects are written (OpenAPI 3.1 section
    4.8.12); `is_json` that the value is written as JSON."""

    name: str
    place: str
    required: bool
    schema: Node
    description: str
    style: str
    explode: bool
    is_json: bool = False


class Body(msgspec.Struct, frozen=True):
    """What may be sent, by media type (in lower case)."""

    schemas: dict[str, Node]
    required: bool
    description: str


class Answer(msgspec.Struct, frozen=True):
    """What a good answer is, by media type; and the names of its headers, in lower case."""

    schemas: dict[str, Node]
    headers: frozenset[str]
    declared: bool = True


class Document:
    """Raises ConfigError, saying why, for what is no OpenAPI document."""

    def __init__(self, root: Node, shown: str) -> None:
        self.root = root
        said = text(root.get("swagger")) or text(root.get("openapi"))
        found = _VERSION.fullmatch(said.strip() if said != "2" else "2.0")
        if found is None:
            raise ConfigError((f"{shown}: is no OpenAPI document: `openapi` or `swagger` must say 2.0 or 3.x",))
        self.version = found[1]
        self.is_swagger = self.version == "2.0"
        self.info = mapping(root.get("info"))
        self.operations = tuple(self._operations())
        if not self.operations:
            raise ConfigError((f"{shown}: has no operations: `paths` is empty",))

    def follow(self, value: Any) -> Node:
        """What a value is, references followed. OpenAPI 3.1 lets members stand beside a reference: they are kept."""
        node = mapping(value)
        beside: dict[str, Any] = {}
        for _ in range(_MOST_HOPS):
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return {**node, **beside} if beside else node
            beside = {**{name: one for name, one in node.items() if name != "$ref"}, **beside}
            node = mapping(self._at(reference))
        return {}

    def _at(self, reference: str) -> Any:
        """RFC 6901, in a fragment (RFC 3986). Nothing outside of the document is ever looked at."""
        if not reference.startswith("#/"):
            return None
        found: Any = self.root
        for part in reference[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = mapping(found).get(name)
            elif isinstance(found, list) and name.isdigit() and int(name) < len(sequence(found)):
                found = sequence(found)[int(name)]
            else:
                return None
        return found

    def _operations(self) -> Iterator[Operation]:
        count = 0
        for path, value in mapping(self.root.get("paths")).items():
            item = self.follow(value)
            for method in METHODS:
                node = item.get(method)
                if not isinstance(node, dict) or count >= _MOST_OPERATIONS:
                    continue
                count += 1
                yield _operation(str(path), method.upper(), mapping(node), item)

    def parameters(self, operation: Operation) -> tuple[Parameter, ...]:
        """Those of the path and of the operation, which count more. What is in the body is not among them."""
        found: dict[tuple[str, str], Parameter] = {}
        for value in (*sequence(operation.beside.get("parameters")), *sequence(operation.node.get("parameters"))):
            node = self.follow(value)
            name, place = text(node.get("name")), text(node.get("in"))
            if name and place in _PLACES:
                found[name, place] = self._parameter(node, name, place)
        return tuple(found.values())

    def _parameter(self, node: Node, name: str, place: str) -> Parameter:
        schema, is_json = node.get("schema"), False
        content = mapping(node.get("content"))
        if schema is None and content:
            media, value = next(iter(content.items()))
            schema, is_json = mapping(value).get("schema"), is_json_media(media)
        default = "form" if place in ("query", "cookie") else "simple"
        style = text(node.get("style")) or default
        explode = node.get("explode")
        exploded = explode if isinstance(explode, bool) else style == "form"
        if self.is_swagger:
            schema = {name: one for name, one in node.items() if name not in ("name", "in", "required", "description")}
            style, exploded = _JOINED.get(text(node.get("collectionFormat")) or "csv", ("form", True))
        required = node.get("required") is True or place == "path"
        described = text(node.get("description")) or text(self.follow(schema).get("description"))
        shape = mapping(schema)
        if node.get("x-multi-segment") is True:
            shape = {**shape, "x-multi-segment": True}
        if "example" in node and "example" not in shape:
            shape = {**shape, "example": node["example"]}
        return Parameter(name, place, required, shape, described, style, exploded, is_json)

    def body(self, operation: Operation) -> Body | None:
        if self.is_swagger:
            return self._swagger_body(operation)
        node = self.follow(operation.node.get("requestBody"))
        schemas = self._by_media(node.get("content"))
        described = text(node.get("description"))
        return Body(schemas, node.get("required") is True, described) if schemas else None

    def _swagger_body(self, operation: Operation) -> Body | None:
        nodes = [
            self.follow(value)
            for value in (*sequence(operation.beside.get("parameters")), *sequence(operation.node.get("parameters")))
        ]
        consumes = texts(operation.node.get("consumes", self.root.get("consumes")))
        whole = next((node for node in nodes if node.get("in") == "body"), None)
        if whole is not None:
            medias = [media.lower() for media in consumes] or ["application/json"]
            schemas = dict.fromkeys(medias, mapping(whole.get("schema")))
            return Body(schemas, whole.get("required") is True, text(whole.get("description")))
        fields = {text(node.get("name")): node for node in nodes if node.get("in") == "formData"}
        fields.pop("", None)
        if not fields:
            return None
        files = any(node.get("type") == "file" for node in fields.values())
        only_parts = bool(consumes) and all(media.lower().startswith(_MULTIPART) for media in consumes)
        schema: Node = {
            "type": "object",
            "properties": {
                name: {key: one for key, one in node.items() if key not in ("name", "in", "required")}
                for name, node in fields.items()
            },
            "required": [name for name, node in fields.items() if node.get("required") is True],
        }
        return Body({_MULTIPART if files or only_parts else _FORM: schema}, bool(schema["required"]), "")

    def answer(self, operation: Operation) -> Answer:
        """The first good answer that has a body; else the first good one."""
        responses = mapping(operation.node.get("responses"))
        good = sorted(status for status in responses if re.fullmatch(r"2[0-9Xx]{2}", status)) or ["default"]
        found: Answer | None = None
        for status in good:
            if status not in responses:
                continue
            node = self.follow(responses[status])
            names = frozenset(name.lower() for name in mapping(node.get("headers")))
            schemas = self._swagger_answer(operation, node) if self.is_swagger else self._by_media(node.get("content"))
            if schemas:
                return Answer(schemas, names)
            found = found or Answer({}, names)
        return found or Answer({}, frozenset(), declared=False)

    def _swagger_answer(self, operation: Operation, node: Node) -> dict[str, Node]:
        schema = mapping(node.get("schema"))
        if not schema:
            return {}
        produces = texts(operation.node.get("produces", self.root.get("produces"))) or ("application/json",)
        return dict.fromkeys([media.lower() for media in produces], schema)

    def _by_media(self, content: Any) -> dict[str, Node]:
        return {
            str(media).lower().strip(): mapping(self.follow(value).get("schema"))
            for media, value in mapping(content).items()
        }

    def schemes(self) -> dict[str, Node]:
        """The ways to sign in, by name."""
        held = self.root if self.is_swagger else mapping(self.root.get("components"))
        named = mapping(held.get("securityDefinitions" if self.is_swagger else "securitySchemes"))
        return {name: self.follow(value) for name, value in named.items()}

    def servers(self) -> tuple[str, ...]:
        """Where the document says that its API is: suggestions, nothing more. Variables have their defaults."""
        if self.is_swagger:
            host = text(self.root.get("host"))
            base = text(self.root.get("basePath"))
            schemes = texts(self.root.get("schemes")) or ("https",)
            scheme = "https" if "https" in schemes else schemes[0]
            return (f"{scheme}://{host}{base}" if host else base,) if host or base else ()
        found: list[str] = []
        for value in sequence(self.root.get("servers")):
            node = mapping(value)
            variables = mapping(node.get("variables"))
            url = re.sub(
                r"\{([^{}]{1,100})\}",
                lambda match: text(mapping(variables.get(match[1])).get("default")) or match[0],  # noqa: B023
                text(node.get("url")),
            )
            found.append(url.strip())
        return tuple(url for url in found if url)


def is_json_media(media: str) -> bool:
    """`application/json`, `application/problem+json; charset=utf-8`, and what stands for anything."""
    kind = media.partition(";")[0].strip().lower()
    return kind in ("application/json", "*/*", "application/*", "text/json") or kind.endswith("+json")


def _operation(path: str, method: str, node: Node, beside: Node) -> Operation:
    return Operation(
        id=text(node.get("operationId")).strip() or f"{method} {path}",
        method=method,
        path=path,
        tags=texts(node.get("tags")),
        summary=text(node.get("summary")) or text(beside.get("summary")),
        description=text(node.get("description")) or text(beside.get("description")),
        deprecated=node.get("deprecated") is True,
        node=node,
        beside=beside,
    )
