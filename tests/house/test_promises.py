"""Promises are data: each has a test, and each test that names one names a real one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.promises import PROMISES

TESTS = Path(__file__).resolve().parents[1]
ID = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")


def named_in(text: str) -> Iterator[str]:
    """The ids that tests in this source name with `pytest.mark.promise(...)`. Raises ValueError for a computed one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            for argument in node.args:
                if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                    raise ValueError(
                        f"line {node.lineno}: a promise is named by a literal, so that it can be searched for"
                    )
                yield argument.value


def findings(promised: set[str], named: set[str]) -> list[str]:
    return [
        *(f"no test keeps the promise {name!r}" for name in sorted(promised - named)),
        *(f"a test names {name!r}, which tests/promises.py does not hold" for name in sorted(named - promised)),
    ]


def test_every_promise_has_a_test_and_every_test_a_promise():
    named = {name for path in TESTS.rglob("test_*.py") for name in named_in(path.read_text(encoding="utf-8"))}
    found = findings(set(PROMISES), named)
    assert not found, "\n".join(found)


def test_promises_are_well_told():
    assert [name for name in PROMISES if not ID.match(name)] == []
    assert [name for name, promise in PROMISES.items() if not promise.source or not promise.text.endswith(".")] == []


def test_the_rule_can_fail():
    source = "import pytest\n\n@pytest.mark.promise('a.kept', 'a.unknown')\ndef test_x(): ...\n"
    assert findings({"a.kept", "a.forgotten"}, set(named_in(source))) == [
        "no test keeps the promise 'a.forgotten'",
        "a test names 'a.unknown', which tests/promises.py does not hold",
    ]
