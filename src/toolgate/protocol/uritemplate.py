"""RFC 6570 templates read backwards: does a URI come from this template?"""

import re

_EXPRESSION = re.compile(r"\{([+#./;?&]?)([^{}]*)\}")
_SEGMENT = r"[^/?#]*"


def pattern(template: str) -> re.Pattern[str]:
    """A pattern that the expansions of `template` match whole. Each expression is one bounded class without nesting, so
    that matching never backtracks exponentially. Reserved (`+`, `#`) expressions may span segments, the others may not."""
    parts: list[str] = []
    position = 0
    for match in _EXPRESSION.finditer(template):
        parts.append(re.escape(template[position : match.start()]))
        operator, names = match[1], match[2]
        parts.append(_expression(operator, exploded="*" in names or "," in names))
        position = match.end()
    parts.append(re.escape(template[position:]))
    return re.compile("".join(parts), re.DOTALL)


def _expression(operator: str, *, exploded: bool) -> str:
    if operator == "+":
        return ".*"
    if operator == "#":
        return "(?:#.*)?"
    if operator in ("?", "&"):
        return rf"(?:{re.escape(operator)}[^#]*)?"
    if operator == "/":
        return "(?:/[^?#]*)?" if exploded else f"(?:/{_SEGMENT})?"
    if operator == ".":
        return rf"(?:\.{_SEGMENT})?"
    if operator == ";":
        return f"(?:;{_SEGMENT})?"
    return _SEGMENT
