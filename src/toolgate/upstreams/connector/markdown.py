"""Markdown -> Atlassian Document Format, for products that take no other rich text. CommonMark with tables and
strikethrough. Where the format allows less than Markdown (a heading within a list), the text stays, not the form."""

from collections.abc import Iterable, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Node = dict[str, Any]

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_MARKS = {"strong": "strong", "em": "em", "s": "strike"}
_LISTS = {"bullet_list": "bulletList", "ordered_list": "orderedList"}


def document(text: str) -> Node:
    """The whole text as one document."""
    tree = SyntaxTreeNode(_PARSER.parse(text))
    return {"version": 1, "type": "doc", "content": _blocks(tree.children, nested=False)}


def _blocks(nodes: Iterable[SyntaxTreeNode], *, nested: bool) -> list[Node]:
    """`nested` is within a list or a quotation, where there are paragraphs, lists and code only."""
    return [made for node in nodes for made in _block(node, nested)]


def _block(node: SyntaxTreeNode, nested: bool) -> list[Node]:
    kind = node.type
    if kind in _LISTS:
        return [_list(node)]
    if kind in ("fence", "code_block"):
        return [_code(node)]
    if kind == "blockquote":
        inner = _blocks(node.children, nested=True)
        return inner if nested or not inner else [{"type": "blockquote", "content": inner}]
    if kind == "hr":
        return [] if nested else [{"type": "rule"}]
    if kind == "table":
        return [_paragraph(row.children) for row in _rows(node)] if nested else [_table(node)]
    if kind == "heading" and not nested:
        return [{"type": "heading", "attrs": {"level": int(node.tag[1:])}, "content": _inline(node.children)}]
    return [_paragraph(node.children)]


def _paragraph(nodes: Sequence[SyntaxTreeNode]) -> Node:
    return {"type": "paragraph", "content": _inline(nodes)}


def _list(node: SyntaxTreeNode) -> Node:
    made: Node = {"type": _LISTS[node.type], "content": [_item(item) for item in node.children]}
    if node.type == "ordered_list":
        made["attrs"] = {"order": int(node.attrs.get("start", 1))}
    return made


def _item(node: SyntaxTreeNode) -> Node:
    """An item begins with a paragraph or with code."""
    content = _blocks(node.children, nested=True)
    if not content or content[0]["type"] not in ("paragraph", "codeBlock"):
        content.insert(0, {"type": "paragraph", "content": []})
    return {"type": "listItem", "content": content}


def _code(node: SyntaxTreeNode) -> Node:
    text = node.content.removesuffix("\n")
    made: Node = {"type": "codeBlock", "content": [{"type": "text", "text": text}] if text else []}
    language = node.info.split()[:1]
    return {**made, "attrs": {"language": language[0]}} if language else made


def _rows(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    return [row for part in node.children for row in part.children]


def _table(node: SyntaxTreeNode) -> Node:
    rows = [{"type": "tableRow", "content": [_cell(cell) for cell in row.children]} for row in _rows(node)]
    return {"type": "table", "content": rows}


def _cell(node: SyntaxTreeNode) -> Node:
    return {"type": "tableHeader" if node.type == "th" else "tableCell", "content": [_paragraph(node.children)]}


def _inline(nodes: Iterable[SyntaxTreeNode], marks: tuple[Node, ...] = ()) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        if node.type in ("inline", "th", "td"):
            found += [_text(" | ", marks)] if found else []
            found += _inline(node.children, marks)
        elif node.type in _MARKS:
            found += _inline(node.children, (*marks, {"type": _MARKS[node.type]}))
        elif node.type == "link":
            found += _inline(node.children, (*marks, _link(node.attrs.get("href"))))
        elif node.type == "image":
            found += [_text(node.content or "picture", (*marks, _link(node.attrs.get("src"))))]
        elif node.type == "hardbreak":
            found.append({"type": "hardBreak"})
        elif node.type == "code_inline":
            kept = tuple(mark for mark in marks if mark["type"] == "link")
            found.append(_text(node.content, (*kept, {"type": "code"})))
        elif node.type == "softbreak":
            found.append(_text(" ", marks))
        elif node.content:
            found.append(_text(node.content, marks))
    return found


def _link(target: Any) -> Node:
    return {"type": "link", "attrs": {"href": str(target)}}


def _text(text: str, marks: tuple[Node, ...]) -> Node:
    """A link stands once, and so does every other mark."""
    kept = {mark["type"]: mark for mark in marks if mark["type"] != "link" or mark["attrs"]["href"]}
    made: Node = {"type": "text", "text": text}
    return {**made, "marks": [*kept.values()]} if kept else made
