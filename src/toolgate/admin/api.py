"""The API: from a request to its route, its principal, its handler, and an answer, whatever happens."""

import logging
import uuid
from collections.abc import Mapping, Sequence

import msgspec

from toolgate.admin import openapi
from toolgate.admin.exchange import Answer, Asked, Task, Uses
from toolgate.admin.paths import BASE, PLURALS
from toolgate.admin.problems import NO_STORE, Wrong, problem_of
from toolgate.admin.records import unused_query
from toolgate.admin.repeats import HEADER, Repeats
from toolgate.admin.routes import ROUTES, SLASHED, Access, Gives, Route
from toolgate.model.entities import Entity, Server
from toolgate.ports import Clock

logger = logging.getLogger(__name__)

REQUEST_ID = b"x-request-id"
TOOLS = "tools"
_PAGED = frozenset(
    {Gives.EXPORTED, Gives.PAGE, Gives.CHANGES, Gives.HEALTH_PAGE, Gives.HITS, Gives.TOOLS, Gives.OFFERED}
)


class Api:
    """Answers every request below /api/v1; never raises but for cancellation."""

    def __init__(self, uses: Uses, clock: Clock, version: str) -> None:
        self._uses = uses
        self._repeats = Repeats(clock)
        self._document = msgspec.json.encode(openapi.document(ROUTES, version))
        self._paths = _by_path(ROUTES)

    async def __call__(self, asked: Asked) -> Answer:
        request = uuid.uuid4().hex
        creating = asked.method == "POST" or (asked.method == "PUT" and b"if-match" not in asked.headers)
        try:
            answer = await self._answered(asked, request)
        except Exception as error:  # noqa: BLE001 # the table of problems knows them all, and logs the unexpected
            answer = problem_of(error, creating=creating and b"if-match" not in asked.headers)
        return msgspec.structs.replace(answer, headers=(*answer.headers, (REQUEST_ID, request.encode())))

    async def _answered(self, asked: Asked, request: str) -> Answer:
        found = self._match(asked.path)
        if found is None:
            # Who shows no key hears of that first: which paths there are is in the public document anyway.
            await asked.identify()
            raise Wrong(404, f"There is nothing at this path; {BASE}/openapi.json lists what there is.")
        methods, name, item = found
        route = methods.get(asked.method)
        if route is None:
            await asked.identify()
            allowed = ", ".join(sorted(methods))
            raise Wrong(405, f"This takes {allowed}.", headers=((b"allow", allowed.encode()),))
        if route.access is Access.PUBLIC or route.does is None:
            return Answer(200, self._document, ((b"content-type", b"application/json"), NO_STORE))
        principal = await asked.identify()
        task = Task(self._uses, asked, principal, route.entity or Entity, name, request, route.argument, item)
        if route.gives not in _PAGED:
            unused_query(task)
        does = route.does
        if not route.repeatable or HEADER not in asked.headers:
            return await does(task)
        return await self._repeats.once(task, does, clear=route.gives is Gives.CLEAR_KEY)

    def _match(self, path: str) -> tuple[Mapping[str, Route], str, str] | None:
        """The routes of a path, by method, the record that it names, and the tool of that (a name with slashes, maybe);
        both are empty where it names none."""
        parts: Sequence[str] = path.removeprefix(f"{BASE}/").split("/")
        if parts[0] == PLURALS[SLASHED] and len(parts) > 2:
            parts = (parts[0], "/".join(parts[1:]))
        if len(parts) == 1:
            methods = self._paths.get(f"/{parts[0]}")
            return None if methods is None else (methods, "", "")
        rest, item = parts[2:], ""
        if parts[0] == PLURALS[Server] and len(parts) > 3 and parts[2] == TOOLS:
            rest, item = (TOOLS, "{tool}"), "/".join(parts[3:])
        template = "/".join(("", parts[0], "{name}", *rest))
        methods = self._paths.get(template)
        return None if methods is None or not parts[1] or "" in parts[3:4] else (methods, parts[1], item)


def _by_path(routes: Sequence[Route]) -> dict[str, dict[str, Route]]:
    found: dict[str, dict[str, Route]] = {}
    for route in routes:
        found.setdefault(route.path, {})[route.method] = route
    return found
