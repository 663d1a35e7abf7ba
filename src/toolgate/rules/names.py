"""What people may call things, and what they probably meant."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
NAME_RULE = "a name is 1 to 40 of a-z, 0-9 and -, and does not begin with -"

PERSON = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,119}")
PERSON_RULE = "a login name is 1 to 120 of a-z, 0-9 and . _ @ + -, and begins with a letter or digit"

GROUP = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
GROUP_RULE = "an external group is 1 to 200 printable characters"

LABEL = re.compile(r"[a-z0-9][a-z0-9:._-]{0,59}")
LABEL_RULE = "a tag or risk is 1 to 60 of a-z, 0-9 and : . _ -, and begins with a letter or digit"


_LONGEST = 200
"""Letters of a word that may be a slip of the pen."""

_MANY = 500


def closest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known word that was probably meant; empty when none is alike enough (0 to 1)."""
    if len(word) > _LONGEST:
        return ""
    names = list(known)
    if len(names) > _MANY:  # each is compared letter by letter
        names = [name for name in names if name[:2] == word[:2]][:_MANY]
    near = get_close_matches(word, names, n=1, cutoff=likeness)
    return near[0] if near else ""


def meant(word: str, known: Iterable[str]) -> str:
    """The same as the end of a sentence; empty when there is nothing to suggest."""
    near = closest(word, known)
    return f" (did you mean `{near}`?)" if near else ""
