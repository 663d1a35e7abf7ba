"""Calls against a real API: what is sent, what comes back, and what a model is told when something is wrong."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from tests.connectors.replay import TOKEN, Play, playing
from tests.connectors.serving import toolbox
from tests.graphql.serving import OPERATIONS, SHOWN, serving, settings
from tests.graphql.shop import Shop
from tests.ports.speaking import ALL, Ear, modern, out, spec, tool
from toolgate.model.errors import ConfigError, UpstreamError, UpstreamFailed
from toolgate.upstreams import graphql
from toolgate.upstreams.graphql import operations

CHOSEN = {
    json.loads(one.body + b"null}")["query"]
    for one in operations.prepared(settings())[0]
}  # fmt: skip
HOSTILE = [
    '") { secret } #', "}} query { secret }", "\\u0022){secret}", "${secret}", "fragment F on Query { secret }",
    '","query":"{ secret }","x":"', "\n{ secret }", "\u2028", "'; DROP", "__schema",
]  # fmt: skip


@pytest.mark.promise("graphql.persisted")
async def test_a_value_stays_a_value_whatever_is_in_it(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        for text in HOSTILE:
            assert (await served.call("echo", text=text)).told == {"echo": text}
            change = {"number": "1", "note": text, "by": {"name": text}}
            told = (await served.call("change_order", change=change)).told["changeOrder"]
            assert json.loads(told) == change
        assert {body["query"] for body in served.shop.bodies} <= CHOSEN
        assert all(set(body) <= {"query", "variables", "operationName"} for body in served.shop.bodies)
        assert served.shop.complaints == []


@pytest.mark.promise("graphql.persisted")
async def test_nothing_but_the_chosen_documents_is_ever_sent(tmp_path: Path):
    """Whatever is given, under whatever name: also the names of a request's own members."""
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.sampled_from(HOSTILE)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
        max_leaves=6,
    )
    names = st.sampled_from(["query", "variables", "operationName", "extensions", "text", "number", "change", "limit"])
    asked = st.tuples(st.sampled_from(sorted(OPERATIONS)), st.dictionaries(names, values, max_size=3))
    found: list[tuple[str, dict[str, Any]]] = []

    @bounded(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(asked)
    def collect(one: tuple[str, dict[str, Any]]) -> None:
        found.append(one)

    collect()
    async with serving(tmp_path, Shop()) as served:
        for name, arguments in found:
            await served.call(name, **arguments)
        assert len(found) >= 100
        assert {body["query"] for body in served.shop.bodies} <= CHOSEN
        assert served.shop.bodies
        for body in served.shop.bodies:
            assert set(body["variables"]) <= {"number", "reason", "change", "text", "filter", "first", "after"}


async def test_the_document_is_printed_without_comments_or_descriptions(tmp_path: Path):
    document = (
        '"""For us."""\nquery It(\n  # Secret plans.\n  $text: String # more\n) {\n  # hidden\n  echo(text: $text)\n}'
    )
    async with serving(tmp_path, Shop(), operations={"it": {"document": document}}) as served:
        ((offer),) = (await served.upstream.discover(ALL)).offers
        assert bytes(offer.definition["description"]) == b'"For us."'
        assert b"Secret plans." in bytes(offer.definition["inputSchema"])
        await served.call("it", text="x")
        assert served.shop.bodies[0]["query"] == "query It($text: String) {\n  echo(text: $text)\n}"


async def test_other_methods_and_tools_are_not_there(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        with pytest.raises(UpstreamError, match="unknown tool: drop"):
            await served.call("drop")
        with pytest.raises(UpstreamError):
            await served.upstream.call(out("resources/read", {"uri": "x"}, modern()), Ear())
        assert served.shop.seen == []


@pytest.mark.promise("graphql.typed")
@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("get_order", {}, "get_order: the argument 'number' is missing (The number of an order, as A-17)"),
        ("get_order", {"nummer": "A-1"}, "there is no argument 'nummer' (did you mean `number`?); there are number"),
        ("get_order", {"number": 17}, "number: expected a text"),
        ("cancel_order", {"number": "1", "reason": "UNWANTED"}, "reason: must be one of LATE, WRONG"),
        ("list_orders", {"filter": {"state": []}}, "filter: there is no member 'state' (did you mean `states`?)"),
        ("list_orders", {"filter": {"states": ["OPEN", 1]}}, "filter.states[1]: expected a text"),
        ("list_orders", {"filter": {"total": {"min": 1}}}, "filter.total: the member 'max' is missing"),
        ("list_orders", {"filter": {"total": {"max": 2**31}}}, "filter.total.max: must be at most 2147483647"),
        ("list_orders", {"filter": {"total": {"max": True}}}, "filter.total.max: expected a whole number"),
        ("list_orders", {"filter": []}, "filter: expected an object"),
        ("list_orders", {"filter": {"states": ["OPEN"] * 101}}, "filter.states: more than 100 items"),
        ("list_orders", {"limit": 101}, "limit: expected a whole number from 1 to 100"),
        ("list_orders", {"first": 1}, "there is no argument 'first'"),
        ("change_order", {"change": {"number": "1", "by": {}}}, "change.by: give exactly one of name, number"),
        ("change_order", {"change": {"number": None}}, "change: the member 'number' is missing"),
        ("echo", {"text": "x" * 10_001}, "text: longer than 10000 characters"),
        ("echo", {"text": "\0"}, "text: holds a NUL character"),
    ],
)
async def test_what_does_not_fit_is_told_before_anything_is_sent(
    tmp_path: Path, name: str, arguments: dict[str, Any], reason: str
):
    async with serving(tmp_path, Shop()) as served:
        assert reason in await served.wrong(name, **arguments)
        assert served.shop.seen == []


async def test_null_leaves_an_argument_out_and_empties_a_member(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        assert (await served.call("cancel_order", number="4", reason=None)).told == {"cancelOrder": {"note": "LATE"}}
        told = (await served.call("change_order", change={"number": "4", "note": None})).told
        assert json.loads(told["changeOrder"]) == {"number": "4", "note": None}


@pytest.mark.promise("graphql.told")
async def test_errors_without_data_are_told_with_what_to_do(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        told = await served.wrong("get_order", number="A-0")
        assert told == (
            "get_order: not_found: there is no order A-0 (at order); there is no such thing, or the credential may"
            " not see it"
        )
        assert "forbidden: not for you (at secret); the credential may not do this" in await served.wrong("secret")
        answers: list[tuple[Any, str]] = [
            ({"data": None}, "refused: the answer holds no data"),
            ({"errors": [{"message": "a"}] * 5}, "refused: a; and 2 more errors; check the arguments"),
            ({"errors": [{"message": "x", "extensions": {"code": "THROTTLED"}}]}, "rate_limited: x; ask again later"),
            ({"errors": [{"message": "x", "type": "RATE_LIMITED"}]}, "rate_limited: x; ask again later"),
            (
                {"data": None, "errors": [{"message": "at db.py:3", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]},
                "unavailable: internal error; it is not the arguments: try again later",
            ),
            ({"errors": [{"message": "a\u202eb\n c"}, {"message": 7}, "x"]}, "refused: a\\u202eb c; internal error;"),
            ({"errors": "bad"}, "refused: the answer holds no data"),
        ]
        for body, reason in answers:
            served.shop.plays.append(Play(body=body))
            assert f"echo: {reason}" in await served.wrong("echo")


@pytest.mark.promise("graphql.told")
async def test_a_part_that_is_missing_is_noted_and_the_rest_is_shown(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        told = (await served.call("get_items", number="A-3")).told
        assert told["order"] == {"number": "A-3", "items": [{"name": "cup", "broken": None}]}
        assert told["note"] == "a part could not be had: the stock cannot be asked (at order.items.0.broken)"
        assert "secret.py" not in str(told)


@pytest.mark.promise("graphql.told")
@pytest.mark.parametrize(
    ("play", "reason"),
    [
        (Play(401, {"errors": [{"message": "who are you"}]}), "unauthorized (status 401): who are you; the credential"),
        (Play(403, {"message": "not you"}), "forbidden (status 403): not you; the credential may not do this"),
        (Play(403, {}, {"Retry-After": "77"}), "rate_limited (status 403): ask again in 77 seconds"),
        (Play(429, {}, {"Retry-After": "30"}), "rate_limited (status 429): ask again in 30 seconds"),
        (Play(400, {"errors": [{"message": "x", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]}),
         "outdated: x; the API has changed: an administrator must change the operation"),
        (Play(404, b"<html>"), "not_found (status 404)"),
        (Play(500, {"errors": [{"message": "at db.py:3"}]}), "unavailable (status 500): it is not the arguments"),
        (Play(307, b"", {"Location": "https://evil.example/graphql"}), "redirected (status 307)"),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)  # fmt: skip
async def test_statuses_are_told_as_connectors_do(tmp_path: Path, play: Play, reason: str):
    async with serving(tmp_path, Shop()) as served:
        served.shop.plays.append(play)
        assert f"echo: {reason}" in await served.wrong("echo")
        assert len(served.shop.seen) == 1


@pytest.mark.promise("graphql.told")
async def test_what_is_no_answer_of_graphql_fails_the_server(tmp_path: Path):
    async with serving(tmp_path, Shop(), max_bytes=100_000) as served:
        for body in (b"<html>", b"[]", b'{"hello": 1}', b"", b"[" * 5000):
            served.shop.plays.append(Play(body=body))
            with pytest.raises(UpstreamFailed, match="none of GraphQL"):
                await served.call("echo")
        served.shop.plays.append(Play(body={"data": {"echo": "x" * 200_000}}))
        with pytest.raises(UpstreamFailed):
            await served.call("echo")


@pytest.mark.promise("graphql.confined")
async def test_haste_is_forgiven_to_what_reads_and_never_to_a_mutation(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        served.shop.plays += [Play(429, {}, {"Retry-After": "0"}), Play(503, {}, {"Retry-After": "0"})]
        assert (await served.call("echo", text="x")).told == {"echo": "x"}
        assert len(served.shop.seen) == 3
        served.shop.plays.append(Play(429, {}, {"Retry-After": "0"}))
        assert "rate_limited" in await served.wrong("cancel_order", number="1")
        assert len(served.shop.seen) == 4


async def test_a_slow_answer_is_given_up(tmp_path: Path):
    async with serving(tmp_path, Shop(), timeout=0.2) as served:
        hold = asyncio.Event()
        served.shop.plays.append(Play(body={"data": {}}, hold=hold))
        with pytest.raises(UpstreamFailed, match=r"no answer within 0\.2 s"):
            await served.call("echo")
        hold.set()


@pytest.mark.promise("graphql.confined")
async def test_the_credential_goes_to_the_endpoint_and_is_hidden_elsewhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    async with playing(Shop()) as other, serving(tmp_path, Shop()) as served:
        assert (await served.call("echo", text=f"x {TOKEN} 2027-01")).told == {"echo": "x *** 2027-01"}
        (request,) = served.shop.seen
        assert (request.method, request.path, request.query) == ("POST", "/graphql", [("edition", "1")])
        assert request.all("authorization") == [f"Bearer {TOKEN}"]
        assert request.all("x-edition") == ["2027-01"]
        for status in (401, 403, 422, 500):
            served.shop.plays.append(Play(status, {"errors": [{"message": f"bad {TOKEN}"}]}))
            assert TOKEN not in await served.wrong("echo")
        for status in (301, 302, 307, 308):
            served.shop.plays.append(Play(status, b"", {"Location": f"{other.url}/graphql"}))
            assert "redirected" in await served.wrong("echo")
        assert other.seen == []
    assert TOKEN not in caplog.text


@pytest.mark.promise("graphql.confined")
async def test_an_address_of_ones_own_network_is_refused_where_the_server_may_not(tmp_path: Path):
    async with playing(Shop()) as shop:
        known = spec(kind="graphql", private=False)
        async with graphql.open(known, settings(f"{shop.url}/graphql"), toolbox(tmp_path)) as upstream:
            with pytest.raises(UpstreamFailed, match="may not be dialled"):
                await upstream.call(tool("echo", modern(), SHOWN), Ear())
        assert shop.seen == []


@pytest.mark.promise("graphql.persisted")
async def test_constants_are_the_administrators_alone(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("another-secret-of-ours")
    secret.chmod(0o600)
    document = "query ($text: String!) { echo(text: $text) }"
    bound: dict[str, Any] = {"document": document, "constants": {"text": f"file:{secret}"}}
    async with serving(tmp_path, Shop(), operations={"echo": bound}) as served:
        assert (await served.call("echo")).told == {"echo": "***"}
        assert served.shop.bodies[0]["variables"] == {"text": "another-secret-of-ours"}
        assert "there is no argument 'text'; there are none" in await served.wrong("echo", text="x")
    missing = settings(operations={"echo": {**bound, "constants": {"text": "env:NOT_SET"}}})
    with pytest.raises(ConfigError, match=r"operations\.echo\.constants\.text: env:NOT_SET is not set"):
        async with graphql.open(spec(kind="graphql"), missing, toolbox(tmp_path)):
            pass


async def _all_rows(served: Any, path: tuple[str, ...], **arguments: Any) -> tuple[list[str], int]:
    """The numbers of all rows, and how many answers they took."""
    found: list[str] = []
    for answers in range(1, 100):
        told = (await served.call("list_orders", **arguments)).told
        rows: Any = told
        for part in path:
            rows = rows[part]
        found += [row if isinstance(row, str) else row["number"] for row in rows]
        if "next_page_token" not in told:
            return found, answers
        arguments["page_token"] = told["next_page_token"]
    raise AssertionError("the list has no end")


@pytest.mark.promise("graphql.paged")
@pytest.mark.parametrize(("limit", "answers"), [(20, 3), (45, 1), (100, 1)])
async def test_a_list_goes_on_until_it_ends(tmp_path: Path, limit: int, answers: int):
    async with serving(tmp_path, Shop(45)) as served:
        found, taken = await _all_rows(served, ("orders", "nodes"), limit=limit)
        assert found == [f"A-{number}" for number in range(1, 46)]
        assert taken == answers
        told = (await served.call("list_orders", limit=1)).told
        assert set(told["orders"]) == {"nodes"}, "where it goes on is in the token alone"


@pytest.mark.promise("graphql.paged")
@pytest.mark.parametrize("result", [None, "{rows: orders.nodes[].number}", "orders.nodes[].number"])
async def test_what_does_not_fit_is_cut_between_rows_and_comes_later(tmp_path: Path, result: str | None):
    chosen = {"list_orders": {**OPERATIONS["list_orders"], **({} if result is None else {"result": result})}}
    size = 1500 if result is None else 1024
    count = 45 if result is None else 300
    async with serving(tmp_path, Shop(count), operations=chosen, result_bytes=size) as served:
        first = (await served.call("list_orders", limit=100)).told
        path = ("orders", "nodes") if result is None else ("rows",)
        assert len(json.dumps(first)) < size * 1.5
        if result is None:
            assert first["truncated"]
            assert " of 45 rows: more do not fit into one answer" in first["note"]
        found, _ = await _all_rows(served, path, limit=100)
        assert found == [f"A-{number}" for number in range(1, count + 1)]


@pytest.mark.promise("graphql.paged")
async def test_the_longest_list_is_cut_where_there_are_no_pages(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        told = (await served.call("list_customers")).told
        assert told["truncated"]
        assert told["note"] == f"{len(told['customers'])} of 199 rows: more do not fit into one answer"
        assert 60 < len(told["customers"]) < 199
        assert all(set(row) == {"name", "story"} for row in told["customers"])
        long = (await served.call("echo", text="x")).told
        served.shop.plays.append(Play(body={"data": {"echo": "y" * 300_000}}))
        long = (await served.call("echo")).told
        assert long["truncated"]
        assert long["note"] == "long texts are cut to fit one answer"
        assert len(json.dumps(long)) < 25_000


@pytest.mark.promise("graphql.paged")
async def test_a_page_token_is_ours_and_for_the_same_arguments(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        token: str = (await served.call("list_orders", filter={"states": ["OPEN"]})).told["next_page_token"]
        for forged in (token[:-2] + "AA", "x", 7, "A" * 5000, "MTA="):
            told = await served.wrong("list_orders", filter={"states": ["OPEN"]}, page_token=forged)
            assert "is none that this tool gave" in told
        assert "belongs to other arguments" in await served.wrong("list_orders", page_token=token)
        assert len(served.shop.seen) == 1
        assert (await served.call("list_orders", filter={"states": ["OPEN"]}, page_token=token)).told


@pytest.mark.promise("graphql.paged")
async def test_first_and_after_can_stay_the_models(tmp_path: Path):
    chosen = {"list_orders": {**OPERATIONS["list_orders"], "paginate": False}}
    async with serving(tmp_path, Shop(), operations=chosen) as served:
        told = (await served.call("list_orders", first=2, after="4")).told
        assert [row["number"] for row in told["orders"]["nodes"]] == ["A-5", "A-6"]
        assert told["orders"]["pageInfo"] == {"hasNextPage": True, "endCursor": "6"}


@pytest.mark.promise("graphql.paged")
async def test_a_list_that_is_none_fails_the_server(tmp_path: Path):
    async with serving(tmp_path, Shop()) as served:
        served.shop.plays.append(Play(body={"data": {"orders": {"nodes": "x"}}}))
        with pytest.raises(UpstreamFailed, match=r"orders\.nodes of list_orders's answer is no list"):
            await served.call("list_orders")
