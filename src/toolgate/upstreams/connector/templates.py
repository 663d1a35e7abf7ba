"""Text with `{name}` in it. What is between braces is looked up, and nothing is computed."""

import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*(?:\.host)?)\}")


def names(template: str) -> tuple[str, ...]:
    """What the template asks for, in order."""
    return tuple(_PLACEHOLDER.findall(template))


def flaw(template: str) -> str | None:
    """Why this is no template; None when it is one."""
    rest = _PLACEHOLDER.sub("", template)
    return "a brace stands alone: a template holds {name}, and no other braces" if "{" in rest or "}" in rest else None


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with its values, which are put in as they are. Raises KeyError for a name that is not there."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
