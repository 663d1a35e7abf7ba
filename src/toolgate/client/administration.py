"""A typed client of the REST API: every kind of record by the same few methods, and the errors of the use cases again.

async with Administration(Place("http://127.0.0.1:8484", "", key)) as api:
    server = await api.get(Server, "files")
    await api.replace(msgspec.structs.replace(server, description="Shared files"))
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from toolgate.admin.forms import Applied, Planned
from toolgate.admin.paths import BASE, HIDDEN, PLURALS
from toolgate.admin.told import Attempt, ServerHealth, ServerHealthPage
from toolgate.client.line import Line
from toolgate.client.place import Place
from toolgate.client.problems import error_of
from toolgate.model.entities import Change, Entity, Key, Secret, Server, ServerState, Virtual
from toolgate.model.errors import UpstreamFailed
from toolgate.model.found import Hits, OfferedPage, Tool, ToolPage, ToolView
from toolgate.model.products import Adding, Product, ProductPage
from toolgate.rules.linting import Lint
from toolgate.rules.permissions import Holding

E = TypeVar("E", bound=Entity)
S = TypeVar("S", Server, Virtual)
T = TypeVar("T", bound=msgspec.Struct)

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
_TRIED = ("found", "unreached", "lints")
"""What the answer to a registration says beside the new record."""


class Minted(msgspec.Struct, frozen=True):
    """A key's record, and its clear text, which nobody can ask for again."""

    key: Key
    clear: str

    def __repr__(self) -> str:
        return f"Minted({self.key.name!r}, ***)"


class Added(msgspec.Struct, frozen=True):
    """A server that was made of a product, what it was found to offer, the secrets that were made with it, and whether
    its credential was tried."""

    server: Server
    attempt: Attempt
    secrets: tuple[str, ...]
    tested: bool


class Me(msgspec.Struct, frozen=True):
    """Who one is there. `powerless` says why one holds nothing."""

    id: str
    subject: str
    holdings: tuple[Holding, ...]
    powerless: str = ""


class Administration:
    """One gateway's API. Every method raises UpstreamFailed (not reached, or no such API there), Unauthenticated,
    NotAllowed, NotFound, Refused (with findings), Conflict (with the record as it is) or StoreFailed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._route = Line(place)

    async def __aenter__(self) -> "Administration":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._route.close()

    async def list(
        self,
        entity: type[E],
        *,
        after: str | None = None,
        limit: int = 100,
        filters: Mapping[str, str] | None = None,
    ) -> tuple[tuple[E, ...], str | None]:
        """One page by name, and the `after` of the next one (None at the end)."""
        asked = {"limit": str(limit), **(filters or {}), **({} if after is None else {"after": after})}
        page = await self._ask("GET", f"/{PLURALS[entity]}?{urlencode(asked)}")
        return tuple(record(entity, item) for item in page["items"]), page["next"]

    async def each(self, entity: type[E], filters: Mapping[str, str] | None = None) -> AsyncGenerator[E]:
        """All records that fit, page by page."""
        after: str | None = None
        while True:
            page, after = await self.list(entity, after=after, limit=1000, filters=filters)
            for one in page:
                yield one
            if after is None:
                return

    async def get(self, entity: type[E], name: str) -> E:
        return record(entity, await self._ask("GET", _path(entity, name)))

    async def create(self, value: E, *, repeat: str | None = None) -> E:
        """`repeat` is an idempotency key: with it, this may be sent again when its answer was lost. Keys and secrets
        have their own methods."""
        headers = _repeating(repeat)
        made = await self._ask("POST", f"/{PLURALS[type(value)]}", plain(value), headers=headers)
        return record(type(value), {name: one for name, one in made.items() if name not in _TRIED})

    async def register(self, value: Server, *, state: ServerState | None = None) -> tuple[Server, Attempt]:
        """A new server and what was found. Without a state, live if it may be, else a draft."""
        made = await self._ask("POST", f"/{PLURALS[Server]}", _in_state(value, state))
        attempt = {name: made.pop(name) for name in _TRIED}
        return record(Server, made), msgspec.convert({**attempt, "state": made["state"]}, Attempt)

    async def dry_run(self, value: Server, *, state: ServerState | None = None) -> Attempt:
        """What registering a server would find; nothing is registered."""
        asked = await self._ask("POST", f"{_path(Server, value.name)}/dry-run", _in_state(value, state))
        return msgspec.convert(asked, Attempt)

    async def health(self, name: str) -> ServerHealth:
        return msgspec.convert(await self._ask("GET", f"{_path(Server, name)}/health"), ServerHealth)

    async def each_health(self, state: str | None = None) -> AsyncGenerator[ServerHealth]:
        """How all servers are, or those in one state, page by page."""
        asked = {"limit": "1000", **({} if state is None else {"state": state})}
        while True:
            page = msgspec.convert(await self._ask("GET", f"/health?{urlencode(asked)}"), ServerHealthPage)
            for one in page.items:
                yield one
            if page.next is None:
                return
            asked["after"] = page.next

    async def accept(self, name: str) -> ServerHealth:
        """What the server offers now is accepted."""
        return msgspec.convert(await self._ask("POST", f"{_path(Server, name)}/accept"), ServerHealth)

    async def lint(self, name: str) -> tuple[Lint, ...]:
        return msgspec.convert((await self._ask("GET", f"{_path(Server, name)}/lint"))["lints"], tuple[Lint, ...])

    async def search(self, words: str, *, kind: str | None = None, limit: int = 20, after: str | None = None) -> Hits:
        """One page of servers and tools, best first; `kind` is `server` or `tool`."""
        asked = {"q": words, "limit": str(limit), **_given(kind=kind, after=after)}
        return _told(await self._ask("GET", f"/search?{urlencode(asked)}"), Hits)

    async def tools(
        self, filters: Mapping[str, str] | None = None, *, after: str | None = None, limit: int = 100
    ) -> ToolPage:
        """One page of tools of all servers; filters are `server`, `name`, `tag`, `risk` and `hidden`."""
        asked = {"limit": str(limit), **(filters or {}), **_given(after=after)}
        return _told(await self._ask("GET", f"/tools?{urlencode(asked)}"), ToolPage)

    async def each_tool(self, filters: Mapping[str, str] | None = None) -> AsyncGenerator[Tool]:
        """All tools that fit, page by page."""
        after: str | None = None
        while True:
            page = await self.tools(filters, after=after, limit=1000)
            for one in page.items:
                yield one
            after = page.next
            if after is None:
                return

    async def tool(self, server: str, name: str) -> ToolView:
        return _told(await self._ask("GET", _tool_path(server, name)), ToolView)

    async def change_tool(self, server: str, name: str, patch: Mapping[str, Any], *, version: int) -> ToolView:
        """Sets what the registry says of a tool; None takes a field back. `version` is the server's."""
        changed = await self._ask("PATCH", _tool_path(server, name), dict(patch), version=version, media=_MERGE_PATCH)
        return _told(changed, ToolView)

    async def offered(
        self, server: str, what: str = "tools", *, after: str | None = None, limit: int = 100
    ) -> OfferedPage:
        """What a server was found to offer: `what` is tools, resources or prompts."""
        asked = {"limit": str(limit), **_given(after=after)}
        return _told(await self._ask("GET", f"{_path(Server, server)}/{what}?{urlencode(asked)}"), OfferedPage)

    async def replace(self, value: E) -> E:
        """`value` is the record as it was got, changed; its stamp says which version that was."""
        path = _path(type(value), value.name)
        return record(type(value), await self._ask("PUT", path, plain(value), version=value.stamp.version))

    async def patch(self, entity: type[E], name: str, patch: Mapping[str, Any], *, version: int) -> E:
        """A JSON merge patch (RFC 7396)."""
        changed = await self._ask("PATCH", _path(entity, name), dict(patch), version=version, media=_MERGE_PATCH)
        return record(entity, changed)

    async def remove(self, entity: type[Entity], name: str, *, version: int) -> None:
        await self._ask("DELETE", _path(entity, name), version=version)

    async def move(self, entity: type[S], name: str, verb: str, *, version: int | None = None) -> S:
        """`verb` is publish, pause, resume, drain or retire. Without a version, whatever it is now."""
        return record(entity, await self._ask("POST", f"{_path(entity, name)}/{verb}", version=version))

    async def mint(self, value: Key, *, repeat: str | None = None) -> Minted:
        """A new key like `value`, whose digest counts for nothing."""
        return _minted(await self._ask("POST", f"/{PLURALS[Key]}", plain(value), headers=_repeating(repeat)))

    async def rotate(self, name: str, *, version: int) -> Minted:
        return _minted(await self._ask("POST", f"{_path(Key, name)}/rotate", version=version))

    async def revoke(self, name: str, *, version: int | None = None) -> Key:
        return record(Key, await self._ask("POST", f"{_path(Key, name)}/revoke", version=version))

    async def put_secret(
        self,
        name: str,
        value: str | None,
        *,
        owner: str | None = None,
        description: str = "",
        version: int | None = None,
    ) -> Secret:
        """Sets a secret: a new one without a version. None keeps the value that is there."""
        body = {"value": value, "owner": owner, "description": description}
        return record(Secret, await self._ask("PUT", _path(Secret, name), body, version=version))

    async def rotate_data_key(self) -> tuple[str, int]:
        """Seals all secrets anew under a new data key; its id, and how many they were."""
        done = await self._ask("POST", "/data-keys")
        return done["key"], done["secrets"]

    async def plan(
        self, records: Sequence[Mapping[str, Any]], *, label: str, prune: bool = False, adopt: bool = False
    ) -> Planned:
        """What applying these records would do. Each says what it is (`record`), its `name`,
        and the fields that are declared of it."""
        body = {"records": records, "label": label, "prune": prune, "adopt": adopt}
        return msgspec.convert(await self._ask("POST", "/plan", body), Planned)

    async def apply(
        self, records: Sequence[Mapping[str, Any]], *, label: str, seq: int, prune: bool = False, adopt: bool = False
    ) -> Applied:
        """Carries a plan out; `seq` is the one that it had. Raises Conflict when anything was changed since."""
        body = {"records": records, "label": label, "seq": seq, "prune": prune, "adopt": adopt}
        return msgspec.convert(await self._ask("POST", "/apply", body), Applied)

    async def export(self, label: str) -> Sequence[dict[str, Any]]:
        """The records that carry a label, as `plan` takes them."""
        return (await self._ask("GET", f"/export?{urlencode({'label': label})}"))["records"]

    async def export_virtual(self, name: str) -> dict[str, Any]:
        """A virtual server as a bundle: see `control.bundle`."""
        return await self._ask("GET", f"{_path(Virtual, name)}/bundle")

    async def import_bundle(self, bundle: Mapping[str, Any], **how: Any) -> dict[str, Any]:
        """Makes a virtual server of a bundle: its `name`, `state`, and `notes`. `how` are the members of
        `control.bundles.Taking` beside the bundle."""
        given = {name: value for name, value in how.items() if value is not None}
        return await self._ask("POST", "/bundles", {"bundle": dict(bundle), **given})

    async def products(self) -> ProductPage:
        """The catalogue: what can be added, and the entries that cannot be used."""
        return _told(await self._ask("GET", "/catalog"), ProductPage)

    async def product(self, name: str) -> Product:
        """One product of the catalogue."""
        return _told(await self._ask("GET", f"/catalog/{quote(name, safe='')}"), Product)

    async def add_product(self, name: str, adding: Adding) -> Added:
        """Makes a server of a product. Raises Refused also where its credential does not work."""
        made = await self._ask("POST", f"/catalog/{quote(name, safe='')}/add", msgspec.to_builtins(adding))
        attempt = {one: made.pop(one) for one in _TRIED}
        secrets, tested = made.pop("secrets"), made.pop("tested")
        tried = msgspec.convert({**attempt, "state": made["state"]}, Attempt)
        return Added(record(Server, made), tried, tuple(secrets), tested)

    async def audit(self, *, after: int = 0, limit: int = 100) -> tuple[tuple[Change, ...], int | None]:
        """Changes after this `seq`, oldest first, and where to go on."""
        page = await self._ask("GET", f"/audit?after={after}&limit={limit}")
        changes = tuple(_change(item) for item in page["items"])
        return changes, page["next"]

    async def me(self) -> Me:
        me = await self._ask("GET", "/me")
        holdings = tuple(
            Holding(frozenset(one["permissions"]), one["scope"], one["source"], one["expires"])
            for one in me["holdings"]
        )
        return Me(me["id"], me["subject"], holdings, me["powerless"])

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        media: str = _JSON,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Any:
        """One exchange; the answer's JSON."""
        sent = [*headers]
        if self._place.key:
            sent.append(("Authorization", f"Bearer {self._place.key}"))
        if version is not None:
            sent.append(("If-Match", f'"{version}"'))
        if body is not None:
            sent.append(("Content-Type", media))
        encoded = b"" if body is None else msgspec.json.encode(body)
        answer = await self._route.send(method, f"{self._place.base}{BASE}{path}", sent, encoded)
        try:
            if answer.status >= 300:
                raise error_of(answer, self._place, _kind(path))
            return msgspec.json.decode(answer.body) if answer.body else None
        except msgspec.MsgspecError as error:
            raise UpstreamFailed(f"{self._place.origin} answered what is not its API: {error}") from None
        finally:
            answer.close()


def plain(value: Entity) -> dict[str, Any]:
    """A record as it is written: without its stamp and what nobody sets."""
    left_out = {"stamp", *HIDDEN.get(type(value), ())}
    values: dict[str, Any] = msgspec.to_builtins(value, str_keys=True)
    return {name: one for name, one in values.items() if name not in left_out}


def record(entity: type[E], values: Mapping[str, Any]) -> E:
    """An answered record; what is never answered is empty. Raises UpstreamFailed for what a newer gateway may say."""
    try:
        return msgspec.convert({**values, **dict.fromkeys(HIDDEN.get(entity, ()), "")}, entity)
    except msgspec.ValidationError as error:
        raise UpstreamFailed(f"the gateway answered a {entity.KIND} that this version cannot read: {error}") from None


def _path(entity: type[Entity], name: str) -> str:
    return f"/{PLURALS[entity]}/{quote(name, safe='')}"


def _tool_path(server: str, name: str) -> str:
    return f"{_path(Server, server)}/tools/{quote(name, safe='')}"


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _told(values: Any, struct: type[T]) -> T:
    """An answer that is no record. Raises UpstreamFailed for what a newer gateway may say."""
    try:
        return msgspec.convert(values, struct)
    except msgspec.ValidationError as error:
        raise UpstreamFailed(f"the gateway answered what this version cannot read: {error}") from None


def _kind(path: str) -> type[Entity] | None:
    plural = path.split("/")[1].partition("?")[0]
    return next((entity for entity, name in PLURALS.items() if name == plural), None)


def _repeating(key: str | None) -> tuple[tuple[str, str], ...]:
    return () if key is None else (("Idempotency-Key", key),)


def _in_state(value: Server, state: ServerState | None) -> dict[str, Any]:
    """A server as it is written, in this state or whichever it may be."""
    body = plain(value)
    del body["state"]
    return body if state is None else {**body, "state": state}


def _minted(values: dict[str, Any]) -> Minted:
    clear = values.pop("key")
    return Minted(record(Key, values), clear)


def _change(item: dict[str, Any]) -> Change:
    plain_ones = msgspec.convert({**item, "before": None, "after": None}, Change)
    return msgspec.structs.replace(plain_ones, before=_raw(item["before"]), after=_raw(item["after"]))


def _raw(value: Any) -> msgspec.Raw | None:
    return None if value is None else msgspec.Raw(msgspec.json.encode(value))
