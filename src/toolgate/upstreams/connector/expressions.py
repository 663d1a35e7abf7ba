"""JMESPath, compiled once. It reads what it is given and can do nothing else.

There are three functions more than in JMESPath itself. `map_values(&expression, object)` gives an object with the same
names, each with what the expression finds in its value; what it does not find is left out. `adf_to_markdown(document)`
gives the text of a document in Atlassian Document Format. `text_from(text, n)` leaves out the first n characters.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter

from toolgate.upstreams.connector import adf, copying, spending
from toolgate.upstreams.connector.reaching import Reach, flattened, reach
from toolgate.upstreams.connector.spending import Budget, Overspent

_LONGEST_TEXT = 16 * 1024 * 1024
"""Characters of a text that is joined together."""


class _Functions(functions.Functions):
    """The functions of JMESPath, and ours. The library finds them by their names."""

    @functions.signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, glue: str, texts: list[str]) -> str:
        if len(glue) * len(texts) + sum(map(len, texts)) > _LONGEST_TEXT:
            raise JMESPathError(f"join makes more than {_LONGEST_TEXT} characters")
        return glue.join(texts)

    @functions.signature({"types": ["expref"]}, {"types": ["object"]})
    def _func_map_values(self, expression: Any, values: dict[str, Any]) -> dict[str, Any]:
        found = ((name, expression.visit(expression.expression, value)) for name, value in values.items())
        return {name: value for name, value in found if value is not None}

    @functions.signature({"types": ["object", "string", "null"]})
    def _func_adf_to_markdown(self, document: Any) -> str | None:
        return adf.markdown(document)

    @functions.signature({"types": ["string", "null"]}, {"types": ["number"]})
    def _func_text_from(self, text: str | None, start: float) -> str | None:
        return None if text is None else text[max(0, int(start)) :]


_Library: Any = TreeInterpreter


class _Interpreter(_Library):
    """The library's, which says what it does: each part of an expression that it looks at, and what is done at once to
    a whole list, object or text."""

    def __init__(self, options: Any) -> None:
        _Library.__init__(self, options)
        names = (name for name in dir(self) if name.startswith("visit_"))
        self._visits: dict[str, Any] = {name.removeprefix("visit_"): getattr(self, name) for name in names}

    def visit(self, node: Any, value: Any) -> Any:
        """As the library's, which takes as long again to find its method."""
        budget = spending.here.budget
        budget.left -= 1
        if budget.left < 0:
            raise Overspent
        return self._visits[node["type"]](node, value)

    def visit_slice(self, node: Any, value: Any) -> Any:
        return self._paid(_Library.visit_slice(self, node, value))

    def visit_flatten(self, node: Any, value: Any) -> Any:
        return flattened(self.visit(node["children"][0], value))

    def visit_comparator(self, node: Any, value: Any) -> Any:
        left, right = (self.visit(child, value) for child in node["children"])
        spending.compare(left, right)
        if node["value"] not in self._EQUALITY_OPS and not _have_an_order(left, right):
            return None
        return self.COMPARATOR_FUNC[node["value"]](left, right)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        given = [self.visit(child, value) for child in node["children"]]
        spending.spend(sum(map(spending.size, given)))
        return self._paid(self._functions.call_function(node["value"], given))

    @staticmethod
    def _paid(found: Any) -> Any:
        spending.spend(spending.size(found))
        return found


def _have_an_order(left: Any, right: Any) -> bool:
    """Two numbers, or two texts."""
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str)
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in (left, right))


FUNCTIONS = cast("Any", _Functions())
_LIBRARY: Any = _Interpreter(jmespath.Options(custom_functions=FUNCTIONS))
_KNOWN: frozenset[str] = frozenset(cast("Any", _Functions).FUNCTION_TABLE)


@lru_cache(maxsize=4096)
def compiled(expression: str) -> ParsedResult:
    """Raises JMESPathError for what is no expression."""
    return jmespath.compile(expression)


@lru_cache(maxsize=4096)
def _reach(expression: str) -> Reach:
    return reach(cast("Any", compiled(expression)).parsed, _LIBRARY.visit)


def flaw(expression: str) -> str | None:
    """Why this cannot be used; None when it can."""
    try:
        parsed = compiled(expression).parsed
        unknown = sorted(set(_called(parsed)) - _KNOWN)
        many = copying.copies(cast("Any", parsed)) > copying.MOST
        _reach(expression)
    except JMESPathError as error:
        return f"is no JMESPath ({str(error).splitlines()[0]})"
    except RecursionError:
        return "is nested too deep"
    if unknown:
        return f"there is no function {unknown[0]}"
    return f"may put the answer more than {copying.MOST} times into what it finds" if many else None


def _called(part: Any) -> Iterator[str]:
    """The functions that an expression uses."""
    if isinstance(part, dict):
        node = cast("dict[str, Any]", part)
        if node.get("type") == "function_expression":
            yield str(node["value"])
        for child in node.get("children", ()):
            yield from _called(child)


def found(expression: str, data: Any, budget: Budget | None = None) -> Any:
    """What the expression finds; None where there is nothing, and where a function got what it cannot take. Raises
    Overspent where that is more than is left of the `budget`; without one there is the least."""
    before = spending.begin(Budget() if budget is None else budget)
    try:
        return _reach(expression)(data)
    except JMESPathError:
        return None
    finally:
        spending.end(before)


def holds(expression: str, data: Any, budget: Budget | None = None) -> bool:
    """As `found`; what is too much does not hold."""
    try:
        return found(expression, data, budget) is True
    except Overspent:
        return False
