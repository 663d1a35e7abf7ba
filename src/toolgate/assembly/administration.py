"""The control plane beside a line: the use cases over an opened store, and the REST API on the gateway's own socket."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from toolgate import __version__, extensions
from toolgate.admin.api import Api
from toolgate.admin.bodies import MOST_BYTES
from toolgate.admin.exchange import Answer, Asked, Uses
from toolgate.admin.paths import BASE
from toolgate.admin.problems import problem, problem_of
from toolgate.assembly.line import Line
from toolgate.assembly.products import trial
from toolgate.control.administration import Administration
from toolgate.control.applying import Applying
from toolgate.control.bundles import Bundles
from toolgate.control.gathered import gather
from toolgate.control.health import ServersHealth
from toolgate.control.keys import Keys
from toolgate.control.last_use import LastUse
from toolgate.control.products import Products
from toolgate.control.registry import Registry
from toolgate.control.searching import Search
from toolgate.control.servers import Servers
from toolgate.control.tools import Tools
from toolgate.control.vault import Vault
from toolgate.edge.answering import Answered
from toolgate.edge.asgi import Area
from toolgate.edge.endpoint import bearer
from toolgate.edge.guards import Guards
from toolgate.edge.request import Request, Responder
from toolgate.model.catalog import Discovery
from toolgate.model.declared import Declared
from toolgate.model.entities import Server, ServerState
from toolgate.model.errors import Fault
from toolgate.model.identity import Principal
from toolgate.pipeline.front_door import FrontDoor
from toolgate.pipeline.visible import outside_networks
from toolgate.ports import DataKeys, KeyUses, Store
from toolgate.rules.directory import Directory
from toolgate.rules.key_ring import KeyRing

Opening = Callable[[Line], Uses]
"""Makes the use cases of a gateway once its line is there."""


def over(
    store: Store,
    pepper: bytes,
    ring: Callable[[], KeyRing],
    file: Callable[[], Declared] | None = None,
    *,
    probing: bool = False,
    data_keys: DataKeys | None = None,
    catalog: Sequence[Path] = (),
    key_uses: KeyUses | None = None,
) -> Opening:
    """The use cases over a store. `pepper` keys the digests of API keys, `ring` answers the data keys of secrets, and
    `data_keys` changes them where that is ours to do; `file` is what the file declares, where the line serves more than
    that. With `probing`, a server is connected to before it is registered. `catalog` are the
    organisation's own folders of the catalogue; `key_uses` is where it is kept when keys were used."""

    def opening(line: Line) -> Uses:
        registry = Registry(
            store=store,
            clock=line.clock,
            kinds=extensions.kinds(),
            declared=file or line.declared,
            discoveries=lambda: {
                name: opened.discovery for name, opened in line.catalog.opened.items() if opened.discovery is not None
            },
        )
        last_use = LastUse(line.used, key_uses)
        records = Administration(registry, last_use)
        servers = Servers(records, partial(_probed, line) if probing else None)
        vault = Vault(records, ring, os.urandom, data_keys)
        search = Search(registry, line.publisher.compiled)
        line.publisher.on_swap(lambda old, new: search.changed())
        return Uses(
            records,
            Keys(records, pepper, os.urandom),
            vault,
            servers,
            ServersHealth(records, line.catalog.health, line.catalog.offered),
            Applying(records),
            search,
            Tools(records, line.catalog.notes),
            Bundles(records),
            Products(partial(extensions.shelf, catalog), servers, vault, partial(trial, line) if probing else None),
            last_use,
        )

    return opening


async def _probed(line: Line, server: Server, private: bool) -> Discovery:
    """Raises ToolgateError where it cannot be used as it is described."""
    served = msgspec.structs.replace(server, state=ServerState.LIVE)
    (spec,) = gather(Directory((served,), Declared()), line.clock.now()).declared.servers
    return await line.catalog.probe(msgspec.structs.replace(spec, private=private))


class ApiArea:
    """The API behind Host and Origin guards, with the authenticators of the data plane (`edge.asgi.Area`)."""

    prefix = f"{BASE}/"
    limit = MOST_BYTES

    def __init__(self, uses: Uses, line: Line, guards: Guards) -> None:
        self._api = Api(uses, line.clock, __version__)
        self._door: FrontDoor = line.door
        self._guards = guards
        self.too_large = _answered(problem(413, f"The body is larger than {MOST_BYTES} bytes."))

    async def _identify(self, request: Request) -> Principal:
        """Who asks, from where its key may be used. Raises Fault."""
        self._guards.place(request)
        principal = await self._door.identify(bearer(request))
        outside = outside_networks(principal, request.client)
        if outside is not None:
            raise outside
        return principal

    def refusal(self, request: Request) -> Answered | None:
        refused = self._guards.check(request)
        if refused is not None:
            return _answered(problem(refused.status, refused.reason))
        # Authenticators answer at once, so that one step runs them; one that would not is asked later, as ever.
        identify = self._identify(request)
        try:
            identify.send(None)
        except StopIteration:
            return None
        except Fault as fault:
            return _answered(problem_of(fault))
        identify.close()
        return None

    async def __call__(self, request: Request, responder: Responder, query: str) -> None:
        refused = self._guards.check(request)
        if refused is not None:
            answer = problem(refused.status, refused.reason)
        else:
            answer = await self._api(
                Asked(
                    method=request.method,
                    path=request.path,
                    query=query,
                    headers=request.headers,
                    repeated=request.repeated,
                    body=request.body,
                    identify=partial(self._identify, request),
                )
            )
        responder.reply(answer.status, answer.headers, answer.body)


def api(uses: Uses, line: Line) -> Callable[[Guards, str], Sequence[Area]]:
    """The API's paths, for the socket whose guards these are."""
    return lambda guards, url: (ApiArea(uses, line, guards),)


def _answered(answer: Answer) -> Answered:
    return answer.status, answer.body, answer.headers
