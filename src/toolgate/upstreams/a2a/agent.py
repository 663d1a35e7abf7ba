"""One agent as its card shows it: where it is asked, and what it can be asked. Read anew now and then, and replaced
whole."""

import logging
from pathlib import Path

import msgspec

from toolgate.model.declared import ServerSpec
from toolgate.model.errors import ToolgateError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.ports import Http, HttpAnswer, HttpRoute
from toolgate.rules import endpoints
from toolgate.rules.redaction import printable
from toolgate.upstreams.a2a import card as cards
from toolgate.upstreams.a2a import requests, tools
from toolgate.upstreams.a2a.card import Card, Place, Skill
from toolgate.upstreams.a2a.link import Link
from toolgate.upstreams.a2a.requests import Form
from toolgate.upstreams.a2a.settings import Settings
from toolgate.upstreams.a2a.trouble import AgentError, Trouble

logger = logging.getLogger(__name__)

_MOST_ROUTES = 8
_LONGEST = 500


class Agent(msgspec.Struct, frozen=True):
    """`tools` are the chosen skills by tool name."""

    card: Card
    form: Form
    link: Link
    tools: dict[str, Skill]


class Reader:
    """Reads the card of one agent. Routes are kept by origin, so that connections outlive a new card."""

    def __init__(self, spec: ServerSpec, settings: Settings, http: Http) -> None:
        self._spec = spec
        self._settings = settings
        self._http = http
        self._routes: dict[str, HttpRoute] = {}
        self._links: dict[Place, Link] = {}
        self._origin, self._path = endpoints.split(settings.url)
        self._warned = False
        self._route(self._origin)

    async def read(self, grant: Grant) -> Agent:
        """Raises UpstreamFailed."""
        name = self._spec.name
        url, body = await self._found(grant)
        card = cards.read(body, name)
        place = cards.place(card, url, self._settings.endpoint, self._settings.allow_hosts, name)
        link = self._link(place, cards.schemes(card))
        form = requests.form(place)
        self._hint(card, grant)
        if card.has_more and grant.headers:
            card = await self._extended(card, form, link, grant)
        skills = tools.named(card, self._settings.skills)
        if not skills:
            ids = printable(", ".join(skill.id for skill in card.skills[:20]))[:_LONGEST]
            raise UpstreamFailed(f"server {name!r}: none of the agent's skills is chosen by `skills`; it has {ids}")
        return Agent(card, form, link, skills)

    async def close(self) -> None:
        for route in self._routes.values():
            await route.close()

    async def _found(self, grant: Grant) -> tuple[str, bytes]:
        """The card's own URL, and the card. An agent of 0.2 has it at another place."""
        base = self._path.rstrip("/")
        paths = [self._path] if base.endswith(".json") or "?" in base else [f"{base}{place}" for place in cards.PLACES]
        status = 0
        for path in paths:
            answer = await self._get(path, grant)
            try:
                status = answer.status
                if status == 200 and not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    return f"{self._origin}{path}", answer.body
            finally:
                answer.close()
            if status not in (404, 405):
                break
        raise UpstreamFailed(
            f"server {self._spec.name!r}: no agent card at {paths[0]} (HTTP {status}): {_advice(status)}"
        )

    async def _get(self, path: str, grant: Grant) -> HttpAnswer:
        return await self._route(self._origin).send("GET", path, [("Accept", "application/json"), *grant.headers])

    def _route(self, origin: str) -> HttpRoute:
        route = self._routes.get(origin)
        if route is None:
            if len(self._routes) >= _MOST_ROUTES:
                raise UpstreamFailed(f"server {self._spec.name!r}: its agent card names ever new places")
            ca_file = self._settings.ca_file
            route = self._routes[origin] = self._http.route(
                origin,
                server=self._spec.name,
                limit=self._spec.max_bytes,
                ca_file=None if ca_file is None else Path(ca_file),
                private=self._spec.private,
            )
        return route

    def _link(self, place: Place, wanted: str) -> Link:
        link = self._links.get(place)
        if link is None:
            route = self._route(place.origin)
            self._links.clear()
            link = self._links[place] = Link(self._spec.name, route, place, self._spec.max_bytes, wanted)
        return link

    async def _extended(self, card: Card, form: Form, link: Link, grant: Grant) -> Card:
        """The skills that the agent shows to who signs in. Where they go is settled by the public card."""
        try:
            found = await link.ask(form.extended, form.nothing(), grant, idempotent=True)
            return msgspec.structs.replace(card, skills=cards.read(msgspec.json.encode(found), self._spec.name).skills)
        except (AgentError, Trouble, ToolgateError) as error:
            logger.info("server %s: its extended agent card cannot be had: %s", self._spec.name, error)
            return card

    def _hint(self, card: Card, grant: Grant) -> None:
        wanted = cards.schemes(card)
        if wanted and not grant.headers and not self._warned:
            self._warned = True
            logger.warning("server %s: the agent asks for %s, and no `headers` are set", self._spec.name, wanted)


def _advice(status: int) -> str:
    if status in (401, 403):
        return "it refused the gateway's credential: set `headers` of this server"
    if 300 <= status < 400:
        return "it has been moved: put its new URL into `url`"
    return "check `url`: it is the agent's address, or that of its card, which then ends with .json"
