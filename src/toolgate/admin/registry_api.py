"""The MCP Registry API, read side: `/v0.1/servers`, its versions, and the same below `/v0`.

    GET /v0.1/servers?search=&cursor=&limit=&version=&updated_since=
    GET /v0.1/servers/{serverName}/versions
    GET /v0.1/servers/{serverName}/versions/{version}    `latest` too
    GET /v0/servers/{serverName}                         the latest, as older clients ask for it

Who asks, and what they may see, is the caller's to find out: here is only what is seen. Source: the OpenAPI document of
the official registry (version 2025-12-01).
"""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qsl

import msgspec

from toolgate.admin.bodies import MOST_PARAMETERS
from toolgate.admin.exchange import Answer, Header
from toolgate.admin.problems import NO_STORE, Wrong, problem, problem_of
from toolgate.control import listings
from toolgate.control.listings import Entry, Wanted

PREFIXES = ("/v0.1/", "/v0/")
_JSON: Header = (b"content-type", b"application/json")
_VARIES: Header = (b"vary", b"authorization, origin")
_OLD = "v0"
LISTED = 30
"""Entries of a page where nothing was said."""

CORS: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type"),
)
"""Clients that are web pages may read this; none of their credentials is ever sent along by itself."""

_NOTHING = "There is no such server here, or none that you may see."


def answered(path: str, query: str, seen: Sequence[Entry]) -> Answer:
    """What one request is answered. `path` is percent-decoded; `seen` are the entries that whoever asks may see, by
    name."""
    try:
        return Answer(200, msgspec.json.encode(_answer(path, query, seen)), (_JSON, NO_STORE, _VARIES, *CORS))
    except Wrong as error:
        return refused(error)


def refused(error: Exception) -> Answer:
    """An error in the words of problems (RFC 9457), and in the `error` that the registry API has."""
    answer = problem_of(error)
    detail: str = msgspec.json.decode(answer.body)["detail"]
    kept = [header for header in answer.headers if header[0] == b"www-authenticate" or header[0] == b"allow"]
    said = problem(answer.status, detail, more={"error": detail})
    return msgspec.structs.replace(said, headers=(*said.headers, *kept, _VARIES, *CORS))


def preflight() -> Answer:
    """The answer to OPTIONS (Fetch standard, CORS-preflight): the same for everybody, whatever there is."""
    return Answer(204, b"", ((b"access-control-max-age", b"3600"), (b"allow", b"GET, OPTIONS"), *CORS))


def _answer(path: str, query: str, seen: Sequence[Entry]) -> object:
    _, version, *parts = path.split("/")
    if parts == ["servers"]:
        found = listings.page(seen, _wanted(query))
        return listings.listed(found.entries, found.cursor)
    if len(parts) < 3 or parts[0] != "servers":
        raise Wrong(404, "There is nothing at this path; /v0.1/servers lists what there is.")
    name, rest = "/".join(parts[1:3]), parts[3:]
    match rest:
        case ["versions"]:
            return listings.listed((_one(seen, name, listings.LATEST),))
        case ["versions", wanted]:
            return listings.shown(_one(seen, name, wanted))
        case [] if version == _OLD:
            return listings.shown(_one(seen, name, listings.LATEST))
        case _:
            raise Wrong(404, _NOTHING)


def _one(seen: Sequence[Entry], name: str, version: str) -> Entry:
    found = listings.one(seen, name, version)
    if found is None:
        raise Wrong(404, _NOTHING)
    return found


def _wanted(query: str) -> Wanted:
    """Parameters that are not known are passed over: newer clients may have more of them. Raises Wrong: 400."""
    try:
        given = dict(parse_qsl(query, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        raise Wrong(400, f"There may be {MOST_PARAMETERS} query parameters at most.") from None
    since = given.get("updated_since")
    return Wanted(
        search=given.get("search", "").strip(),
        version=given.get("version", ""),
        since=None if since is None else _seconds(since),
        cursor=given.get("cursor", ""),
        limit=_limit(given.get("limit")),
    )


def _limit(text: str | None) -> int:
    if text is None:
        return LISTED
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise Wrong(400, "`limit` must be a number above 0.", (("limit", "not a number above 0"),))
    return min(int(text), listings.MOST)


def _seconds(text: str) -> float:
    """A moment of RFC 3339, whose `+` may have been sent as it is. Raises Wrong: 400."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    why = "`updated_since` must be a moment with its time zone, as 2026-01-31T12:00:00Z."
    raise Wrong(400, why, (("updated_since", "not a moment of RFC 3339"),))
