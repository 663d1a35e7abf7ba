"""Pages of a list. Where a list goes on is sealed into the token that the model gets: it can neither be read nor made,
and it holds parameters of the query only, never an address. It counts for the very arguments that it was made for."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

import msgspec

from toolgate.protocol.sealed import Seal
from toolgate.upstreams.connector import expressions
from toolgate.upstreams.connector.arguments import LIMIT, LONGEST_TOKEN, PAGE_TOKEN
from toolgate.upstreams.connector.format import Pagination, Request
from toolgate.upstreams.connector.spending import Budget
from toolgate.upstreams.connector.trouble import Trouble

_LINK = re.compile(r"<([^<>]{1,2000})>([^<]*)")
_NEXT = re.compile(r';\s*rel\s*=\s*"?next"?\s*(?:[;,]|$)', re.IGNORECASE)
_EMPTY = re.compile(r';\s*results\s*=\s*"?false"?\s*(?:[;,]|$)', re.IGNORECASE)
"""An attribute with which some products mark a link to a page that holds nothing."""

_LONGEST_VALUE = 2000


class Position(msgspec.Struct, frozen=True, array_like=True):
    """`at` are the query's parameters that say where; `size` is how many rows are asked for; `skip` how many rows of
    that page were shown already."""

    asked: bytes
    at: dict[str, str]
    size: int
    skip: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Position).decode


def asked_of(tool: str, given: Mapping[str, Any]) -> bytes:
    """What a token is bound to: the tool and its arguments, without those of the pagination itself."""
    kept = {name: value for name, value in given.items() if name not in (LIMIT, PAGE_TOKEN)}
    return hashlib.blake2b(msgspec.json.encode([tool, kept], order="sorted"), digest_size=16).digest()


def start(paging: Pagination, asked: bytes, size: int) -> Position:
    at = {}
    if paging.style == "page":
        at = {paging.position_params[0]: str(paging.first)}
    elif paging.style == "offset":
        at = {paging.position_params[0]: "0"}
    return Position(asked, at, size)


def opened(seal: Seal, token: Any, asked: bytes) -> Position:
    """Raises Trouble for a token that we did not make, or not for these arguments."""
    raw = seal.open(token) if isinstance(token, str) and len(token) <= LONGEST_TOKEN else None
    position = None if raw is None else _decode(raw)
    if position is None:
        raise Trouble(f"{PAGE_TOKEN}: is none that this tool gave: use next_page_token as it was, or leave it out")
    if position.asked != asked:
        raise Trouble(f"{PAGE_TOKEN}: belongs to other arguments: repeat them as they were, or leave it out")
    return position


def sealed(seal: Seal, position: Position) -> str:
    return seal.seal(_encode(position))


def query(paging: Pagination, position: Position) -> dict[str, Any]:
    """The parameters of the query, or the members of the body, that ask for this page."""
    sized = {} if paging.size_param is None else {paging.size_param: position.size}
    if paging.place == "query":
        return {**{name: str(size) for name, size in sized.items()}, **position.at}
    at = position.at if paging.style == "cursor" else {name: int(value) for name, value in position.at.items()}
    return {**sized, **at}


def shown(paging: Pagination, position: Position, rows: int) -> int:
    """How many of so many rows are for this page: all, but where the product was not asked for a number."""
    return rows if paging.size_param is not None else min(rows, position.size)


def linked(paging: Pagination, position: Position, request: Request) -> Request | None:
    """The request for a page that the product links to by its path; None where it is the first request again."""
    if paging.next_path is None or not position.at:
        return None
    ((name, value),) = position.at.items()
    path = paging.next_path.replace(f"{{{name}}}", quote(value, safe=""))
    return msgspec.structs.replace(request, path=path, query=())


def following(
    paging: Pagination, position: Position, body: Any, headers: Mapping[str, str], url: str,
    budget: Budget | None = None,
) -> Position | None:  # fmt: skip
    """Where the list goes on after this answer; None at its end. `url` is what was asked, for links relative to it.
    Raises Overspent."""
    if paging.style == "none":
        return None
    name = paging.position_params[0]
    found: Any = expressions.found(paging.rows, body, budget)
    rows = len(cast("list[Any]", found)) if isinstance(found, list) else 0
    at: dict[str, str] | None = None
    if paging.style == "link_header":
        at = _linked(paging, headers.get("link", ""), url)
    elif paging.style == "link_body":
        link = expressions.found(paging.next_link or "", body, budget)
        at = _onward(paging, link, url) if isinstance(link, str) and link else None
    elif paging.style == "cursor":
        cursor = expressions.found(paging.next_cursor or "", body, budget)
        cursor = "" if not cursor else str(cursor) if paging.next_path is None else str(cursor).rpartition("/")[2]
        at = {name: cursor} if 0 < len(cursor) <= _LONGEST_VALUE else None
    elif rows >= position.size:
        step = 1 if paging.style == "page" else rows
        at = {name: str(int(position.at[name]) + step)}
    return None if at is None else Position(position.asked, at, position.size)


def _linked(paging: Pagination, header: str, url: str) -> dict[str, str] | None:
    """RFC 8288. A link to another origin is none unless `any_origin`; of any, only the position is taken."""
    for target, rest in _LINK.findall(header[:8000]):
        if _NEXT.search(rest) and not _EMPTY.search(rest):
            return _onward(paging, target, url)
    return None


def _onward(paging: Pagination, target: str, url: str) -> dict[str, str] | None:
    """The position that a link holds, relative to what was asked."""
    try:
        there, here = urlsplit(urljoin(url, target)), urlsplit(url)
    except ValueError:
        return None
    if not paging.any_origin and (there.scheme, there.netloc) != (here.scheme, here.netloc):
        return None
    given = dict(parse_qsl(there.query))
    at = {name: given[name] for name in paging.position_params if 0 < len(given.get(name, "")) <= _LONGEST_VALUE}
    return at or None
