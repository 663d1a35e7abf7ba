"""Arguments -> the bytes of a request. Each argument of a path stays one segment, whatever is in it; no argument can
change the host, end a header, or begin another parameter."""

import base64
import re
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode

import msgspec

from toolgate.upstreams.connector import markdown, templates
from toolgate.upstreams.connector.format import Param, Request, Transform
from toolgate.upstreams.connector.trouble import Trouble

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_DOTS = (".", "..")
_JSON, _FORM = "application/json; charset=utf-8", "application/x-www-form-urlencoded"


class Built(msgspec.Struct, frozen=True):
    """`target` is path and query. `endpoint` is what a product may count calls by: method, and path as a template."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    endpoint: str = ""


def built(
    request: Request, params: Mapping[str, Param], values: Mapping[str, Any], more: Mapping[str, Any], base: str = "",
    *, more_in: Literal["query", "body"] = "query",
) -> Built:  # fmt: skip
    """`values` are accepted already; `more` are parameters of the query, or members of the body, that the pagination
    adds. `base` is the path of the base URL. Raises Trouble for what cannot be put where it belongs."""
    query: list[tuple[str, str]] = []
    headers = list(request.headers.items())
    body: dict[str, Any] = {}
    whole: list[Any] | None = None
    for name, param in params.items():
        if name not in values or param.place in ("path", "none"):
            continue
        value = _sent(name, param, values[name])
        if param.place == "query":
            if request.query is None or name in request.query:
                query.extend((param.to or name, one) for one in _texts(value))
        elif param.place == "header":
            headers.append((param.to or name, _header(name, value)))
        elif request.body is not None and param.to == "@" and isinstance(value, list):
            whole = cast("list[Any]", value)
        elif request.body is not None and param.to == "@":
            body.update(value)
        elif request.body is not None:
            _put(name, body, (param.to or name).split("."), value)
    if more_in == "body":
        for name, value in more.items():
            _put(name, body, name.split("."), value)
    else:
        query = [(name, value) for name, value in query if name not in more] + list(more.items())
    path = base + _path(request, params, values)
    target = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
    endpoint = f"{request.method} {request.path}"
    if request.body is None:
        return Built(request.method, target, tuple(headers), b"", endpoint)
    headers.append(("content-type", request.content_type or (_JSON if request.body == "json" else _FORM)))
    sent = _encoded(request.body, body if whole is None else whole)
    return Built(request.method, target, tuple(headers), sent, endpoint)


def _encoded(shape: str, body: Mapping[str, Any] | list[Any]) -> bytes:
    """A list is the whole of a JSON body."""
    if shape == "json" or isinstance(body, list):
        return msgspec.json.encode(body)
    return urlencode([(name, text) for name, value in body.items() for text in _texts(value)]).encode()


def _path(request: Request, params: Mapping[str, Param], values: Mapping[str, Any]) -> str:
    unknown = [name for name in templates.names(request.path) if name not in values]
    if unknown:
        raise Trouble(f"{unknown[0]} could not be found out")
    written = {
        name: _segments(name, params[name], _sent(name, params[name], values[name]))
        for name in templates.names(request.path)
    }
    path = templates.render(request.path, written)
    if any(segment in _DOTS for segment in path.split("/")):
        raise Trouble("a part of the path would be `.` or `..`, which leads elsewhere")
    return path


def _segments(name: str, param: Param, value: Any) -> str:
    """RFC 3986 section 3.3: everything but unreserved characters is encoded, `/` too."""
    (text,) = _texts(value)
    if _CONTROL.search(text):
        raise Trouble(f"{name}: holds a control character")
    if not param.multi_segment:
        return _segment(name, text)
    return "/".join(_segment(name, part) for part in text.split("/"))


def _segment(name: str, text: str) -> str:
    if not text or text in _DOTS:
        raise Trouble(f"{name}: an empty part, `.` and `..` are not allowed here; do not begin or end with /")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise Trouble(f"{name}: is no text in Unicode") from None


def _header(name: str, value: Any) -> str:
    (text,) = _texts(value)
    if _NOT_IN_HEADER.search(text):
        raise Trouble(f"{name}: holds a line break or another character that a header cannot carry")
    return text


def _sent(name: str, param: Param, value: Any) -> Any:
    if param.transform is not None:
        value = _transformed(name, param.transform, value)
    if param.each is not None:
        return [{**param.each.more, param.each.key: item} for item in value]
    return f"{param.prefix}{value}" if param.prefix else value


def _transformed(name: str, transform: Transform, value: Any) -> Any:
    if transform == "base64_encode":
        return base64.b64encode(str(value).encode()).decode()
    if transform == "join_comma":
        return ",".join(_texts(value))
    if transform in ("markdown_to_adf", "markdown_to_adf_json"):
        made = markdown.document(str(value))
        return made if transform == "markdown_to_adf" else msgspec.json.encode(made).decode()
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise Trouble(f"{name}: expected a moment as 2027-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise Trouble(f"{name}: expected a moment with its offset, as 2027-01-31T12:00:00Z")
    return int(moment.timestamp())


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, list):
        return [_text(item) for item in cast("list[Any]", value)]
    return [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _put(name: str, body: Any, path: Sequence[str], value: Any) -> None:
    """Puts a value where the path says; a number in it is a place in a list. What an argument gave is copied on the
    way, so that arguments stay as they are."""
    for position, part in enumerate(path):
        last = position == len(path) - 1
        child = value if last else _child(body, part, path[position + 1])
        if isinstance(body, list) and part.isdigit():
            members = cast("list[Any]", body)
            members.extend({} for _ in range(int(part) + 1 - len(members)))
            members[int(part)] = child
        elif isinstance(body, dict) and not part.isdigit():
            body[part] = _merged(cast("dict[str, Any]", body).get(part), child) if last else child
        else:
            raise Trouble(f"{name}: stands where another argument has put something else")
        body = child


def _merged(there: Any, value: Any) -> Any:
    """Two objects for one place become one, with all members of both."""
    if isinstance(there, dict) and isinstance(value, dict):
        return {**cast("dict[str, Any]", there), **cast("dict[str, Any]", value)}
    return value


def _child(body: Any, part: str, onward: str) -> Any:
    """What is there already, copied, or a new container for what comes next."""
    found: Any = None
    if isinstance(body, dict):
        found = cast("dict[str, Any]", body).get(part)
    elif isinstance(body, list) and part.isdigit() and int(part) < len(cast("list[Any]", body)):
        found = cast("list[Any]", body)[int(part)]
    if found is None:
        return [] if onward.isdigit() else {}
    return copy(found)
