"""What an operation answers, and the part of it that a model should see: a suggestion in JMESPath, made from the schema
of the answer. Wire names stay; what only machines need is left out."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from toolgate.control.openapi.document import Answer, Operation, is_json_media
from toolgate.control.openapi.naming import singular, words
from toolgate.control.openapi.nodes import Node
from toolgate.control.openapi.schemas import SCALARS, Shape, Shapes

Form = Literal["json", "text", "none", "file", "stream"]

_WRAPPERS = frozenset({
    "items", "data", "results", "result", "records", "values", "value", "entries", "list", "rows", "nodes", "objects",
    "elements", "content", "hits", "members", "documents", "collection",
})  # fmt: skip
_BESIDE_ROWS = frozenset({
    "total", "totalcount", "count", "totalresults", "totalelements", "totalitems", "size", "next", "previous", "prev",
    "hasmore", "nextcursor", "nextpagetoken", "nexttoken", "cursor", "page", "pages", "pagesize", "perpage", "limit",
    "offset", "meta", "metadata", "links", "paging", "pagination", "startat", "maxresults", "islast", "object", "kind",
    "apiversion", "incompleteresults", "nextlink", "responsemetadata", "ok", "type",
})  # fmt: skip
_TOTALS = ("totalentries", "total", "totalcount", "count", "totalresults", "totalelements", "totalitems")
_INNER = ("data", "result", "response", "_embedded", "payload", "body")
_FIRST = (
    "id", "uuid", "number", "key", "name", "full_name", "title", "slug", "subject", "summary", "label", "code", "email",
    "login", "username", "status", "state", "type", "kind", "draft", "priority", "amount", "currency", "price",
    "quantity", "total", "value", "description", "body", "text", "message", "content", "language", "version",
    "created_at", "created", "date", "timestamp", "updated_at", "updated", "modified", "due_date", "html_url", "url",
)  # fmt: skip
_RANK: Mapping[str, int] = {name: place for place, name in enumerate(_FIRST)}
_LABELS = (
    "login", "name", "full_name", "display_name", "title", "label", "key", "slug", "username", "email", "message",
    "value", "id",
)  # fmt: skip
_NOISE = re.compile(
    r"(?:^|_)(?:node_id|etag|_links|links|href|self|gravatar|avatar|sha256|checksum|permissions|reactions|metadata_"
    r"|schema|password|secret|token)(?:_|$)|_urls?$|^_"
)
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_IN_ROW, _MOST_IN_ONE = 10, 24
_SMALL = 5
"""Members of an object that is shown whole within another."""

_LONGEST = 1800
_LISTED = "(detail[0].msg && join(': ', [to_string(detail[0].loc[-1]), detail[0].msg]))"
"""FastAPI: a list of what is wrong, each with its place."""


class Outcome(msgspec.Struct, frozen=True):
    """`form` is how it is written, `media` its media type, `schema` what it holds where that is said."""

    form: Form
    media: str = ""
    schema: Node | None = None


class Projection(msgspec.Struct, frozen=True):
    """`result` is JMESPath, or `raw`. `rows` finds the list of an answer that is one, or holds one."""

    result: str = "raw"
    rows: str | None = None
    row: Shape | None = None


def outcome(answer: Answer) -> Outcome:
    """JSON where it can be had."""
    if not answer.schemas:
        # Some documents say nothing of answers that are JSON; what is said to be empty is.
        return Outcome("none" if answer.declared else "json")
    for media, schema in answer.schemas.items():
        if is_json_media(media):
            return Outcome("json", media, schema)
    media, schema = next(iter(answer.schemas.items()))
    if media.startswith("text/event-stream"):
        return Outcome("stream", media)
    if media.startswith("text/") or "xml" in media or "yaml" in media or "text" in media:
        return Outcome("text", media)
    return Outcome("file", media)


def projection(shapes: Shapes, operation: Operation, found: Outcome) -> Projection:
    if found.form != "json" or found.schema is None:
        return Projection()
    whole = shapes.shape(found.schema, wide=True)
    if whole.kind == "array":
        row = shapes.shape(whole.items or {}, wide=True)
        chosen = _fields(shapes, row, _MOST_IN_ROW)
        return Projection(f"[].{chosen}" if chosen else "raw", "@", row)
    if whole.kind != "object":
        return Projection()
    held = _list_in(shapes, operation, whole)
    if held is not None:
        return _wrapped(shapes, whole, *held)
    for name in _INNER:
        inner = shapes.shape(whole.properties.get(name, {}), wide=True)
        if (
            inner.kind == "object"
            and inner.properties
            and all(_is_beside(one) for one in whole.properties if one != name)
        ):
            chosen = _fields(shapes, inner, _MOST_IN_ONE)
            return Projection(f"{quoted(name)}.{chosen}" if chosen else quoted(name))
    return Projection(_fields(shapes, whole, _MOST_IN_ONE) or "raw")


def _list_in(shapes: Shapes, operation: Operation, whole: Shape) -> tuple[str, Shape, Shape] | None:
    """The list that an answer is about: (JMESPath, its rows, the object it stands in)."""
    if operation.method not in ("GET", "POST") or operation.path.rstrip("/").endswith("}"):
        return None
    listed = _listed(shapes, operation, whole)
    if listed is not None:
        return (quoted(listed[0]), listed[1], whole)
    for name in _INNER:
        if name in whole.properties:
            inner = shapes.shape(whole.properties[name], wide=True)
            listed = _listed(shapes, operation, inner) if inner.kind == "object" else None
            if listed is not None:
                return (f"{quoted(name)}.{quoted(listed[0])}", listed[1], whole)
    return None


def _listed(shapes: Shapes, operation: Operation, whole: Shape) -> tuple[str, Shape] | None:
    lists = {
        name: shape
        for name, node in whole.properties.items()
        if (shape := shapes.shape(node, wide=True)).kind == "array"
    }
    if not lists:
        return None
    subject = next((part for part in reversed(operation.path.split("/")) if part and "{" not in part), "")
    beside = [name for name in whole.properties if name not in lists]
    pages = sum(_is_beside(name) for name in beside)
    for name, shape in lists.items():
        plain = "".join(words(name))
        about = {singular(word) for word in words(subject)} & {singular(word) for word in words(name)}
        alone = len(lists) == 1 and (pages == len(beside))
        if plain in _WRAPPERS or (about and pages >= len(beside) // 2) or alone:
            return name, shapes.shape(shape.items or {}, wide=True)
    return None


def _is_beside(name: str) -> bool:
    """Whether a member says how many there are, or how to go on."""
    plain = "".join(words(name))
    return plain in _BESIDE_ROWS or plain.startswith(("total", "next", "prev", "has", "page"))


def _wrapped(shapes: Shapes, whole: Shape, rows: str, row: Shape, held: Shape) -> Projection:
    """The rows, and how many there are in all. Some products say null where a list is empty."""
    chosen = _fields(shapes, row, _MOST_IN_ROW)
    listed = f"({rows} || `[]`)[].{chosen}" if chosen else f"{rows} || `[]`"
    total = next((name for name in held.properties if "".join(words(name)) in _TOTALS), None)
    whole_count = f", total: {quoted(total)}" if total and shapes.shape(whole.properties[total]).kind != "array" else ""
    return Projection(f"{{rows: {listed}{whole_count}}}", rows, row)


def _fields(shapes: Shapes, shape: Shape, most: int) -> str:
    """The members that say something, as a multiselect hash; empty where the whole is better."""
    if shape.kind != "object" or not shape.properties:
        return ""
    if shape.more and len(shape.properties) < 2:
        return ""
    chosen: list[tuple[int, int, str]] = []
    for_people = "html_url" in shape.properties
    for place, (name, node) in enumerate(shape.properties.items()):
        plain = "_".join(words(name))
        if (_NOISE.search(plain or name) and plain != "html_url") or (for_people and plain == "url"):
            continue
        said = _field(shapes, name, shapes.shape(node, wide=True), most)
        if said:
            chosen.append((_rank(plain), place, f"{quoted(name)}: {said}"))
    kept = sorted(sorted(chosen)[:most], key=lambda one: (one[0] >= len(_FIRST), one[1]))
    if len(kept) == 1 and len(shape.properties) > 1:
        return ""
    while kept and sum(len(one[2]) + 2 for one in kept) > _LONGEST:
        kept.pop()
    return "{" + ", ".join(one[2] for one in kept) + "}" if kept else ""


def _rank(plain: str) -> int:
    if plain in _RANK:
        return _RANK[plain]
    return len(_FIRST) + (0 if plain.endswith(("_id", "_at", "_name", "_date", "status", "state")) else 1)


def _field(shapes: Shapes, name: str, shape: Shape, most: int) -> str:
    """Plain values as they are, of an object what names it, of a list of objects what names each."""
    if shape.kind in SCALARS or shape.kind == "any":
        return quoted(name)
    if shape.kind == "object":
        if most > _MOST_IN_ROW and 0 < len(shape.properties) <= _SMALL:
            return quoted(name)
        label = _label(shape)
        if label:
            return f"{quoted(name)}.{quoted(label)}"
        return quoted(name) if most > _MOST_IN_ROW and len(shape.properties) <= 8 else ""
    if shape.kind == "array":
        inner = shapes.shape(shape.items or {}, wide=True)
        if inner.kind == "object":
            label = _label(inner)
            if not label and inner.properties and most <= _MOST_IN_ROW:
                return ""
            return f"{quoted(name)}[].{quoted(label)}" if label and most <= _MOST_IN_ROW else quoted(name)
        return quoted(name)
    return ""


def _label(shape: Shape) -> str:
    plain = {"_".join(words(name)): name for name in shape.properties}
    return next((plain[label] for label in _LABELS if label in plain), "")


def quoted(name: str) -> str:
    """An identifier of JMESPath."""
    return name if _BARE.fullmatch(name) else msgspec.json.encode(name).decode()


def message(shapes: Shapes, schemas: Sequence[Node]) -> str:
    """Where errors say what is wrong: what the documents of most products say, unless this one says another thing."""
    usual = ["message", "error.message", "detail", "error_description", "title", "errors[0].message"]
    names: list[str] = []
    for schema in schemas:
        shape = shapes.shape(schema, wide=True)
        if _LISTED not in usual and shapes.shape(shape.properties.get("detail", {})).kind == "array":
            usual.insert(2, _LISTED)
        names += [name for name, node in shape.properties.items() if shapes.shape(node).kind == "string"]
    own = [quoted(name) for name in dict.fromkeys(names) if re.search(r"message|description|detail|reason", name)]
    return " || ".join(dict.fromkeys([*own[:3], *usual, "error"]))
