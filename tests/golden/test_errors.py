"""docs/reference/errors.md is what the tables say: the tree of errors, and how each looks on the wire.

`REWRITE_GOLDEN=1 pytest tests/golden` writes it: read the difference.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolgate.model import errors
from toolgate.model.errors import Fault
from toolgate.protocol import faults

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors.md"

HEAD = """\
# Errors

What a client gets when a call fails, and what the [record](../explanation/records.md) of that call says. The message
always names what is wrong and, where a server is the cause, which one.

Codes above zero are Toolgate's own, and are the HTTP status as well: the specification reserves the range from -32768
to -32000 and gives no room there. In the modern era (2026-07-28) a refusal keeps its HTTP status until the first
notification is sent; from then on the answer is an event of a stream whose status is 200. Clients of the handshake era
take most other statuses for a broken connection, so that they get 200 where the table says so.

| what | outcome | code | HTTP | handshake era |
|---|---|---|---|---|
"""

TAIL = """
A server's own JSON-RPC error is passed on with its code, message and data. Its HTTP status in the modern era is 404 for
-32601, 400 for -32602 and -32021, and 200 for all others. What the caller's revision would take for something else is
translated:

| the server says | the caller is told |
|---|---|
| -32002, a resource is not there (handshake era) | -32602 with the URI, in the modern era |
| -32602 with a URI, on `resources/read` (modern era) | -32002, in the handshake era |
| -32020 or -32022, which are between Toolgate and the server | -32603, naming the server |
| -32042, a URL must be visited first | the same where the client knows it, else a tool error that says so |

A resource that Toolgate itself does not know is -32602 in the modern era, and -32002 in the handshake era.
"""

CHALLENGE = {
    errors.Unauthenticated: "401 and `WWW-Authenticate: Bearer`",
    errors.Denied: "403 and `WWW-Authenticate: Bearer`",
    errors.Limited: "429, and `Retry-After` where waiting helps",
}


def classes(root: type[Fault] = Fault) -> Iterator[type[Fault]]:
    """Every kind of fault, in the order of the tree."""
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from classes(kind)


def meanings() -> dict[str, str]:
    """What the tree at the top of `model/errors.py` says of each."""
    lines = re.findall(r"^[│├└─ ]+(\w+)  +(.+)$", errors.__doc__ or "", re.MULTILINE)
    return dict(lines)


def sample(kind: type[Fault]) -> Fault:
    if kind is errors.UpstreamError:
        return errors.UpstreamError(-32000, "said so")
    if kind is errors.Unauthenticated:
        return errors.Unauthenticated("bad", presented=True)
    return kind("why")


def rendered() -> str:
    rows: list[str] = []
    for kind in classes():
        fault = sample(kind)
        modern, legacy = faults.wire(fault), faults.legacy(fault)
        code = "the server's" if kind is errors.UpstreamError else str(modern.code)
        status = "see below" if kind is errors.UpstreamError else CHALLENGE.get(kind, str(modern.status))
        earlier = "the same" if legacy == modern else f"{legacy.status}"
        rows.append(f"| {meanings()[kind.__name__]} | `{fault.outcome}` | {code} | {status} | {earlier} |")
    return HEAD + "\n".join(rows) + "\n" + TAIL


@pytest.mark.promise("errors.page")
def test_the_page_is_what_the_tables_say():
    if os.environ.get("REWRITE_GOLDEN") == "1":
        PAGE.write_text(rendered(), encoding="utf-8")
    assert rendered() == PAGE.read_text(encoding="utf-8")


def test_every_fault_has_a_row_and_a_meaning():
    kinds = set(classes())
    assert kinds == set(faults.TABLE)
    assert {kind.__name__ for kind in kinds} < set(meanings())
    assert all(kind("why").outcome in errors.Outcome for kind in kinds - {errors.Unauthenticated, errors.UpstreamError})


@pytest.mark.parametrize(
    ("code", "status"),
    [(-32601, 404), (-32602, 400), (-32021, 400), (-32603, 200), (-32000, 200), (17, 200), (404, 200)],
)
def test_a_servers_own_error(code: int, status: int):
    fault = errors.UpstreamError(code, "said so")
    assert faults.wire(fault) == faults.Wire(code, status)
    assert faults.legacy(fault) == faults.Wire(code, 200), "an older client would take its session for lost"


def test_a_resource_that_is_not_there():
    fault = errors.UnknownTarget("resource not found", {"uri": "x:y"})
    assert faults.wire(fault) == faults.Wire(-32602, 400)
    assert faults.legacy(fault) == faults.Wire(-32002, 200)
    assert faults.legacy(errors.UnknownTarget("unknown tool")) == faults.Wire(-32602, 200)
