"""Lints of one tool: can a model find it, call it right, and afford it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from toolgate.rules.linting import Lint, Severity

SHORTEST, LONGEST = 20, 400
"""Characters of a good description."""

MOST_TOKENS = 1000
MOST_PARAMETERS = 20
DEEPEST = 4
"""Levels of nesting that models fill in reliably."""

_PUBLIC = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WIRE = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_ANY = frozenset({"enum", "const", "$ref", "anyOf", "oneOf", "allOf"})
_CONSTRAINTS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"format", "pattern", "minLength", "maxLength"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "additionalProperties"}),
}
_EXAMPLES = frozenset({"examples", "example", "default", "enum", "const"})


def tokens(size: int) -> int:
    """An estimate for a definition of so many bytes of JSON: four bytes make a token, as tokenizers go in English."""
    return -(-size // 4)


def lint(name: str, tool: Mapping[str, Any], size: int) -> Iterator[Lint]:
    """`tool` is the definition as a client would be shown it, `size` its bytes of JSON."""
    yield from _name(name)
    yield from _description(name, tool.get("description"))
    if tokens(size) > MOST_TOKENS:
        reason = f"takes about {tokens(size)} tokens of every conversation: shorten descriptions and schemas"
        yield Lint(Severity.WARNING, "tool-size", name, "", reason)
    yield from _schema(name, tool.get("inputSchema"))
    annotations: Any = tool.get("annotations")
    if not isinstance(annotations, dict) or not annotations:
        reason = "no annotations say whether it reads or writes (readOnlyHint, destructiveHint)"
        yield Lint(Severity.NOTE, "tool-annotations", name, "annotations", reason)


def _name(name: str) -> Iterator[Lint]:
    if not _WIRE.fullmatch(name):
        reason = "the protocol allows 1 to 128 of A-Z, a-z, 0-9, _ . and -"
        yield Lint(Severity.ERROR, "tool-name", name, "name", reason)
    elif not _PUBLIC.fullmatch(name):
        reason = "many clients take 64 of A-Z, a-z, 0-9, _ and - only: it is shortened for them"
        yield Lint(Severity.WARNING, "tool-name", name, "name", reason)


def _description(name: str, text: Any) -> Iterator[Lint]:
    rule, path = "tool-description", "description"
    if not isinstance(text, str) or not text.strip():
        yield Lint(Severity.WARNING, rule, name, path, "is missing: a model can only guess when to use it")
    elif len(text.strip()) < SHORTEST:
        yield Lint(Severity.WARNING, rule, name, path, f"has fewer than {SHORTEST} characters: say what, and when")
    elif len(text) > LONGEST:
        yield Lint(Severity.NOTE, rule, name, path, f"has {len(text)} characters; more than {LONGEST} are rarely read")


def _schema(name: str, schema: Any) -> Iterator[Lint]:
    if not isinstance(schema, dict) or cast("Mapping[str, Any]", schema).get("type") != "object":
        yield Lint(Severity.ERROR, "schema", name, "inputSchema", 'must be a JSON Schema with "type": "object"')
        return
    root = cast("Mapping[str, Any]", schema)
    yield from _references(name, root, "inputSchema")
    properties: Any = root.get("properties", {})
    if not isinstance(properties, dict):
        yield Lint(Severity.ERROR, "schema", name, "inputSchema.properties", "must be an object")
        return
    parameters = cast("Mapping[str, Any]", properties)
    required: Any = root.get("required", [])
    for one in cast("list[Any]", required) if isinstance(required, list) else []:
        if one not in parameters:
            reason = f"`{one}` is required, and no such parameter is described"
            yield Lint(Severity.ERROR, "schema", name, "inputSchema.required", reason)
    if len(parameters) > MOST_PARAMETERS:
        reason = f"{len(parameters)} parameters: models fill in {MOST_PARAMETERS} at most reliably"
        yield Lint(Severity.WARNING, "schema", name, "inputSchema.properties", reason)
    if _depth(root) > DEEPEST:
        reason = f"is nested more than {DEEPEST} deep: models fill in flat parameters better"
        yield Lint(Severity.WARNING, "schema", name, "inputSchema", reason)
    for parameter, described in parameters.items():
        yield from _parameter(name, parameter, described)
    if parameters and not any(_has_example(described) for described in parameters.values()):
        reason = "no parameter has an example, a default or a list of values: one example saves many wrong calls"
        yield Lint(Severity.NOTE, "parameter-example", name, "inputSchema.properties", reason)


def _has_example(described: Any) -> bool:
    return isinstance(described, dict) and bool(_EXAMPLES & cast("Mapping[str, Any]", described).keys())


def _parameter(name: str, parameter: str, described: Any) -> Iterator[Lint]:
    path = f"inputSchema.properties.{parameter}"
    if not isinstance(described, dict):
        yield Lint(Severity.WARNING, "parameter-type", name, path, "has no schema: a model can only guess its type")
        return
    schema = cast("Mapping[str, Any]", described)
    if not _says_more(parameter, schema):
        yield Lint(Severity.WARNING, "parameter-description", name, path, "has no description")
    kind: Any = schema.get("type")
    if kind is None and not _ANY & schema.keys():
        yield Lint(Severity.WARNING, "parameter-type", name, path, "has no type: a model can only guess")
    wanted = _CONSTRAINTS.get("number" if kind == "integer" else kind) if isinstance(kind, str) else None
    if wanted is not None and not (wanted | _ANY) & schema.keys():
        reason = f"any {kind} fits: say more ({', '.join(sorted(wanted))} or enum)"
        yield Lint(Severity.NOTE, "parameter-constraint", name, path, reason)


def _says_more(parameter: str, schema: Mapping[str, Any]) -> bool:
    """Whether it is described. A title that is the name once more, as generators write them, says nothing."""
    if str(schema.get("description") or "").strip():
        return True
    title = "".join(letter for letter in str(schema.get("title") or "").casefold() if letter.isalnum())
    return title not in ("", "".join(letter for letter in parameter.casefold() if letter.isalnum()))


def _references(name: str, value: Any, path: str) -> Iterator[Lint]:
    """A reference that leads elsewhere is never followed, by us or by any sane client."""
    if isinstance(value, dict):
        for key, inner in cast("Mapping[str, Any]", value).items():
            if key == "$ref" and isinstance(inner, str) and not inner.startswith("#"):
                yield Lint(Severity.ERROR, "schema-reference", name, f"{path}.$ref", "leads out of the definition")
            yield from _references(name, inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[Any]", value)):
            yield from _references(name, inner, f"{path}[{place}]")


def _depth(value: Any) -> int:
    """How many levels of parameters lie below each other."""
    if isinstance(value, dict):
        here = cast("Mapping[str, Any]", value)
        below = max((_depth(inner) for inner in here.values()), default=0)
        return below + (1 if isinstance(here.get("properties"), dict) else 0)
    if isinstance(value, list):
        return max((_depth(inner) for inner in cast("list[Any]", value)), default=0)
    return 0
