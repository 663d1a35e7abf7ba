"""What registering a server came to, for people and in the form that was asked for."""

from collections.abc import Sequence

import msgspec

from toolgate.admin.told import Attempt, Found
from toolgate.cli.output import Form, count, say, write_value
from toolgate.cli.records.commands import show
from toolgate.client.administration import plain
from toolgate.model.entities import Server, ServerState
from toolgate.rules.linting import Lint
from toolgate.rules.redaction import printable

_MOST_NAMES = 20
_MOST_PLACES = 8
_PARAMETERS = "inputSchema.properties."


def tell(name: str, made: Server | None, attempt: Attempt, output: Form) -> None:
    """`made` is None where it was only tried."""
    if output is not Form.TABLE:
        shown = {} if made is None else {**plain(made), "stamp": msgspec.to_builtins(made.stamp)}
        write_value({**msgspec.to_builtins(attempt), **shown}, output)
    elif made is not None:
        show(made, output)
    _say(name, attempt, registered=made is not None)
    if made is None:
        say(f"nothing was registered; it would be {attempt.state.value}")
    elif attempt.state is ServerState.LIVE:
        say(f"who may call it is said by grants: toolgate grant add {name} subject=team:TEAM servers={name} tools='*'")


def _say(name: str, attempt: Attempt, *, registered: bool) -> None:
    """What was found, for people."""
    if attempt.unreached:
        say(printable(f"warning: {name} could not be reached, and what it offers is not known: {attempt.unreached}"))
        if registered:
            say(f"when it can be reached, `toolgate server publish {name}` serves it")
    if attempt.found is not None:
        _say_found(name, attempt.found)
    for line in told(attempt.lints, _MOST_PLACES):
        say(printable(line))


def _say_found(name: str, found: Found) -> None:
    say(printable(f"{name} speaks {', '.join(found.versions) or 'no version that it names'}, and offers"))
    for names, word in (
        (found.tools, "tool"),
        (found.prompts, "prompt"),
        (found.resources, "resource"),
        (found.templates, "template"),
    ):
        if names:
            more = f", and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            say(printable(f"  {count(len(names), word)}: {', '.join(names[:_MOST_NAMES])}{more}"))


def told(lints: Sequence[Lint], most: int | None = None) -> list[str]:
    """One line for each thing that is wrong, with all the places where it is, or the first `most`."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for one in lints:
        places.setdefault((one.severity.value, one.rule, one.reason), []).append(_place(one))
    lines: list[str] = []
    for (severity, rule, reason), found in places.items():
        known = [place for place in dict.fromkeys(found) if place]
        named = known[:most]
        more = f" and {len(known) - len(named)} more" if len(known) > len(named) else ""
        lines.append(f"{severity}: {', '.join(named)}{more}{': ' if named else ''}{reason} ({rule})")
    return lines


def _place(one: Lint) -> str:
    """The offer, and what of it, without the steps that every schema has."""
    inside = one.path.removeprefix("inputSchema.").removeprefix("properties.").replace(".properties.", ".")
    return f"{one.offer}.{inside}" if one.offer and inside and one.path.startswith(_PARAMETERS) else one.offer
