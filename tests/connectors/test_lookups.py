"""What ids stand for: asked once, kept for one server, and never a reason to fail."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay, Request
from tests.connectors.samples import paged, shop, tool, written
from tests.connectors.serving import Serving, serving
from toolgate.model.errors import ConfigError
from toolgate.upstreams.connector import lookups, reading
from toolgate.upstreams.connector.format import Lookup

looked_up = pytest.mark.promise("connectors.lookups")
LOOKUP: dict[str, Any] = {
    "request": {"method": "GET", "path": "/people/{id}"},
    "id": {"type": "string", "in": "path", "required": True, "pattern": "U[0-9]+"},
    "value": "name",
    "marked": "<@{id}>",
    "told": "<@{id}|{name}>",
}


class People(Replay):
    """Gives the messages that it is told, and knows everybody but those in `unknown`."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        super().__init__([])
        self.messages = messages
        self.unknown: set[str] = set()
        self.refusal = Play(404, {"error": "nobody"})

    def answer(self, request: Request) -> Play:
        self.seen.append(request)
        if request.path == "/messages":
            return Play(body=self.messages)
        id_ = request.path.rpartition("/")[2]
        return self.refusal if id_ in self.unknown else Play(body={"name": f"name of {id_}"})

    def asked(self) -> list[str]:
        return sorted(request.path.removeprefix("/people/") for request in self.seen if "/people/" in request.path)


def product(folder: Path, **lookup: Any) -> Path:
    made = shop()
    made["lookups"] = {"people": {**LOOKUP, **lookup}}
    made["tools"] = [
        tool(
            "read_messages",
            request={"method": "GET", "path": "/messages"},
            result="[].{user: user, name: name, text: text}",
            lookups={"people": {"members": {"user": "name"}, "texts": ["text"]}},
        )
    ]
    return written(folder, made)


def message(user: str, text: str = "", name: str | None = None) -> dict[str, Any]:
    return {"user": user, "text": text, "name": name}


async def names(served: Serving) -> list[Any]:
    return [row["name"] for row in (await served.call("read_messages")).told["rows"]]


@looked_up
async def test_names_stand_beside_ids_and_in_texts_and_are_asked_for_once(tmp_path: Path):
    people = People([message("U1", "Hi <@U2>, <@U1> and <@x>!"), message("U3", name="Ada"), message("B7")])
    async with serving(tmp_path, people, path=str(product(tmp_path))) as served:
        rows = (await served.call("read_messages")).told["rows"]
        assert [row["name"] for row in rows] == ["name of U1", "Ada", None]
        assert rows[0]["text"] == "Hi <@U2|name of U2>, <@U1|name of U1> and <@x>!"
        assert (await served.call("read_messages")).told["rows"] == rows
        assert people.asked() == ["U1", "U2"]


@looked_up
async def test_an_id_that_cannot_be_looked_up_stays_and_is_not_asked_for_again_at_once(tmp_path: Path):
    people = People([message("U1", "<@U2>"), message("U2")])
    people.unknown = {"U2"}
    async with serving(tmp_path, people, path=str(product(tmp_path))) as served:
        for _ in range(2):
            rows = (await served.call("read_messages")).told["rows"]
            assert rows[0] == {"user": "U1", "name": "name of U1", "text": "<@U2>"}
            assert rows[1]["name"] is None
        assert people.asked() == ["U1", "U2"]


@looked_up
@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_where_no_lookup_works_it_is_left_alone(tmp_path: Path, status: int):
    people = People([message(f"U{n}") for n in range(3)])
    people.unknown = {f"U{n}" for n in range(3)}
    people.refusal = Play(status, {"error": "no"}, {"Retry-After": "1"})
    async with serving(tmp_path, people, path=str(product(tmp_path))) as served:
        assert await names(served) == [None, None, None]
        asked = len(people.asked())
        people.messages = [message("U9")]
        assert await names(served) == [None]
        assert len(people.asked()) == asked <= 3


@looked_up
async def test_for_one_result_so_many_are_asked_for_and_the_oldest_are_forgotten(tmp_path: Path):
    people = People([message(f"U{n}") for n in range(5)])
    async with serving(tmp_path, people, path=str(product(tmp_path, most=2, keep=3))) as served:
        assert await names(served) == ["name of U0", "name of U1", None, None, None]
        assert (await names(served))[1:] == ["name of U1", "name of U2", "name of U3", None]
        people.messages = [message("U0")]
        assert await names(served) == ["name of U0"]
        assert people.asked() == ["U0", "U0", "U1", "U2", "U3"]


@looked_up
async def test_what_one_server_knows_no_other_does(tmp_path: Path):
    first, second = People([message("U1")]), People([message("U1")])
    second.unknown = {"U1"}
    folder = str(product(tmp_path))
    async with serving(tmp_path, first, path=folder) as one, serving(tmp_path, second, path=folder) as other:
        assert await names(one) == ["name of U1"]
        assert await names(other) == [None]


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.moment = 0.0

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment


@looked_up
async def test_a_name_is_kept_for_its_time_and_asked_for_again_after_it(tmp_path: Path):
    asked: list[str] = []

    async def ask(lookup: Lookup, id_: str, deadline: float) -> Any:
        asked.append(id_)
        return None if id_ == "U2" else "Ada"

    connector = reading.read(product(tmp_path, seconds=600))
    watch, deadline = Watch(), time.perf_counter() + 60
    known = lookups.Lookups(connector.lookups, ask, watch)
    for moment, wanted in ((0, ["U1", "U2"]), (59, []), (60, ["U2"]), (599, ["U2"]), (600, ["U1"])):
        watch.moment = moment
        found = await known.put(connector.tools[0], [message("U1"), message("U2")], deadline)
        assert [row["name"] for row in found] == ["Ada", None]
        assert asked == wanted, moment
        asked.clear()


@pytest.mark.parametrize(
    ("name", "told"),
    [("Ada\n<!x> |y>", "Ada !x y"), ("\u202eadA", r"\u202eadA"), ("a" * 300, "a" * 100), ("  ", None), (7, None)],
)
def test_a_name_is_one_short_line_without_markup(name: Any, told: str | None):
    assert lookups.shown(name) == told


@pytest.mark.parametrize(
    ("lookup", "used", "told"),
    [
        (
            {"request": {"method": "POST", "path": "/people/{id}"}},
            {},
            "lookups.people.request.method: a lookup only reads",
        ),
        ({"id": {"type": "string", "in": "path", "required": True}}, {}, "lookups.people.id: must be a required text"),
        ({"value": "]"}, {}, "lookups.people.value: is no JMESPath"),
        ({"marked": "{id}"}, {}, "lookups.people.marked: must hold {id} once, with something before and behind it"),
        ({"told": "{x}"}, {}, "lookups.people.told: must hold {name}, and may hold {id}"),
        ({"told": ""}, {}, "lookups.people.told: goes together with `marked`"),
        ({"use": ["x"]}, {}, "lookups.people.use: x is not among `shared`"),
        ({}, {"people": {}}, "says neither `members` nor `texts`"),
        ({}, {"persons": {"members": {"a": "b"}}}, "persons is not among the connector's `lookups`"),
        ({"marked": "", "told": ""}, {"people": {"texts": ["text"]}}, "does not say how ids are `marked`"),
        ({}, None, "lookups.people: no tool uses it"),
    ],
)
def test_what_is_wrong_with_a_lookup_is_told(tmp_path: Path, lookup: Any, used: Any, told: str):
    made = shop()
    made["lookups"] = {"people": {**LOOKUP, **lookup}}
    uses = {"people": {"members": {"user": "name"}}} if used == {} else used or {}
    made["tools"] = [paged("list_all", {"style": "none"}, lookups=uses)]
    with pytest.raises(ConfigError) as refused:
        reading.read(written(tmp_path, made))
    assert told in str(refused.value)
