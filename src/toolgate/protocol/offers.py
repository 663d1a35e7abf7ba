"""What an upstream's list methods answer, read into Offers: one page at a time, nothing of it trusted."""

from collections.abc import Mapping

import msgspec

from toolgate.model.call import Fields
from toolgate.model.catalog import Offer, OfferKind
from toolgate.model.errors import UpstreamFailed
from toolgate.protocol import jsonrpc
from toolgate.protocol.definitions import mended

MAX_OFFERS = 20_000
MAX_PAGES = 1_000
"""Per server and kind. A server that goes beyond either is taken for one that never ends."""

MAX_TEMPLATES = 1_000
"""Per server: a URI that nobody lists is held against every one of them."""

LIST_METHODS: Mapping[OfferKind, str] = {
    OfferKind.TOOL: "tools/list",
    OfferKind.PROMPT: "prompts/list",
    OfferKind.RESOURCE: "resources/list",
    OfferKind.TEMPLATE: "resources/templates/list",
}

CAPABILITY: Mapping[OfferKind, str] = {
    OfferKind.TOOL: "tools",
    OfferKind.PROMPT: "prompts",
    OfferKind.RESOURCE: "resources",
    OfferKind.TEMPLATE: "resources",
}
"""Without this server capability, the list does not exist and is not asked for."""

_IDENTITY = {OfferKind.RESOURCE: "uri", OfferKind.TEMPLATE: "uriTemplate"}
_decode_list = msgspec.json.Decoder(list[Fields]).decode


class Page(msgspec.Struct, frozen=True):
    """One page of one list. `cursor` is the raw `nextCursor`; None on the last page. `left_out` are the names of
    definitions that cannot be passed on."""

    offers: tuple[Offer, ...]
    cursor: msgspec.Raw | None
    left_out: tuple[str, ...] = ()


def page(kind: OfferKind, result: Fields, server: str) -> Page:
    """Reads the result of one list request. Raises UpstreamFailed when it is no such list. Definitions without a name
    of their own are left out, since nobody could call them; so are those that no client could read."""
    raw = result.get(kind.value)
    try:
        definitions = _decode_list(raw if raw is not None else b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailed(
            f"server {server!r} answered {LIST_METHODS[kind]} without a list of {kind.value}"
        ) from None
    member = _IDENTITY.get(kind, "name")
    offers: list[Offer] = []
    left_out: list[str] = []
    for definition in definitions:
        name = jsonrpc.text(definition.get(member))
        if not name:
            continue
        readable = mended(kind, name, definition)
        if readable is None:
            left_out.append(name)
        else:
            offers.append(Offer(kind, name, readable))
    cursor = result.get("nextCursor")
    return Page(tuple(offers), None if cursor is None or jsonrpc.text(cursor) is None else cursor, tuple(left_out))
