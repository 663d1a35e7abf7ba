"""What the fields of lookups must say together, and what tools say of them."""

from collections.abc import Iterator

from toolgate.upstreams.connector import expressions, linting_tools, templates
from toolgate.upstreams.connector.format import Connector, Lookup
from toolgate.upstreams.connector.linting_tools import Finding, Place
from toolgate.upstreams.connector.lookups import ID


def findings(connector: Connector) -> Iterator[Finding]:
    """Everything that is wrong, as (place, reason)."""
    used = {name for tool in connector.tools for name in tool.lookups}
    for name, lookup in connector.lookups.items():
        place: Place = ("lookups", name)
        yield from _lookup(place, connector, lookup)
        if name not in used:
            yield place, "no tool uses it"
    for position, tool in enumerate(connector.tools):
        for name, where in tool.lookups.items():
            here: Place = ("tools", position, "lookups", name)
            known = connector.lookups.get(name)
            if known is None:
                yield here, f"{name} is not among the connector's `lookups`"
            elif where.texts and not known.marked:
                yield (*here, "texts"), "the lookup does not say how ids are `marked` in texts"
            if not where.members and not where.texts:
                yield here, "says neither `members` nor `texts`: nothing would be looked up"
            if tool.response == "text":
                yield here, "a text has no members"


def _lookup(place: Place, connector: Connector, lookup: Lookup) -> Iterator[Finding]:
    unknown = [name for name in lookup.use if name not in connector.shared]
    if unknown:
        yield (*place, "use"), f"{unknown[0]} is not among `shared`"
        return
    shared = connector.used(lookup.use)
    if not all(param.internal and (param.variable or param.default is not None) for param in shared.values()):
        yield (*place, "use"), "takes only what is internal, with a default or a variable: nobody is asked for it"
    yield from linting_tools.of_request((*place, "request"), lookup.request, {**shared, ID: lookup.id}, True)
    yield from linting_tools.of_param((*place, "id"), lookup.id)
    if lookup.request.method != "GET":
        yield (*place, "request", "method"), "a lookup only reads: GET"
    if lookup.id.type != "string" or lookup.id.pattern is None or not lookup.id.required:
        yield (*place, "id"), "must be a required text with a `pattern`: what an id looks like"
    if lookup.id.place not in ("path", "query"):
        yield (*place, "id", "in"), "stands in the path or in the query"
    flaw = expressions.flaw(lookup.value)
    if flaw is not None:
        yield (*place, "value"), flaw
    if bool(lookup.marked) != bool(lookup.told):
        yield (*place, "told"), "goes together with `marked`: how an id stands in a text, and how it is told"
    before, _, after = lookup.marked.partition("{id}")
    if lookup.marked and (templates.names(lookup.marked) != (ID,) or not before or not after):
        yield (*place, "marked"), "must hold {id} once, with something before and behind it"
    if lookup.told and not {"name"} <= set(templates.names(lookup.told)) <= {ID, "name"}:
        yield (*place, "told"), "must hold {name}, and may hold {id}"
