"""Gates: plain functions that let a Call through (None) or say why not. They never wait. Their order stands in
`assembly`."""

from collections.abc import Callable

from toolgate.model.call import Call
from toolgate.model.errors import Denied, Fault, Invalid
from toolgate.protocol import mirror
from toolgate.rules import access

Gate = Callable[[Call], Fault | None]

OPEN_BIT = -1
"""The bit of targets that are the gateway's own (lists, discover, session methods): they show only what the row
allows."""


def authorize(call: Call) -> Fault | None:
    """One bit test on the caller's row: the very row that its lists are filtered with."""
    target = call.target
    if target.bit == OPEN_BIT or access.allowed(call.row, target.part, target.bit):
        return None
    return Denied(
        f"{call.principal.id} may not use {(target.kind or '').removesuffix('s')} {target.name!r} of server {target.server!r}: "
        "no grant allows it, or one denies it"
    )


def mirrored(call: Call) -> Fault | None:
    """`Mcp-Param-*` headers agree with the arguments (SPEC-DIGEST 2.6 step 13)."""
    if not call.target.mirrored or call.headers is None:
        return None
    try:
        mirror.check_params(call.headers, call.target.mirrored, call.params.get("arguments"))
    except Invalid as flaw:
        return flaw
    return None
