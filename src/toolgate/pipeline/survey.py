"""Discovery of one upstream: every list that its capabilities promise, page by page, within bounds."""

import logging
from collections.abc import Awaitable, Callable

import msgspec

from toolgate.model.call import Fields
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.errors import UpstreamError, UpstreamFailed
from toolgate.protocol import jsonrpc
from toolgate.protocol.faults import METHOD_NOT_FOUND
from toolgate.protocol.offers import CAPABILITY, LIST_METHODS, MAX_OFFERS, MAX_PAGES, MAX_TEMPLATES, page
from toolgate.protocol.southbound import Introduction

logger = logging.getLogger(__name__)

Ask = Callable[[str, Fields], Awaitable[bytes]]
"""Puts one request of our own to the server and returns the result object. Raises UpstreamError or UpstreamFailed."""


async def survey(ask: Ask, found: Introduction, eras: frozenset[str], *, server: str, max_bytes: int) -> Discovery:
    """All offers of the server. `eras` is the set that it serves. Raises UpstreamFailed when it lies or never ends."""
    capabilities = jsonrpc.fields(found.capabilities, "capabilities")
    offers: list[Offer] = []
    for kind in OfferKind:
        if CAPABILITY[kind] in capabilities:
            offers += await _list(ask, kind, server, max_bytes)
        if len(offers) > MAX_OFFERS:
            raise UpstreamFailed(f"server {server!r} offers more than {MAX_OFFERS} things: more than can be listed")
    return Discovery(
        eras, found.versions, found.capabilities, found.server_info, found.instructions, tuple(_distinct(offers))
    )


async def _list(ask: Ask, kind: OfferKind, server: str, max_bytes: int) -> list[Offer]:
    method = LIST_METHODS[kind]
    offers: list[Offer] = []
    params: Fields = {}
    seen: set[bytes] = set()
    size, most = 0, MAX_TEMPLATES if kind is OfferKind.TEMPLATE else MAX_OFFERS
    for _ in range(MAX_PAGES):
        try:
            body = await ask(method, params)
        except UpstreamError as error:
            # Servers announce `resources` without having templates, and say so only when asked.
            if error.code == METHOD_NOT_FOUND:
                return offers
            raise UpstreamFailed(f"server {server!r} refused {method}: {error.message[:200]}") from None
        size += len(body)
        found = page(kind, jsonrpc.fields(body, "result"), server)
        if found.left_out:
            logger.warning(
                "server %s: left out, because no client could read them: %s",
                server,
                ", ".join(name[:100] for name in found.left_out[:10]),
            )
        offers += found.offers
        if len(offers) > most or size > 4 * max_bytes:
            raise UpstreamFailed(f"server {server!r} lists more with {method} than can be taken ({most} at most)")
        if found.cursor is None:
            return offers
        if bytes(found.cursor) in seen:
            raise UpstreamFailed(f"server {server!r} repeats a page of {method}")
        seen.add(bytes(found.cursor))
        params = {"cursor": msgspec.Raw(bytes(found.cursor))}
    raise UpstreamFailed(f"server {server!r} does not end its pages of {method}")


def _distinct(offers: list[Offer]) -> list[Offer]:
    """The first of each name: a second one could never be called."""
    first: dict[tuple[OfferKind, str], Offer] = {}
    for offer in offers:
        first.setdefault((offer.kind, offer.name), offer)
    return list(first.values())
