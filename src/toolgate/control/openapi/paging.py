"""How a list goes on, where the document says it plainly: a link header, a cursor that the answer holds, pages,
offsets. What is not plain is left as it is: its parameters stay arguments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from toolgate.control.openapi.answers import Projection, quoted
from toolgate.control.openapi.document import Answer, Parameter
from toolgate.control.openapi.naming import words
from toolgate.control.openapi.nodes import Node
from toolgate.control.openapi.schemas import Shape, Shapes

MOST = 1000
"""The most rows of one answer that the format knows."""

_SIZES = (
    "perpage", "pagesize", "limit", "maxresults", "maxitems", "count", "size", "top", "take", "pagelimit", "first",
    "numresults", "resultsperpage", "itemsperpage", "rows", "pageitems",
)  # fmt: skip
_PAGES = ("page", "pagenumber", "pageno", "pageindex", "currentpage", "pagenum")
_OFFSETS = ("offset", "skip", "start", "startat", "startindex", "from", "firstresult", "pageoffset")
_CURSORS = (
    "cursor", "pagetoken", "nexttoken", "startcursor", "after", "startingafter", "continue", "continuationtoken",
    "nextcursor", "nextpagetoken", "marker", "pagecursor", "startkey", "bookmark", "token", "pageafter", "since",
)  # fmt: skip
_NEXT = re.compile(
    r"(?:next)?(?:cursor|pagetoken|token|startcursor|continue|continuationtoken|marker|bookmark)|next|after|endcursor"
)
_CERTAIN = re.compile(r"next(?:page)?(?:cursor|token|marker|startkey)|nextpage|endcursor|continuationtoken|continue")
_META = frozenset(
    {"meta", "metadata", "paging", "pagination", "page", "pageinfo", "responsemetadata", "cursors", "links"}
)
_LINKS = ("nextlink", "nexturl", "nextpageurl", "next")


class Paging(msgspec.Struct, frozen=True):
    """`written` is what the connector says; `taken` are the parameters of the wire that the engine sets by itself."""

    written: dict[str, Any]
    taken: frozenset[str]


def guessed(
    shapes: Shapes, parameters: Sequence[Parameter], body: Mapping[str, Node], answer: Answer, whole: Shape,
    found: Projection,
) -> Paging | None:  # fmt: skip
    """`body` are the members of a JSON body, `whole` the shape of the answer."""
    if found.rows is None:
        return None
    query = {parameter.name: parameter.schema for parameter in parameters if parameter.place == "query"}
    size = _named(query, _SIZES)
    if found.rows != "@":
        by_cursor = _cursor(shapes, query, size, whole, found) or _cursor_in_body(shapes, body, whole, found)
        by_link = by_cursor or _link_in_body(shapes, query, size, whole, found)
        if by_link is not None:
            return by_link
    if "link" in answer.headers:
        pages = [name for name in query if _plain(name) in _PAGES]
        names = pages or [name for name in query if _plain(name) in (*_CURSORS, "before")]
        if names:
            return _made(shapes, query, {"style": "link_header", "position_params": names}, size, found.rows)
    for style, known in (("page", _PAGES), ("offset", _OFFSETS)):
        name = _named(query, known)
        if name is not None and size is not None and _is_number(shapes, query[name]):
            written: dict[str, Any] = {"style": style, "position_params": [name]}
            if style == "page" and _starts_at_zero(shapes, query[name]):
                written["first"] = 0
            return _made(shapes, query, written, size, found.rows)
    return None


def whole_list(rows: str) -> dict[str, Any]:
    """A list that comes all at once: what is shown of it is cut."""
    return {"style": "none", **({} if rows == "@" else {"rows": rows})}


def _cursor(
    shapes: Shapes, query: Mapping[str, Node], size: str | None, whole: Shape, found: Projection
) -> Paging | None:
    name = _named(query, _CURSORS)
    if name is None:
        return None
    following = _following(shapes, whole, certain=_plain(name) in ("since", "token"))
    if following is None and _plain(name) == "startingafter" and "has_more" in whole.properties:
        following = f"has_more && {found.rows}[-1].id"
    if following is None:
        return None
    written = {"style": "cursor", "position_params": [name], "next_cursor": following}
    return _made(shapes, query, written, size, found.rows or "@")


def _cursor_in_body(shapes: Shapes, body: Mapping[str, Node], whole: Shape, found: Projection) -> Paging | None:
    name, size = _named(body, _CURSORS), _named(body, _SIZES)
    following = None if name is None else _following(shapes, whole, certain=True)
    if name is None or following is None or "." in name:
        return None
    written = {"style": "cursor", "in": "body", "position_params": [name], "next_cursor": following}
    return _made(shapes, body, written, size, found.rows or "@")


def _link_in_body(
    shapes: Shapes, query: Mapping[str, Node], size: str | None, whole: Shape, found: Projection
) -> Paging | None:
    """A link to the next page in the answer. Its position is one of the query's own parameters, or Azure's."""
    link = next((path for path, plain, _ in _texts_in(shapes, whole) if plain in _LINKS), None)
    if link is None:
        return None
    known = (*_PAGES, *_OFFSETS, *_CURSORS)
    names = [name for name in query if _plain(name) in known or re.search(r"cursor|page\[(?:number|offset)", name)]
    if not names and "nextlink" in {_plain(name) for name in whole.properties}:
        names = ["$skipToken", "$skiptoken", "$skip"]
    if not names:
        return None
    written = {"style": "link_body", "position_params": names, "next_link": link}
    return _made(shapes, query, written, size, found.rows or "@")


def _following(shapes: Shapes, whole: Shape, *, certain: bool) -> str | None:
    """Where an answer says how to go on."""
    found = [(path, plain) for path, plain, _ in _texts_in(shapes, whole) if _NEXT.fullmatch(plain)]
    sure = [path for path, plain in found if _CERTAIN.fullmatch(plain)]
    if sure:
        return sure[0]
    return None if certain or not found else found[0][0]


def _texts_in(shapes: Shapes, whole: Shape, before: str = "", depth: int = 0) -> Iterator[tuple[str, str, Shape]]:
    """Texts and numbers of an answer, and of what describes its pages: (JMESPath, plain name, shape)."""
    for name, node in whole.properties.items():
        path, plain = f"{before}{quoted(name)}", _plain(name)
        shape = shapes.shape(node, wide=True)
        if shape.kind in ("string", "integer", "any"):
            yield path, plain, shape
        elif shape.kind == "object" and depth < 2 and plain in (*_META, "next"):
            yield from _texts_in(shapes, shape, f"{path}.", depth + 1)


def _made(shapes: Shapes, members: Mapping[str, Node], written: dict[str, Any], size: str | None, rows: str) -> Paging:
    wire: list[str] = [*written["position_params"], *([] if size is None else [size])]
    taken = frozenset(name for name in wire if name in members)
    if size is not None:
        shape = shapes.shape(members[size])
        most = MOST if shape.maximum is None else max(1, min(MOST, int(shape.maximum)))
        if shape.maximum is None:
            most = 100
        written = {**written, "size_param": size, "default": min(20, most), "max": most}
    if rows != "@":
        written = {**written, "rows": rows}
    return Paging(written, taken)


def _plain(name: str) -> str:
    return "".join(words(name))


def _named(members: Mapping[str, Node], known: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in reversed(list(members))}
    return next((plain[name] for name in known if name in plain), None)


def _is_number(shapes: Shapes, node: Node) -> bool:
    shape = shapes.shape(node)
    return shape.kind in ("integer", "number", "any") or (shape.kind == "string" and not shape.enum)


def _starts_at_zero(shapes: Shapes, node: Node) -> bool:
    shape = shapes.shape(node)
    return shape.minimum == 0 or (shape.minimum is None and shape.default == 0)
