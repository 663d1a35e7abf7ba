"""A document and a choice -> a connector, as plain values that read as people write it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from toolgate.control.openapi import answers, inputs, naming, paging, signing
from toolgate.control.openapi.answers import Outcome, Projection
from toolgate.control.openapi.bodies import LeftOut
from toolgate.control.openapi.document import Document, Operation, is_json_media
from toolgate.control.openapi.nodes import Node, mapping, text
from toolgate.control.openapi.paging import Paging
from toolgate.control.openapi.schemas import Shapes
from toolgate.control.openapi.signing import Signing
from toolgate.control.openapi.words import clean, cut

_LONGEST, _SHORTEST = 400, 20
_LONGEST_TITLE = 60
_ASKS = frozenset({"search", "query", "_search", "lookup", "find", "_count", "count"})
_ENDS = re.compile(r"\b(?:cancel|revoke|remove|delete|purge|reset|merge|archive|close|terminate|kill|destroy)\b")
_DOCS = re.compile(r"https://[^\s]{1,500}")


class Plan(msgspec.Struct, frozen=True):
    """What is to be made: the connector's id, the document's name (`source`), where its API is (`base_url`, judged by
    whoever chose it), and names that tools have already, by operation key. `token` adds a way to sign in where the
    document has none. `thrift` (0 to 3) leaves out words of descriptions."""

    name: str
    source: str
    base_url: str
    operations: tuple[Operation, ...]
    names: Mapping[str, str] = {}
    search: bool = False
    token: bool = False
    thrift: int = 0


class Imported(msgspec.Struct, frozen=True):
    """`connector` is what is saved. `left_out` are operations with the reason why; `remarks` are for people."""

    connector: dict[str, Any]
    left_out: dict[str, str]
    remarks: tuple[str, ...]


class _Seen(msgspec.Struct, frozen=True):
    """What is known of one operation before it has a name."""

    operation: Operation
    outcome: Outcome
    projection: Projection
    paging: Paging | None


def imported(document: Document, plan: Plan) -> Imported:
    """The connector of the operations that are chosen. What it may not hold is left out, never made up."""
    signed = signing.signing(document, plan.operations)
    names = _names(document, plan)
    dropped: list[str] = []
    tools: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    variables: dict[str, str] = {}
    for operation in plan.operations:
        try:
            tools.append(_tool(document, plan, signed, operation, names, variables, dropped))
        except LeftOut as why:
            left_out[operation.key] = why.reason
    said = [f"left out of a description, because it speaks to the model: {line[:120]!r}" for line in dropped[:10]]
    said += [f"{one.key} is taken for one that only reads: look at its hints" for one in plan.operations if asks(one)][
        :10
    ]
    auth = list(signed.auth) or ([signing.bearer()] if plan.token else [])
    made = _connector(document, plan, tools, auth, variables)
    return Imported(made, left_out, tuple(dict.fromkeys((*signed.remarks, *said))))


def _names(document: Document, plan: Plan) -> dict[str, str]:
    """Over the whole document, so that a name does not hang on what else is chosen."""
    lists: dict[str, bool] = {}
    for operation in plan.operations:
        shapes = Shapes(document)
        found = answers.outcome(document.answer(operation))
        if found.form == "json" and found.schema:
            lists[operation.key] = answers.projection(shapes, operation, found).rows is not None
        else:
            lists[operation.key] = False
    return naming.names(document.operations, lists, plan.names)


def _connector(
    document: Document, plan: Plan, tools: Sequence[Mapping[str, Any]], auth: list[dict[str, Any]],
    variables: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    title = cut(clean(text(document.info.get("title"))).rstrip("."), 100) or plan.name
    said = clean(text(document.info.get("description")) or text(document.info.get("summary")))
    described = said if len(said) >= _SHORTEST else f"{title}: its API, as tools. {said}".strip()
    docs = text(mapping(document.root.get("externalDocs")).get("url"))
    made: dict[str, Any] = {"connector": "v1", "id": plan.name, "title": title}
    made["description"] = cut(described, _LONGEST)
    if _DOCS.fullmatch(docs):
        made["docs"] = docs
    made["imported_from"] = plan.source[:400]
    if plan.search:
        made["mode"] = "search"
    if variables:
        form = "[A-Za-z0-9._-]{1,60}"
        made["variables"] = {name: {"help": said, "pattern": form} for name, said in variables.items()}
    if auth:
        made["auth"] = _tested(auth, tools)
    host = re.sub(r"^https?://|[:/].*$", "", plan.base_url.replace("[::1]", "localhost"))
    made["http"] = {"base_url": plan.base_url, "allow_hosts": ["::1" if "[::1]" in plan.base_url else host]}
    if any(tool["request"]["method"] == "GET" for tool in tools):
        made["http"]["redirects"] = "same_origin"
    made["errors"] = {"message": _message(document, plan.operations)}
    made["tools"] = list(tools)
    return made


def _tested(auth: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A harmless call that shows whether a credential works: one that reads and needs nothing."""
    fit = [
        tool["name"] for tool in tools
        if tool["hints"]["read_only"] and not any(one.get("required") for one in tool.get("params", {}).values())
    ]  # fmt: skip
    return [{**one, "test": fit[0]} for one in auth] if fit else auth


def _message(document: Document, operations: Sequence[Operation]) -> str:
    schemas: list[Node] = []
    for operation in operations[:20]:
        for status, value in mapping(operation.node.get("responses")).items():
            if status[:1] in ("4", "5") or status == "default":
                node = document.follow(value)
                content = mapping(node.get("content"))
                found = [mapping(one).get("schema") for media, one in content.items() if is_json_media(media)]
                schemas += [mapping(one) for one in (*found, node.get("schema")) if one]
    return answers.message(Shapes(document), schemas[:30])


def _seen(document: Document, shapes: Shapes, operation: Operation) -> _Seen:
    answer = document.answer(operation)
    found = answers.outcome(answer)
    if found.form in ("file", "stream"):
        what = "a file" if found.form == "file" else "a stream of events"
        raise LeftOut(f"it answers {what} ({found.media}), which a connector does not pass on")
    projected = answers.projection(shapes, operation, found)
    body = document.body(operation)
    media = next((media for media in body.schemas if is_json_media(media)), None) if body is not None else None
    members = {} if body is None or media is None else shapes.shape(body.schemas[media]).properties
    whole = shapes.shape(found.schema or {}, wide=True)
    paged = paging.guessed(shapes, document.parameters(operation), members, answer, whole, projected)
    return _Seen(operation, found, projected, paged)


def _tool(
    document: Document, plan: Plan, signed: Signing, operation: Operation, names: Mapping[str, str],
    variables: dict[str, str], dropped: list[str],
) -> dict[str, Any]:  # fmt: skip
    shapes = Shapes(document)
    seen = _seen(document, shapes, operation)
    name = names[operation.key]
    parameters = document.parameters(operation)
    pages = seen.paging.written if seen.paging is not None else None
    has_limit = any(naming.snake(one.name) == "limit" for one in parameters)
    if pages is None and seen.projection.rows is not None and operation.method == "GET" and not has_limit:
        pages = paging.whole_list(seen.projection.rows)
    if name.startswith(("list_", "search_")) and pages is None and not has_limit:
        verb = "find" if name.startswith("search_") else "get"
        name = naming.shortened(f"{verb}_{name.partition('_')[2]}", operation.key)
    asked = inputs.Asked(
        operation, parameters, document.body(operation), signed.hidden,
        seen.paging.taken if seen.paging is not None else frozenset(),
        frozenset({"limit", "page_token"}) if pages is not None else frozenset(),
        text(document.info.get("version")),
    )  # fmt: skip
    taken = inputs.inputs(shapes, asked)
    variables |= taken.variables
    said = _described(operation, dropped)
    tool: dict[str, Any] = {"name": name, "title": _title(operation, name), "description": said}
    tool["hints"] = _hints(operation)
    group = naming.snake(operation.tags[0]) if operation.tags else ""
    if group:
        tool["group"] = group
    if operation.key in signed.scopes:
        tool["scopes"] = list(signed.scopes[operation.key])
    tool["request"] = _request(operation, taken, seen)
    if taken.params:
        tool["params"] = {key: _thrifty(param, plan.thrift) for key, param in taken.params.items()}
    if pages is not None:
        tool |= {"paginate": True, "pagination": pages}
    if seen.outcome.form == "text":
        tool["response"] = "text"
    tool["result"] = seen.projection.result
    if plan.thrift:
        tool["description"] = _padded(cut(tool["description"], (200, 120, 80)[plan.thrift - 1]), operation)
    return tool


def _thrifty(param: dict[str, Any], thrift: int) -> dict[str, Any]:
    """Fewer words, where all of them would be too many."""
    said = param.get("description", "")
    if not thrift or not said:
        return param
    head, brace, inside = said.partition("{")
    short = "" if thrift > 2 else cut(head.strip(), 100 if thrift == 1 else 50)
    kept = f"{short} {brace}{inside}".strip() if brace and (thrift < 3 or param.get("required")) else short
    rest = {key: value for key, value in param.items() if key != "description"}
    return {**rest, "description": kept} if kept else rest


def _request(operation: Operation, taken: inputs.Inputs, seen: _Seen) -> dict[str, Any]:
    request: dict[str, Any] = {"method": operation.method, "path": taken.path}
    if taken.body is not None:
        request["body"] = taken.body
    if taken.content_type is not None:
        request["content_type"] = taken.content_type
    shown = dict(taken.headers)
    media = seen.outcome.media.partition(";")[0].strip()
    if seen.outcome.form == "json" and media.endswith("+json") and re.fullmatch(r"[a-z0-9.+/-]{1,100}", media):
        shown["Accept"] = media
    if shown:
        request["headers"] = shown
    return request


def _described(operation: Operation, dropped: list[str]) -> str:
    """Summary and description, each said once."""
    summary = clean(operation.summary, dropped.append)
    said = clean(operation.description, dropped.append)
    named = naming.words(summary)
    repeated = said.lower().startswith(summary.rstrip(".").lower())
    # Frameworks make a summary of the function's name, which says nothing that the tool's name does not.
    if repeated or (len(said) >= _SHORTEST and naming.words(operation.id)[: len(named)] == named):
        summary = ""
    whole = f"{summary} {said}".strip()
    if operation.deprecated:
        whole = f"Deprecated. {whole}"
    return _padded(cut(whole, _LONGEST), operation)


def _padded(said: str, operation: Operation) -> str:
    """A text that is too short to tell anything gets method and path."""
    if len(said) >= _SHORTEST:
        return said
    path = operation.path if len(operation.path) <= 300 else f"{operation.path[:300]}..."
    plain = re.sub(r"[^\x21-\x7e]", "", path)
    return f"{said} {operation.method} {plain}, one operation of its API.".strip()


def _title(operation: Operation, name: str) -> str:
    said = clean(operation.summary).rstrip(".")
    return said if 0 < len(said) <= _LONGEST_TITLE else " ".join(name.split("_")).capitalize()


def asks(operation: Operation) -> bool:
    """Whether a POST only asks, by the last word of its path."""
    return operation.method == "POST" and re.split(r"[/:]", operation.path.rstrip("/").lower())[-1] in _ASKS


def _hints(operation: Operation) -> dict[str, bool]:
    """What the method means (RFC 9110 section 9.2)."""
    method = operation.method
    last = operation.path.rstrip("/").rpartition("/")[2]
    if method == "GET" or asks(operation):
        return {"read_only": True, "destructive": False, "idempotent": True}
    ends = method == "DELETE" or _ENDS.search(" ".join(naming.words(f"{operation.id} {last}"))) is not None
    return {"read_only": False, "destructive": ends or method == "PUT", "idempotent": method in ("PUT", "DELETE")}
