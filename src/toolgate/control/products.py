"""The catalogue: what can be added, and adding it: its credential is tried first, then everything is saved at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from toolgate.control.servers import Servers, Tried
from toolgate.control.vault import Vault
from toolgate.model.catalog import Discovery
from toolgate.model.entities import Secret, Server
from toolgate.model.errors import Refused, ToolgateError, UpstreamFailed
from toolgate.model.identity import Principal
from toolgate.model.products import Adding, Product, ProductPage, Recipe
from toolgate.ports import Shelf
from toolgate.rules.redaction import redacted

Trial = Callable[[Server, Mapping[str, str], str | None, bool], Awaitable[Discovery]]
"""Connects to a server once, with secrets that are not stored yet (by their names to be), and calls the tool that shows
whether its credential works; where the last argument is true, also in private networks. Raises ToolgateError."""


UNTRIED = "you asked for no test"


class Added(msgspec.Struct, frozen=True):
    """The server that was made, what it was found to offer, the names of the secrets that were made with it, and
    whether its credential was tried."""

    server: Server
    tried: Tried
    secrets: tuple[str, ...]
    tested: bool


class Products:
    """`shelf` makes the entries' reader when somebody first asks; without a `trial` nothing is connected to."""

    def __init__(self, shelf: Callable[[], Shelf], servers: Servers, vault: Vault, trial: Trial | None = None) -> None:
        self._shelf = shelf
        self._servers = servers
        self._vault = vault
        self._trial = trial

    async def list(self) -> ProductPage:
        """Everybody who is known may see what there is."""
        return await asyncio.to_thread(lambda: self._shelf().page())

    async def get(self, id_: str) -> Product:
        """Raises NotFound, and Refused for an entry that is broken."""
        return await asyncio.to_thread(lambda: self._shelf().product(id_))

    async def add(self, actor: Principal, id_: str, adding: Adding, *, request: str = "") -> Added:
        """Makes a server and its secrets, all or nothing. A credential that does not work is saved nowhere. Raises what
        registering a server and making its secrets would, NotFound, and Refused."""
        recipe = await asyncio.to_thread(lambda: self._shelf().recipe(id_, adding))
        beside = tuple(self._sealed(name, value, recipe.server) for name, value in recipe.secrets.items())
        hidden = (*adding.secrets.values(), *recipe.secrets.values())
        attempt = None if self._trial is None else _Attempt(self._trial, recipe, hidden)
        tried = await self._servers.attempt(
            actor,
            recipe.server,
            state=adding.state,
            beside=beside,
            probe=attempt,
            unasked="" if adding.test else UNTRIED,
        )
        if attempt is not None and attempt.failed:
            step = "nothing was saved; correct it, or add it without the test, as a draft"
            raise Refused((("credentials" if attempt.answered else "", f"{tried.unreached}: {step}"),))
        made = await self._servers.register(actor, recipe.server, request=request, beside=beside, tried=tried)
        return Added(made.server, tried, tuple(sorted(recipe.secrets)), attempt is not None and attempt.passed)

    def _sealed(self, name: str, value: str, server: Server) -> Secret:
        told = f"The credential of the server {server.name}."
        return self._vault.seal(Secret(name=name, sealed="", key_id="", owner=server.owner, description=told), value)


class _Attempt:
    """The trial of one recipe, and how it ended. One that was not begun has neither passed nor failed; `answered` says
    whether there was anybody to fail. `hidden` is what no reason may repeat."""

    def __init__(self, trial: Trial, recipe: Recipe, hidden: tuple[str, ...]) -> None:
        self._trial = trial
        self._recipe = recipe
        self._hidden = hidden
        self.passed = False
        self.failed = False
        self.answered = True

    async def __call__(self, server: Server, private: bool) -> Discovery:
        try:
            found = await self._trial(server, self._recipe.secrets, self._recipe.test, private)
        except ToolgateError as error:
            self.failed = True
            self.answered = not isinstance(error, UpstreamFailed) or error.reached
            raise UpstreamFailed(_without(self._hidden, str(error))) from None
        self.passed = self._recipe.test is not None or self._recipe.connecting
        return found


def _without(hidden: tuple[str, ...], text: str) -> str:
    """What a product answered may repeat what it was shown."""
    for value in hidden:
        text = text.replace(value, "***")
    return redacted(text)
