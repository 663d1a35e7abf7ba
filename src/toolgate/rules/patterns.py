"""Regular expressions that people write for others' texts: RE2, whose time grows with the text and with nothing else.

Python's own `re` can be made to run for hours by a pattern and a text that fit together; RE2 cannot. What it has not
(references back, looking ahead and behind) is refused when the pattern is saved.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2  # pyright: ignore[reportMissingTypeStubs] # it has none

LONGEST_PATTERN = 1000
_RE2: Any = re2
_MOST_MEMORY = 1024 * 1024  # bytes, for one compiled pattern


def _options() -> Any:
    options: Any = _RE2.Options()
    options.max_mem = _MOST_MEMORY
    options.log_errors = False  # they would go to standard error, with the pattern
    return options


_OPTIONS = _options()


def flaw(pattern: str) -> str | None:
    """Why this pattern cannot be used; None when it can."""
    if not pattern or len(pattern) > LONGEST_PATTERN:
        return f"a pattern has 1 to {LONGEST_PATTERN} characters"
    try:
        _compiled(pattern)
    except _RE2.error as error:
        # The library's message is bytes, where it has one.
        told = b"".join(one for one in error.args if isinstance(one, bytes)).decode(errors="replace") or str(error)
        return f"is no RE2 pattern ({told}): references back and looking ahead or behind are not in it"
    except UnicodeEncodeError:
        return "is no text in Unicode"
    return None


def searches(pattern: str) -> Callable[[str], bool]:
    """Whether the pattern matches anywhere in a text. `^` and `$` are the text's ends. Raises ValueError for a pattern
    with a flaw."""
    reason = flaw(pattern)
    if reason is not None:
        raise ValueError(reason)
    compiled = _compiled(pattern)

    def found(text: str) -> bool:
        try:
            return compiled.search(text) is not None
        except UnicodeEncodeError:  # lone surrogates, which are no text
            return False

    return found


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return _RE2.compile(pattern, _OPTIONS)
