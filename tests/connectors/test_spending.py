"""A product's answer of megabytes costs no more than is allowed, and holds nobody up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import paged, shop, tool, written
from tests.connectors.serving import serving
from tests.holding import held
from toolgate.upstreams.connector import expressions
from toolgate.upstreams.connector.spending import Budget, Overspent

pytestmark = pytest.mark.promise("connectors.budget")

FIELDS = ",".join(f"f{number}:a" for number in range(200))
MANY = f"{{all: [].{{{FIELDS}}}}}"


def rows(count: int) -> bytes:
    return b"[" + b",".join([b'{"a":1}'] * count) + b"]"


@pytest.mark.parametrize("count", [30_000, 120_000, 1_200_000])
async def test_what_makes_too_much_of_an_answer_ends_with_what_to_do(tmp_path: Path, count: int):
    made = {**shop(), "tools": [tool("get_much", result=MANY)]}
    bound = {"max_bytes": 16 * 1024 * 1024}
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made)), **bound) as served:
        served.replay.plays.append(Play(body=rows(count)))
        async with held() as gaps:
            told = await served.wrong("get_much")
    assert told == (
        "get_much: the answer of Shop is too much: reading it takes more than 1000000 values. Ask for less; "
        "an administrator may raise `result_values` of the server 'it'"
    )
    assert gaps[0] < 0.4


async def test_what_is_much_and_allowed_is_read_beside_others(tmp_path: Path):
    made = {
        **shop(),
        "tools": [paged("list_some", {"style": "none", "max": 1000, "default": 1000}, result="[].{a:a, b:a}")],
    }
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made)), result_bytes=1024) as served:
        served.replay.plays.append(Play(body=rows(30_000)))
        told = (await served.call("list_some")).told
    assert told["rows"][0] == {"a": 1, "b": 1}
    assert told["note"].endswith("of 30000 rows: more do not fit into one answer")


async def test_the_bound_is_a_setting_and_a_write_says_that_it_was_sent(tmp_path: Path):
    write = {"method": "POST", "path": "/w"}
    made = {**shop(), "tools": [tool("change", result=MANY, request=write, hints={"read_only": False})]}
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made)), result_values=10_000) as served:
        served.replay.plays.append(Play(body=rows(1000)))
        told = await served.wrong("change")
    assert told.startswith("change: it was sent, and not refused; but the answer of Shop is too much")
    assert "more than 10000 values" in told


@pytest.mark.parametrize(
    "expression",
    [
        "[*].a", "[].a", "[?a].a", "[?a == `1`]", "map(&a, @)", "[[@, @, @][], @][]", "sort_by(@, &a)", "[:]",
        "[[:], [:], [:]]", "reverse(@)", "join('', map(&to_string(@), @))", "[*].[a] | [*][0]", "max_by(@, &a)",
    ],
)  # fmt: skip
def test_every_way_to_look_at_all_rows_is_counted(expression: str):
    data: Any = [{"a": 1}] * 5000
    with pytest.raises(Overspent):
        expressions.found(expression, data, Budget(4000))
    expressions.found(expression, data, Budget(400_000))


def test_what_has_no_order_is_not_compared():
    assert expressions.found("a < b", {"a": "x", "b": 1}) is None
    assert expressions.found("a < b", {"a": 0, "b": 1}) is True
    assert expressions.found("a < b", {"a": "x", "b": "y"}) is True
