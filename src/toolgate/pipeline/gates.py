"""Gates: plain functions that let a Call through (None) or say why not. They never wait. Their order stands in
`assembly`."""

from collections.abc import Callable, Mapping
from typing import Any

from toolgate.model.call import Call
from toolgate.model.errors import Denied, Fault, Invalid
from toolgate.pipeline import visible
from toolgate.protocol import jsonrpc, mirror, strict
from toolgate.rules import access, conditions
from toolgate.rules.conditions import Facts

Gate = Callable[[Call], Fault | None]

OPEN_BIT = -1
"""The bit of targets that are the gateway's own (lists, discover, session methods): they show only what the row
allows."""


def ceiling(call: Call) -> Fault | None:
    """Where the key itself may be used; most may be everywhere."""
    if call.principal.ceiling is None:
        return None
    return visible.outside(call.principal, call.endpoint.name, call.peer)


def authorizing(now: Callable[[], float]) -> Gate:
    """One bit test on the caller's row: the very row that its lists are filtered with. Only where that row says that it
    depends on the call are the call's arguments looked at. `now` is Unix time in seconds."""

    def authorize(call: Call) -> Fault | None:
        target = call.target
        if target.bit == OPEN_BIT or access.allowed(call.row, target.part, target.bit):
            return None
        if not access.conditional(call.row, target.part, target.bit):
            return _denied(call, "no grant allows it, or one denies it")
        try:
            if conditions.judged(call.row, target.part, target.bit, _facts(call, now())):
                return None
        except Invalid as flaw:
            return flaw
        return _denied(
            call,
            "what is granted depends on the call (its arguments, its client, where it comes from, the time), and this "
            f"one is not among it{_grants(call)}",
        )

    return authorize


def _denied(call: Call, why: str) -> Denied:
    target = call.target
    assert target.kind is not None
    what = f"{target.kind.removesuffix('s')} {target.name!r} of server {target.server!r}"
    return Denied(f"{call.principal.id} may not use {what}: {why}")


def _grants(call: Call) -> str:
    """The names of the grants that were judged, as far as they have some."""
    target = call.target
    rules = call.row.rules.get(target.part, ())
    names = sorted({rule.name for rule in rules if rule.name and rule.bits >> target.bit & 1})
    return f" (see the grants {', '.join(names)})" if names else ""


def _facts(call: Call, now: float) -> Facts:
    return Facts(lambda: _arguments(call), _client(call), call.peer, now)


def _client(call: Call) -> str | None:
    """The name that the client gives itself."""
    client = call.envelope.client
    if client is None:
        return None
    return jsonrpc.text(jsonrpc.fields(client, "clientInfo").get("name"))


def _arguments(call: Call) -> Mapping[str, Any]:
    """The arguments that conditions are about: those of a tool or prompt, the `uri` of a resource, or of a completion
    the argument that is completed and those that are there already. What is judged here is what is sent: nothing in it
    can be read in two ways. Raises InvalidParams."""
    params = call.params
    if call.method == "resources/read":
        return {"uri": jsonrpc.text(params.get("uri"))}
    if call.method != "completion/complete":
        return strict.members(params.get("arguments"), "arguments")
    asked = strict.members(params.get("argument"), "argument")
    strict.spelled(asked, strict.ARGUMENT, "argument")
    context = strict.members(params.get("context"), "context")
    strict.spelled(context, strict.CONTEXT, "context")
    others = context.get("arguments")
    return {**(others if isinstance(others, dict) else {}), str(asked.get("name")): asked.get("value")}


def mirrored(call: Call) -> Fault | None:
    """`Mcp-Param-*` headers agree with the arguments (SPEC-DIGEST 2.6 step 13)."""
    if not call.target.mirrored or call.headers is None:
        return None
    try:
        mirror.check_params(call.headers, call.target.mirrored, call.params.get("arguments"))
    except Invalid as flaw:
        return flaw
    return None
