"""From a method and its parameters to the one target that is meant. Raises UnknownTarget or InvalidParams.

Targets of servers of which the caller may see nothing are passed over: it is told, and served, what it would be without
them. Of the others, a target that it may not use is found, so that it can be told why not.
"""

from collections.abc import Iterable

from toolgate.model.call import Arrival
from toolgate.model.errors import InvalidParams, UnknownTarget, UpstreamFailed
from toolgate.model.snapshot import Endpoint, Row, Snapshot, Target
from toolgate.pipeline import visible
from toolgate.protocol import jsonrpc, strict
from toolgate.protocol.naming import SEPARATOR
from toolgate.rules import access


def find(arrival: Arrival, endpoint: Endpoint, snapshot: Snapshot, row: Row) -> Target:
    """The target of a `Way.TARGET` method."""
    method = arrival.method
    strict.spelled(arrival.params, strict.PARAMS, "params")
    if method == "tools/call":
        name = _string(arrival, "name")
        target = endpoint.tools.get(name)
    elif method == "prompts/get":
        name = _string(arrival, "name")
        target = endpoint.prompts.get(name)
    elif method == "resources/read":
        name = _string(arrival, "uri")
        target = resource(endpoint, row, name)
    else:
        name, target = _completion(arrival, endpoint, row)
    if target is None or target.part not in row.sees:
        raise _unknown(method, name, endpoint, snapshot, row)
    return target


def resource(endpoint: Endpoint, row: Row, uri: str) -> Target | None:
    """A listed resource, else the first template (or server that may be read at large) whose pattern the URI matches,
    and which the row allows; a deny that names the URI itself still counts."""
    target = endpoint.resources.get(uri)
    if endpoint.shared:
        target = visible.contested(endpoint, row).targets.get(uri, target)
    if target is not None and target.part in row.sees:
        return target
    refused: Target | None = None
    for candidate in endpoint.templates:
        if candidate.part not in row.sees or candidate.pattern.fullmatch(uri) is None:
            continue
        refused = candidate
        names = (candidate.part, candidate.server)
        if access.listed(row, candidate.part, candidate.bit) and not access.uri_denied(row, names, uri):
            return candidate
    if refused is not None and access.listed(row, refused.part, refused.bit):
        return None
    return refused


def _completion(arrival: Arrival, endpoint: Endpoint, row: Row) -> tuple[str, Target | None]:
    raw = arrival.params.get("ref")
    if not jsonrpc.is_object(raw):
        raise InvalidParams("completion/complete: `ref` must be an object")
    ref = jsonrpc.fields(raw, "ref")  # type: ignore[arg-type]
    strict.spelled(ref, strict.REF, "ref")
    kind = jsonrpc.text(ref.get("type"))
    if kind == "ref/prompt":
        name = jsonrpc.text(ref.get("name")) or ""
        return name, endpoint.prompts.get(name)
    if kind == "ref/resource":
        uri = jsonrpc.text(ref.get("uri")) or ""
        template = _preferred((one for one in endpoint.templates if one.public == uri), row)
        return uri, template or resource(endpoint, row, uri)
    raise InvalidParams("completion/complete: `ref.type` must be ref/prompt or ref/resource")


def _preferred(targets: Iterable[Target], row: Row) -> Target | None:
    """The first that the row allows, else the first of those whose server it sees."""
    seen = [target for target in targets if target.part in row.sees]
    return next((one for one in seen if access.listed(row, one.part, one.bit)), seen[0] if seen else None)


def _string(arrival: Arrival, member: str) -> str:
    value = jsonrpc.text(arrival.params.get(member))
    if value is None:
        raise InvalidParams(f"{arrival.method}: `{member}` must be a string")
    return value


def _unknown(method: str, name: str, endpoint: Endpoint, snapshot: Snapshot, row: Row) -> Exception:
    """An offer that is not known: said plainly when its server is merely not reachable at the moment, or withheld."""
    server = endpoint.name or name.partition(SEPARATOR)[0]
    withheld, note = snapshot.withheld.get(server), snapshot.notes.get(server)
    if server in row.sees and withheld is not None:
        return UpstreamFailed(f"server {server!r} is not served at the moment: {withheld}")
    if server in row.sees and note is not None:
        return UpstreamFailed(f"server {server!r} has not been reached, so its offers are not known: {note}")
    if method == "resources/read":
        return UnknownTarget(f"resource not found: {name[:200]}", {"uri": name[:2000]})
    what = {"tools/call": "tool", "prompts/get": "prompt"}.get(method, "reference")
    return UnknownTarget(f"unknown {what}: {name[:200]}")
