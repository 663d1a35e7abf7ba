"""`toolgate grant`: allows and denies calls."""

from contextlib import suppress

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.client.administration import Administration
from toolgate.model.entities import Grant, Virtual
from toolgate.model.errors import ToolgateError
from toolgate.rules import globs

app = application()

_ANY = "*"


@app.callback()
def grant() -> None:
    """Allows and denies calls."""


async def _notes(reached: Administration, value: Grant) -> list[str]:
    """Globs over tools that match nothing at present. They are no errors: a server may offer such tools later. A name
    that is no glob was judged before."""
    wanted = [glob for glob in value.tools if glob != _ANY and not globs.is_literal(glob)]
    # Whoever may not see what there is, is told nothing of it.
    with suppress(ToolgateError):
        if wanted and await _known(reached, value):
            servers = ", ".join(value.servers)
            step = "`toolgate tool list` shows those there are"
            return [
                f"note: tools: `{glob}` matches no tool of {servers} at present; {step}"
                for glob in wanted
                if not await _offered(reached, value, glob)
            ]
    return []


async def _known(reached: Administration, value: Grant) -> bool:
    """Whether the tools of these servers are among those of the registry, which those of virtual servers are not."""
    async for virtual in reached.each(Virtual):
        if any(globs.matches(glob, virtual.name) for glob in value.servers):
            return False
    return await _offered(reached, value, _ANY)


async def _offered(reached: Administration, value: Grant, name: str) -> bool:
    """Whether any of the grant's servers has a tool of this name."""
    for server in value.servers:
        if (await reached.tools({"server": server, "name": name}, limit=1)).items:
            return True
    return False


add_creation(app, Grant, _notes)
add_common(app, Grant, ("name", "subject", "effect", "servers", "tools"))
add_change(app, Grant, _notes)
