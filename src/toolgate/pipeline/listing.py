"""Merged lists and `server/discover`: rendered once per row from the snapshot, and reused until the endpoint
changes."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from toolgate.model.call import Call, Era, Result
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import InvalidParams
from toolgate.model.snapshot import Endpoint, Listed, Row
from toolgate.pipeline import visible
from toolgate.ports import Caller
from toolgate.protocol import jsonrpc
from toolgate.protocol.envelope import SERVER_INFO
from toolgate.protocol.sealed import Seal
from toolgate.protocol.versions import SERVED

PAGE_OFFERS = 1000
PAGE_BYTES = 1_000_000

NOTHING_RENAMED: Mapping[tuple[str, int], str] = {}

_SEPARATOR = b","
_MOST_PAGES = 256


class _Page(msgspec.Struct, frozen=True):
    """One rendered page: its JSON array, and the key of its last offer when more follow."""

    array: bytes
    last: tuple[str, str] | None


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor seals: it serves only the caller, endpoint and list that it was made for, and survives a swap."""

    principal: str
    endpoint: str
    kind: str
    last: tuple[str, str]


_decode_cursor = msgspec.json.Decoder(_Cursor).decode


class Listing:
    """Answers the list methods. `ttl_ms` is the freshness that modern callers are told; changes are announced
    anyway."""

    def __init__(self, seal: Seal, server_info: dict[str, Any], ttl_ms: int) -> None:
        self._seal = seal
        meta = msgspec.json.encode({SERVER_INFO: server_info})
        self._modern_head = b"".join(
            (b'{"resultType":"complete","ttlMs":', b"%d" % ttl_ms, b',"cacheScope":"private","_meta":', meta, b",")
        )

    def handler(self, kind: OfferKind) -> Any:
        """The handler of one list method."""

        async def listed(call: Call, caller: Caller) -> Result:
            return self.page(call, kind)

        return listed

    def page(self, call: Call, kind: OfferKind) -> Result:
        """One page for this caller. Raises InvalidParams for a cursor that is not ours or not this caller's."""
        after = self._position(call, kind)
        modern = call.envelope.era is Era.MODERN
        page = _page(call.endpoint, kind, call.row, after, modern=modern)
        parts = [self._modern_head if modern else b"{", b'"', kind.value.encode(), b'":', page.array]
        if page.last is not None:
            sealed = self._seal.seal(
                msgspec.json.encode(_Cursor(call.principal.id, call.endpoint.name, kind.value, page.last))
            )
            parts += [b',"nextCursor":"', sealed.encode(), b'"']
        parts.append(b"}")
        return Result(b"".join(parts), call.envelope.era)

    def _position(self, call: Call, kind: OfferKind) -> tuple[str, str] | None:
        raw = call.params.get("cursor")
        if raw is None:
            return None
        plain = self._seal.open(jsonrpc.text(raw) or "")
        cursor = None if plain is None else _cursor(plain)
        mine = (call.principal.id, call.endpoint.name, kind.value)
        if cursor is not None and (cursor.principal, cursor.endpoint, cursor.kind) == mine:
            return cursor.last
        raise InvalidParams("invalid cursor: start the list again without one")

    async def discover(self, call: Call, caller: Caller) -> Result:
        """`server/discover` (SPEC-DIGEST 2.7), from what this endpoint can honour."""
        seen = visible.capabilities(call.endpoint, call.row)
        body: dict[str, Any] = {"supportedVersions": list(SERVED), "capabilities": seen}
        if call.endpoint.instructions is not None:
            body["instructions"] = call.endpoint.instructions
        return Result(self._modern_head + msgspec.json.encode(body)[1:], Era.MODERN)


def _cursor(plain: bytes) -> _Cursor | None:
    """None for one that another version of ours has sealed."""
    try:
        return _decode_cursor(plain)
    except msgspec.DecodeError:
        return None


def _page(endpoint: Endpoint, kind: OfferKind, row: Row, after: tuple[str, str] | None, *, modern: bool) -> _Page:
    pages = endpoint.pages.get(row)
    if pages is None:
        pages = endpoint.pages[row] = {}
    key = (kind, modern, after)
    page = pages.get(key)
    if page is None:
        if len(pages) >= _MOST_PAGES:  # cursors of former lists may point anywhere
            pages.clear()
        renamed = visible.contested(endpoint, row).renamed if kind is OfferKind.RESOURCE else NOTHING_RENAMED
        page = pages[key] = _render(visible.lines(endpoint, kind, row, after), renamed, modern=modern)
    return page


def _render(lines: Iterable[Listed], renamed: Mapping[tuple[str, int], str], *, modern: bool) -> _Page:
    """`renamed` are resources that this caller finds under another URI; they keep their places in the list."""
    rendered: list[bytes] = []
    size = 0
    last: tuple[str, str] | None = None
    for line in lines:
        definition = line.modern if modern else line.legacy
        if renamed and (line.part, line.bit) in renamed:
            definition = _under(renamed[line.part, line.bit], definition)
        size += len(definition) + 1
        if rendered and (len(rendered) == PAGE_OFFERS or size > PAGE_BYTES):
            return _Page(b"[" + _SEPARATOR.join(rendered) + b"]", last)
        rendered.append(definition)
        last = line.key
    return _Page(b"[" + _SEPARATOR.join(rendered) + b"]", None)


def _under(uri: str, definition: bytes) -> bytes:
    return jsonrpc.encode({**jsonrpc.fields(msgspec.Raw(definition)), "uri": jsonrpc.encode_raw(uri)})
