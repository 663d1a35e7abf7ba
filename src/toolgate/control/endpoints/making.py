"""A sample of a request to a connector with one tool, as plain values; the secrets beside it."""

import ipaddress
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from toolgate.control.endpoints import arguments, credentials
from toolgate.control.endpoints.arguments import Argument
from toolgate.control.endpoints.credentials import Found
from toolgate.control.endpoints.samples import Sample, Wishes
from toolgate.control.openapi.naming import snake
from toolgate.model.errors import ConfigError
from toolgate.rules import endpoints

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_VERBS = {"GET": "get", "POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}
_WITH_BODY = ("POST", "PUT", "PATCH")
_VERSION = re.compile(r"v[0-9]+(?:[.-][0-9]+)*|api|rest", re.IGNORECASE)
_PATH_SAFE = "/%:@!$&'()*+,;=-._~{}"
_LOCAL = ("localhost", "ip6-localhost")
_LEAST = 20


class Made(msgspec.Struct, frozen=True):
    """`definition` holds no secret. `private` says that the API is in a network of one's own, by its address."""

    definition: dict[str, Any]
    found: tuple[Found, ...]
    private: bool
    remarks: tuple[str, ...]


class _Address(msgspec.Struct, frozen=True):
    origin: str
    host: str
    path: str
    query: str
    user: str | None


def made(sample: Sample, wishes: Wishes) -> Made:
    """Raises ConfigError with what cannot be taken, which repeats no secret."""
    if sample.method not in _METHODS:
        raise ConfigError((f"{sample.method[:20]}: the method must be one of {', '.join(_METHODS)}",))
    address = _address(sample)
    shown = credentials.shown(sample.headers, sample.user or address.user)
    _judge(address)
    path, found = arguments.of_path(address.path)
    found += arguments.of_query(address.query)
    accept, fixed, given = _headers(shown.rest)
    found += given
    body, members = _body(sample, wishes)
    found += members
    read_only = sample.method == "GET" or wishes.read_only
    typed = "body" if body is not None else "query"
    params, remarks = arguments.params(found, wishes, writes=not read_only, typed=typed)
    request: dict[str, Any] = {"method": sample.method, "path": path}
    request |= {"body": body} if body is not None else {}
    request |= {"headers": fixed} if fixed else {}
    tool = _tool(wishes, sample.method, address, request, params, read_only=read_only)
    tool |= {"response": "text"} if accept.startswith("text/") and "json" not in accept else {}
    harmless = read_only and not any(param.get("required") for param in params.values())
    auth = [] if shown.auth is None else [{**shown.auth, **({"test": tool["name"]} if harmless else {})}]
    told = (*sample.remarks, *shown.remarks, *remarks)
    return Made(_definition(wishes, address, accept, auth, tool), shown.found, _is_private(address.host), told)


def _definition(
    wishes: Wishes, address: _Address, accept: str, auth: Sequence[dict[str, Any]], tool: dict[str, Any]
) -> dict[str, Any]:
    return {
        "connector": "v1",
        "id": wishes.name,
        "title": wishes.name.replace("-", " ").capitalize(),
        "description": f"One endpoint of the API at {address.host}.",
        **({"auth": list(auth)} if auth else {}),
        "http": {
            "base_url": address.origin,
            "allow_hosts": [address.host],
            "headers": {"Accept": accept},
            "redirects": "same_origin",
        },
        "tools": [tool],
    }


def _headers(rest: Sequence[tuple[str, str]]) -> tuple[str, dict[str, str], list[Argument]]:
    """What is accepted as an answer, headers that are always the same, and those with an argument in them."""
    accept, fixed, found = "application/json", dict[str, str](), list[Argument]()
    for name, value in rest:
        one = arguments.of_header(name, value)
        if name.lower() == "accept":
            accept = value
        elif one is not None:
            found.append(one)
        else:
            fixed[name] = value
    return accept, fixed, found


def _address(sample: Sample) -> _Address:
    """Where it is. Braces are no parts of a URL, but they are of ours."""
    try:
        parts = urlsplit(sample.url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ConfigError(("this is not a URL",)) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError((f"the URL: {endpoints.REMOTE}",))
    if "{" in parts.netloc or "$" in parts.netloc:
        raise ConfigError(("the URL: the host must be said: an argument cannot choose it",))
    if parts.scheme == "http" and host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError((f"the URL: {host} is asked over https; http is for this machine alone",))
    user = None if parts.username is None else f"{parts.username}:{parts.password or ''}"
    literal = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{literal}{f':{port}' if port is not None else ''}"
    return _Address(origin, host, quote(parts.path or "/", safe=_PATH_SAFE), parts.query, user)


def _judge(address: _Address) -> None:
    """Raises ConfigError for a secret in the URL: logs keep URLs, here and at the other end."""
    findings = [
        f"the URL: its parameter {name} is a secret, and URLs stand in logs: ask its documentation for a header"
        for name, value in parse_qsl(address.query, keep_blank_values=True)
        if value and "{" not in value and credentials.is_secret_parameter(name)
    ]
    if any(credentials.looks_secret(segment) for segment in address.path.split("/")):
        findings.append("the URL: a part of its path looks like a secret; if it is none, write {name} in its place")
    if findings:
        raise ConfigError(tuple(findings))


def _body(sample: Sample, wishes: Wishes) -> tuple[str | None, list[Argument]]:
    """How the body is written, and its arguments."""
    if sample.body is None:
        new = [wish for wish in wishes.parameters if f"{{{wish.name}}}" not in sample.url]
        return ("json" if sample.method in _WITH_BODY and new else None), []
    if sample.method == "GET":
        raise ConfigError(("a GET has no body",))
    kind = sample.content_type
    if kind == "application/json" or kind.endswith("+json"):
        try:
            body = json.loads(sample.body)
        except ValueError as error:
            raise ConfigError((f"the body is not JSON: {error}",)) from None
        flaw = arguments.flaw_of_json(body)
        if flaw is not None:
            raise ConfigError((f"the body: {flaw}",))
        return "json", list(arguments.of_json(body))
    if kind == "application/x-www-form-urlencoded":
        return "form", list(arguments.of_form(sample.body))
    raise ConfigError((f"the body: {kind[:60]} is not sent; only JSON and forms are",))


def _tool(
    wishes: Wishes, method: str, address: _Address, request: dict[str, Any], params: dict[str, Any], *, read_only: bool
) -> dict[str, Any]:
    name = wishes.tool or _name(method, address)
    about = " ".join((wishes.about or f"Asks {method} {request['path']} of {address.host}.").split())
    if len(about) < _LEAST:
        about = f"{about.rstrip('.')} ({method} at {address.host})."
    made: dict[str, Any] = {
        "name": name,
        "title": name.replace("_", " ").capitalize()[:60],
        "description": about[:400],
        "hints": {"read_only": read_only},
        "request": request,
        "result": wishes.result or "raw",
    }
    if not read_only:
        made["hints"] |= {"destructive": method in ("PUT", "DELETE"), "idempotent": method in ("PUT", "DELETE")}
    return {**made, "params": params} if params else made


def _name(method: str, address: _Address) -> str:
    """A verb and the last word of the path that says something."""
    said = [part for part in address.path.split("/") if part and "{" not in part and not _VERSION.fullmatch(part)]
    last = said[-1].partition(".")[0] if said else address.host.partition(".")[0]
    return snake(f"{_VERBS[method]}_{last}")


def _is_private(host: str) -> bool:
    """By its name alone: nothing is looked up here."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host in _LOCAL or host.endswith((".local", ".internal", ".lan"))


def settings(made_: Made, shown: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The settings of a server. `shown` are the fields of the credential as they may stand there: by reference, or
    plain where they are no secrets."""
    found: dict[str, Any] = {"definition": made_.definition}
    if shown:
        found["credentials"] = dict(shown)
    if made_.private:
        found["private"] = True
    return found
