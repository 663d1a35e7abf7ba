"""JMESPath, compiled once. It reads what it is given and can do nothing else."""

from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult


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
        return compiled(expression).search(data)
    except JMESPathError:
        return None


def holds(expression: str, data: Any) -> bool:
    return found(expression, data) is True
