"""A client of the MCP Registry API (v0.1), read side: what a registry lists, within bounds."""

from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from toolgate.client.place import split
from toolgate.control.importing.server_json import Listed, NoServerJson, read, read_list
from toolgate.egress.client import HttpClient
from toolgate.model.errors import ConfigError, NotFound, Unauthenticated, UpstreamFailed
from toolgate.ports import HttpAnswer
from toolgate.rules.exposure import is_loopback

MAX_BYTES = 8 * 1024 * 1024
MOST = 200
"""Servers that are taken at one time."""

_PAGES = 50
_BASE = "/v0.1"
_ACCEPT = (("Accept", "application/json"),)


class Registry:
    """One registry. Every method raises UpstreamFailed (not reached, or no registry), Unauthenticated, NotFound; where
    an address may be dialled is judged like that of any server."""

    def __init__(self, url: str, key: str = "") -> None:
        """Raises ConfigError for what is no URL of a registry, and for a key that others could read on the way."""
        origin, base = split(url.strip().rstrip("/").removesuffix("/servers").removesuffix(_BASE), "--registry")
        host = (origin.partition("://")[2].rpartition(":")[0] or origin.partition("://")[2]).strip("[]")
        if key and origin.startswith("http://") and not is_loopback(host):
            raise ConfigError((f"--registry: everybody on the way to {host} could read the key: use https",))
        self.origin = origin
        self._base = f"{base}{_BASE}"
        self._key = key
        self._route = HttpClient().route(origin, server="registry", limit=MAX_BYTES)

    async def __aenter__(self) -> "Registry":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._route.close()

    async def get(self, name: str, version: str) -> Listed:
        """One server by its whole name."""
        path = f"/servers/{quote(name, safe='')}/versions/{quote(version, safe='')}"
        value = await self._ask(path, f"there is no {name} in version {version}")
        try:
            return read(value)
        except NoServerJson as error:
            raise UpstreamFailed(f"{self.origin}: {name}: {error}") from None

    async def each(self, search: str = "") -> AsyncGenerator[Listed]:
        """The latest versions of all servers, or of those that a word is found in. One that cannot be read is passed
        over, as clients of other ages must."""
        asked = {"version": "latest", "limit": "100", **({"search": search} if search else {})}
        cursor: str | None = None
        for _ in range(_PAGES):
            query = urlencode(asked if cursor is None else {**asked, "cursor": cursor})
            value = await self._ask(f"/servers?{query}", f"there is no registry API {_BASE[1:]} at this URL")
            try:
                entries, following = read_list(value)
            except NoServerJson as error:
                raise UpstreamFailed(f"{self.origin} answered what is no registry's: {error}") from None
            for entry in entries:
                try:
                    yield read(entry)
                except NoServerJson:
                    continue
            if following is None or following == cursor:
                return
            cursor = following
        raise UpstreamFailed(f"{self.origin} lists without an end: say which servers, or --search WORD")

    async def _ask(self, path: str, missing: str) -> Any:
        headers = (*_ACCEPT, *((("Authorization", f"Bearer {self._key}"),) if self._key else ()))
        answer = await self._route.send("GET", f"{self._base}{path}", headers)
        try:
            if answer.status != 200:
                raise self._error(answer, missing)
            return msgspec.json.decode(answer.body)
        except (msgspec.MsgspecError, RecursionError):
            raise UpstreamFailed(f"{self.origin} answered what is no JSON: is this the URL of a registry?") from None
        finally:
            answer.close()

    def _error(self, answer: HttpAnswer, missing: str) -> Exception:
        status = answer.status
        if status in (401, 403):
            step = "this key is not let in" if self._key else "it asks for a key: give --key-file FILE"
            return Unauthenticated(f"{self.origin}: {step} (HTTP {status})", presented=bool(self._key))
        if status == 404:
            return NotFound(f"{self.origin}: {missing}")
        if 300 <= status < 400:
            return UpstreamFailed(f"{self.origin} is somewhere else (HTTP {status}): give the URL that it leads to")
        return UpstreamFailed(f"{self.origin} answered with HTTP {status}")
