"""JMESPath, compiled once. It reads what it is given and can do nothing else.

There is one function more than in JMESPath itself: `map_values(&expression, object)` gives an object with the same
names, each with what the expression finds in its value; what it does not find is left out.
"""

from functools import lru_cache
from typing import Any, cast

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult


class _Functions(functions.Functions):
    """The functions of JMESPath, and ours. The library finds them by their names."""

    @functions.signature({"types": ["expref"]}, {"types": ["object"]})
    def _func_map_values(self, expression: Any, values: dict[str, Any]) -> dict[str, Any]:
        found = ((name, expression.visit(expression.expression, value)) for name, value in values.items())
        return {name: value for name, value in found if value is not None}


_OPTIONS = jmespath.Options(custom_functions=cast("Any", _Functions()))


@lru_cache(maxsize=4096)
def compiled(expression: str) -> ParsedResult:
    """Raises JMESPathError for what is no expression."""
    return jmespath.compile(expression)


def flaw(expression: str) -> str | None:
    """Why this cannot be used; None when it can."""
    try:
        compiled(expression)
    except JMESPathError as error:
        return f"is no JMESPath ({str(error).splitlines()[0]})"
    return None


def found(expression: str, data: Any) -> Any:
    """What the expression finds; None where there is nothing, and where a function got what it cannot take."""
    try:
        return compiled(expression).search(data, options=_OPTIONS)
    except JMESPathError:
        return None


def holds(expression: str, data: Any) -> bool:
    return found(expression, data) is True
