"""The MCP Registry API on the gateway's own socket: who asks, what they see of it, and what a web page may read.

Without a key there is nothing to see but what the setting `registry_public` names. With one, an entry is seen exactly
where its endpoint can be: the same row, the same ceilings, in the snapshot of that moment. A page of another origin
shows a key or gets what everybody gets: nothing here is known by a connection alone.
"""

from collections.abc import Callable, Mapping, Sequence

from toolgate.admin import registry_api
from toolgate.admin.exchange import Answer
from toolgate.admin.problems import Wrong, problem
from toolgate.assembly.http import Areas
from toolgate.assembly.line import Line
from toolgate.control import listings
from toolgate.control.listings import Entry, Publishing
from toolgate.edge.answering import Answered
from toolgate.edge.asgi import Area
from toolgate.edge.endpoint import bearer
from toolgate.edge.guards import Guards
from toolgate.edge.request import Request, Responder
from toolgate.model.declared import Declared
from toolgate.model.entities import Server, Virtual
from toolgate.model.errors import Fault, Unauthenticated
from toolgate.model.identity import Credential, Principal
from toolgate.pipeline import visible
from toolgate.rules import filed, globs, registry_names
from toolgate.settings import Settings

FOREIGN = 403
"""What the guards say of an Origin that may not call; here it may read, but is nobody."""

_LIMIT = 1024

Records = Callable[[], Mapping[str, Server | Virtual]]
"""The records of servers and virtual servers that are in force, by name; the same object while nothing changed."""


File = Callable[[], Declared]
"""What the file declares at the moment; the same object while it did not change."""


class Registry:
    """The entries of this gateway, made anew only when what they are made of changed."""

    def __init__(
        self, line: Line, known: tuple[Records, File], publishing: Callable[[], Publishing], public: Sequence[str]
    ) -> None:
        self._line = line
        self._records, self._file = known
        self._publishing = publishing
        self._public = tuple(public)
        self._made: tuple[tuple[object, ...], tuple[Entry, ...]] | None = None

    def entries(self) -> tuple[Entry, ...]:
        of = declared, records, file = self._line.declared(), self._records(), self._file()
        known = self._made
        if known is None or any(one is not other for one, other in zip(known[0], of, strict=True)):
            described = {**_filed(file), **records}
            known = self._made = of, listings.entries(declared, described, self._publishing())
        return known[1]

    async def seen(self, credential: Credential, peer: str, *, foreign: bool) -> list[Entry]:
        """The entries for whoever shows this. Raises Fault: Unauthenticated, or Denied from this address."""
        try:
            if foreign and credential.scheme == "none":
                raise Unauthenticated("a bearer key is required", presented=False)
            principal = await self._line.door.identify(credential)
        except Unauthenticated as fault:
            if fault.presented or not self._public:
                raise
            return self._shown_to_all()
        refusal = visible.outside_networks(principal, peer)
        if refusal is not None:
            raise refusal
        return self._shown_to(principal)

    def _shown_to_all(self) -> list[Entry]:
        return [entry for entry in self.entries() if any(globs.matches(glob, entry.own) for glob in self._public)]

    def _shown_to(self, principal: Principal) -> list[Entry]:
        snapshot = self._line.publisher.current()
        row = snapshot.rows.get(principal.id, visible.NO_RIGHTS)
        ceiling = principal.ceiling
        within = None if ceiling is None or "*" in ceiling.audiences else ceiling.audiences
        return [
            entry
            for entry in self.entries()
            if entry.own in row.sees and entry.own in snapshot.endpoints and (within is None or entry.own in within)
        ]


class RegistryArea:
    """One prefix of the API (`edge.asgi.Area`)."""

    limit = _LIMIT

    def __init__(self, prefix: str, registry: Registry, guards: Guards) -> None:
        self.prefix = prefix
        self._registry = registry
        self._guards = guards
        self.too_large = _answered(problem(413, "Nothing here takes a body."))

    def refusal(self, request: Request) -> Answered | None:
        return self.too_large

    async def __call__(self, request: Request, responder: Responder, query: str) -> None:
        answer = await self._answer(request, query)
        responder.reply(answer.status, answer.headers, answer.body)

    async def _answer(self, request: Request, query: str) -> Answer:
        refused = self._guards.check(request)
        if refused is not None and refused.status != FOREIGN:
            return problem(refused.status, refused.reason)
        if request.method == "OPTIONS":
            return registry_api.preflight()
        if request.method != "GET":
            return registry_api.refused(Wrong(405, "This takes GET.", headers=((b"allow", b"GET, OPTIONS"),)))
        self._guards.place(request)
        try:
            seen = await self._registry.seen(bearer(request), request.client, foreign=refused is not None)
        except Fault as fault:
            return registry_api.refused(fault)
        return registry_api.answered(request.path, query, seen)


def listed_by(settings: Settings, line: Line, records: Records | None, file: File) -> Areas:
    """The API's paths, whatever the socket; `records` is None for a gateway that keeps none."""
    namespace = settings.registry_namespace or registry_names.namespace_of(settings.public_url)

    def filed_at() -> float:
        file = line.declared().file
        try:
            return line.clock.now() if file is None else file.stat().st_mtime
        except OSError:
            return line.clock.now()

    def make(guards: Guards, url: str) -> Sequence[Area]:
        def publishing() -> Publishing:
            return Publishing(namespace, url.rstrip("/"), settings.open, filed_at())

        registry = Registry(line, (records or _none, file), publishing, settings.registry_public)
        return tuple(RegistryArea(prefix, registry, guards) for prefix in registry_api.PREFIXES)

    return make


def _filed(file: Declared) -> dict[str, Server | Virtual]:
    declared = filed.served(file)
    records = (one for kind in (Server, Virtual) for one in declared.get(kind.KIND, {}).values())
    return {one.name: one for one in records if isinstance(one, (Server, Virtual))}


_NONE: Mapping[str, Server | Virtual] = {}


def _none() -> Mapping[str, Server | Virtual]:
    return _NONE


def _answered(answer: Answer) -> Answered:
    return answer.status, answer.body, answer.headers
