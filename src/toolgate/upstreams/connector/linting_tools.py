"""What the fields of one tool must say together."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from toolgate.rules import headers, patterns
from toolgate.upstreams.connector import arguments, expressions, templates
from toolgate.upstreams.connector.definitions import definition
from toolgate.upstreams.connector.format import Connector, Pagination, Param, Request, Step, Tool

Place = tuple[str | int, ...]
Finding = tuple[Place, str]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_HEADER = re.compile(r"[^\x20-\x7e]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f]")

MOST_TOKENS = 8000
MOST_TOOLS = 150
_TOKEN_BYTES = 4
"""A token is about four bytes of JSON."""

MOST_ARGUMENTS = 50_000
_MOST_SCHEMA_BYTES = 8 * 1024 * 1024
"""Of all tools together: thousands that use the same thousands of `shared` would be gigabytes."""

_LISTS = ("list_", "search_")
_FIXTURES = "fixtures"
"""The folder of those within a connector's. Where it is, every tool is tested."""


def amount(connector: Connector) -> Iterator[Finding]:
    """What makes more arguments than can be gone through. Where there is something, nothing else is to be judged."""
    sizes = {name: len(params_) for name, params_ in connector.shared.items()}
    arguments_ = 0
    for position, tool in enumerate(connector.tools):
        if len(set(tool.use)) < len(tool.use):
            yield ("tools", position, "use"), "names one of them twice"
        arguments_ += len(tool.params) + sum(sizes.get(name, 0) for name in tool.use)
    if arguments_ > MOST_ARGUMENTS:
        yield ("tools",), f"have {arguments_} arguments together, those of `shared` included; at most {MOST_ARGUMENTS}"


def findings(connector: Connector, folder: Path | None) -> Iterator[Finding]:
    """Everything that is wrong with the tools, as (place, reason)."""
    for name, params_ in connector.shared.items():
        for key, param in params_.items():
            yield from of_param(("shared", name, key), param)
            yield from _variable(("shared", name, key), connector, param)
    size, most = 0, _MOST_SCHEMA_BYTES if connector.mode == "search" else MOST_TOKENS * _TOKEN_BYTES
    for position, tool in enumerate(connector.tools):
        place: Place = ("tools", position)
        if tool.name in [other.name for other in connector.tools[:position]]:
            yield (*place, "name"), f"{tool.name} stands twice"
        unknown = [name for name in tool.use if name not in connector.shared]
        if unknown:
            yield (*place, "use"), f"{unknown[0]} is not among `shared`"
            continue
        size += len(msgspec.json.encode(definition(connector, tool)))
        if size > _MOST_SCHEMA_BYTES:
            break
        yield from _words(place, connector, tool, folder)
        yield from _requests(place, connector, tool)
        for name, param in tool.params.items():
            yield from of_param((*place, "params", name), param)
            yield from _variable((*place, "params", name), connector, param)
        yield from _pages(place, connector, tool)
    if connector.mode != "search" and len(connector.tools) > MOST_TOOLS:
        yield ("tools",), f"are {len(connector.tools)}, at most {MOST_TOOLS}: say `mode: search` for more"
    if size > most:
        told = f"more than {most} bytes" if connector.mode == "search" else f"about {size // _TOKEN_BYTES} tokens"
        bound = "" if connector.mode == "search" else f", at most {MOST_TOKENS}"
        yield ("tools",), f"their schemas have {told}{bound}: fewer tools, or fewer words"


def params(connector: Connector, tool: Tool) -> dict[str, Param]:
    """As `Connector.params`, for a tool that may use what is not there."""
    known = msgspec.structs.replace(tool, use=tuple(name for name in tool.use if name in connector.shared))
    return connector.params(known)


def paging(place: Place, found: Pagination) -> Iterator[Finding]:
    link = found.style in ("link_header", "link_body")
    one = not link
    if found.style == "none":
        if found.position_params or found.size_param is not None:
            yield place, "style none has neither `size_param` nor `position_params`: all is answered at once"
    elif not found.position_params or (one and len(found.position_params) != 1):
        yield (*place, "position_params"), f"style {found.style} has {'exactly' if one else 'at least'} one"
    if found.size_param is None and found.style in ("page", "offset"):
        yield (*place, "size_param"), f"is needed by the style {found.style}: a short page is the last one"
    in_query = found.style == "cursor" and found.place == "query"
    held = any(f"{{{name}}}" in (found.next_path or "") for name in found.position_params)
    if found.next_path is not None and not (in_query and held and found.next_path.startswith("/")):
        yield (*place, "next_path"), "is for a cursor in the query, and holds the position parameter in braces"
    if (found.style == "cursor") != (found.next_cursor is not None):
        yield (*place, "next_cursor"), "is needed by the style `cursor`, and by no other"
    if (found.style == "link_body") != (found.next_link is not None):
        yield (*place, "next_link"), "is needed by the style `link_body`, and by no other"
    if link and found.place == "body":
        yield (*place, "in"), "a link leads to a query"
    if found.default > found.max:
        yield (*place, "default"), "is more than `max`"
    said = (("rows", found.rows), ("next_cursor", found.next_cursor), ("next_link", found.next_link))
    for key, expression in said:
        flaw = None if expression is None else expressions.flaw(expression)
        if flaw is not None:
            yield (*place, key), flaw


def _words(place: Place, connector: Connector, tool: Tool, folder: Path | None) -> Iterator[Finding]:
    if not 20 <= len(tool.description) <= 400:
        yield (*place, "description"), f"has {len(tool.description)} characters; 20 to 400 tell a model what it needs"
    if tool.hints.read_only and tool.hints.destructive:
        yield (*place, "hints"), "a tool that only reads destroys nothing"
    if tool.result != "raw":
        flaw = expressions.flaw(tool.result)
        if flaw is not None:
            yield (*place, "result"), flaw
        if tool.response == "text":
            yield (*place, "result"), "a text has no parts: write `raw`"
    fixtures = None if folder is None or not (folder / _FIXTURES).is_dir() else folder / _FIXTURES
    if not tool.examples and fixtures is not None:
        yield (*place, "examples"), "at least one, with a fixture, so that the tool can be tested without the product"
    shown = params(connector, tool)
    for position, example in enumerate(tool.examples):
        where = (*place, "examples", position)
        if fixtures is not None and not _is_there(fixtures, example.fixture):
            yield (*where, "fixture"), f"there is no fixtures/{example.fixture}"
        for name, value in example.args.items():
            if name not in shown and not (tool.paginate and name == arguments.LIMIT):
                yield (*where, "args", name), "is no argument of this tool"
            elif name in shown and (flaw := arguments.flaw(shown[name], value)):
                yield (*where, "args", name), flaw


def _is_there(fixtures: Path, name: str) -> bool:
    return Path(name).name == name and (fixtures / name).is_file()


def _requests(place: Place, connector: Connector, tool: Tool) -> Iterator[Finding]:
    if (tool.request is None) == (not tool.steps):
        yield place, "needs a `request`, or `steps`, and not both"
        return
    given = params(connector, tool)
    if tool.request is not None:
        yield from of_request((*place, "request"), tool.request, given, tool.hints.read_only)
        if tool.request.body is None and any(param.place == "body" for param in given.values()):
            yield (*place, "request"), "has arguments for a body: say which, `body: json` or `body: form`"
    ids: list[str] = ["args"]
    for position, step in enumerate(tool.steps):
        where = (*place, "steps", position)
        yield from of_request((*where, "request"), step.request, given, tool.hints.read_only)
        yield from _step(where, step, ids, given)
        if step.request.method != "GET" and position != len(tool.steps) - 1:
            yield where, "only the last step may write: nothing is left half done"
        ids.append(step.id)
    used = {
        name for request in requests(tool) for name in templates.names(request.path) if not templates.flaw(request.path)
    }
    for name, param in given.items():
        if param.place == "path" and name not in used:
            yield (*place, "params"), f"{name} is in the path, and no path has {{{name}}}"


def requests(tool: Tool) -> tuple[Request, ...]:
    return (tool.request,) if tool.request is not None else tuple(step.request for step in tool.steps)


def of_request(place: Place, request: Request, given: Mapping[str, Param], read_only: bool) -> Iterator[Finding]:
    flaw = templates.flaw(request.path)
    if flaw is not None:
        yield (*place, "path"), flaw
    for name in templates.names(request.path):
        param = given.get(name)
        if param is None or param.place != "path":
            yield (*place, "path"), f"{{{name}}} is no parameter with `in: path`"
        elif not (param.required or param.default is not None or param.internal):
            yield (*place, "path"), f"{name} must be required, or have a default: a path has no gaps"
    if request.body is not None and request.method == "GET":
        yield (*place, "body"), "GET has none"
    if request.content_type is not None and request.body != "json":
        yield (*place, "content_type"), "is for `body: json`"
    if read_only and request.method not in ("GET", "POST"):
        yield (*place, "method"), f"a tool that only reads does not {request.method}"
    for name in request.query or ():
        if name not in given or given[name].place != "query":
            yield (*place, "query"), f"{name} is no parameter with `in: query`"
    yield from _written(place, request)


def _written(place: Place, request: Request) -> Iterator[Finding]:
    """What stands in the file and goes out as it is."""
    if _NOT_IN_URL.search(request.path):
        yield (*place, "path"), "holds a space, a line break or another character that no path can carry"
    if request.content_type is not None and "\n" in request.content_type:
        yield (*place, "content_type"), "holds a line break"
    for name, value in request.headers.items():
        if _NOT_IN_HEADER.search(value):
            yield (*place, "headers", name), "a header holds printable ASCII characters only"
        reason = None if name.lower() == "accept" else headers.flaw(name)
        if reason is not None or name.lower() == "authorization":
            yield (*place, "headers", name), reason or "a credential is shown by `auth` alone"


def _step(place: Place, step: Step, ids: list[str], given: Mapping[str, Param]) -> Iterator[Finding]:
    if step.id in ids:
        yield (*place, "id"), f"{step.id} is taken"
    for name, expression in step.bind.items():
        if name not in given or not given[name].internal:
            yield (*place, "bind", name), "is no internal parameter"
        flaw = expressions.flaw(expression)
        if flaw is not None:
            yield (*place, "bind", name), flaw


def of_param(place: Place, param: Param) -> Iterator[Finding]:
    if (param.type == "array") != (param.items is not None):
        yield (*place, "items"), "is needed by an array, and by nothing else"
    if param.type in ("array", "object") and param.place in ("path", "header"):
        yield (*place, "in"), f"an {param.type} cannot stand in a {param.place}"
    if (param.type == "object" or param.items == "object") and param.place != "body":
        yield (*place, "in"), "an object can stand in a body only"
    if param.each is not None and (param.type != "array" or param.place != "body"):
        yield (*place, "each"), "is for lists in a body"
    if param.multi_segment and param.place != "path":
        yield (*place, "multi_segment"), "is for arguments in the path"
    if param.required and (param.default is not None or param.internal):
        yield (*place, "required"), "what has a default, or is internal, is not required"
    if param.pattern is not None:
        flaw = patterns.flaw(param.pattern)
        if flaw is not None or param.type != "string":
            yield (*place, "pattern"), flaw or "is for texts"
    yield from _not_pattern(place, param)
    for key, values in (("default", () if param.default is None else (param.default,)), ("enum", param.enum)):
        plain: Any = msgspec.structs.replace(param, enum=()) if key == "enum" else param
        for value in values:
            flaw = arguments.flaw(plain, value)
            if flaw is not None:
                yield (*place, key), flaw
    yield from _sent_as(place, param)
    yield from _carried(place, param)


def _carried(place: Place, param: Param) -> Iterator[Finding]:
    """What the file itself puts into a path or a header, which is refused in every call where it does not belong."""
    wrong = {"path": _CONTROL, "header": _NOT_IN_HEADER}.get(param.place)
    if wrong is None:
        return
    for key, values in (("default", (param.default,)), ("prefix", (param.prefix,)), ("enum", param.enum)):
        if any(isinstance(value, str) and wrong.search(value) for value in values):
            yield (*place, key), f"holds a line break or another character that a {param.place} cannot carry"


def _variable(place: Place, connector: Connector, param: Param) -> Iterator[Finding]:
    if param.variable is not None and param.variable not in connector.variables:
        yield (*place, "variable"), f"{param.variable} is not among `variables`"
    if param.variable is not None and (not param.internal or param.default is not None or param.type != "string"):
        yield (*place, "variable"), "is for an internal text without a default"


def _not_pattern(place: Place, param: Param) -> Iterator[Finding]:
    flaw = None if param.not_pattern is None else patterns.flaw(param.not_pattern)
    if param.not_pattern is not None and (flaw is not None or param.type != "string"):
        yield (*place, "not_pattern"), flaw or "is for texts"


def _sent_as(place: Place, param: Param) -> Iterator[Finding]:
    if param.keys is not None:
        flaw = patterns.flaw(param.keys)
        if flaw is not None or param.type != "object":
            yield (*place, "keys"), flaw or "is for objects"
    if param.transform == "markdown_to_adf" and param.place != "body":
        yield (*place, "transform"), "makes an object, which can stand in a body only"
    name = param.to or str(place[-1])
    if param.to == "@" and (param.type not in ("object", "array") or param.place != "body"):
        yield (*place, "to"), "only an object or a list can be the body itself"
    if any(part.isdigit() and len(part) > 2 for part in name.split(".")):
        yield (*place, "to"), "a place in a list is 99 at most"
    if param.place == "header" and (headers.flaw(name) is not None or name.lower() in ("authorization", "cookie")):
        yield place, "no argument may set this header"


def _pages(place: Place, connector: Connector, tool: Tool) -> Iterator[Finding]:
    given = params(connector, tool)
    if not tool.paginate:
        if tool.name.startswith(_LISTS) and arguments.LIMIT not in given:
            yield place, "a list needs `paginate: true`, or an argument `limit`"
        return
    found = connector.paging(tool)
    if found is None:
        yield (*place, "paginate"), "there is no `pagination`, neither here nor for the connector"
        return
    if tool.pagination is not None:
        yield from paging((*place, "pagination"), tool.pagination)
    for name in templates.names(found.next_path or ""):
        if name not in found.position_params and (name not in given or given[name].place != "path"):
            yield (*place, "pagination"), f"{{{name}}} of `next_path` is no parameter with `in: path`"
    if found.place == "body" and (tool.request is None or tool.request.body != "json"):
        yield (*place, "pagination"), "stands in the body, so the request needs `body: json`"
    if tool.steps or tool.response == "text":
        yield (*place, "paginate"), "only a single request with an answer in JSON has pages"
    for name in (arguments.LIMIT, arguments.PAGE_TOKEN):
        if name in given:
            yield (*place, "params", name), "this name is the pagination's own"
