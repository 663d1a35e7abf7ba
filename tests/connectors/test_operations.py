"""A connector in search mode: two tools over all operations, each held to what it would be held to alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import tool
from tests.connectors.serving import Serving, serving
from tests.connectors.test_definition import bare
from tests.ports.speaking import ALL
from toolgate.model.errors import UpstreamError
from toolgate.upstreams.connector import inline

pytestmark = pytest.mark.promise("connectors.search")

VERBS = ("get", "create", "update", "delete", "archive", "merge", "invite")
NOUNS = ("invoice", "customer", "order", "payment", "refund", "coupon", "webhook", "event")


def operation(verb: str, noun: str) -> dict[str, Any]:
    reads = verb == "get"
    made = tool(
        f"{verb}_{noun}",
        description=f"{verb.title()}s one {noun} of the account, by its number.",
        group=f"{noun}s",
        hints={"read_only": reads, "destructive": verb == "delete", "idempotent": verb in ("update", "delete")},
        request={
            "method": "GET" if reads else "DELETE" if verb == "delete" else "POST",
            "path": f"/{noun}s/{{number}}",
        },
        params={
            "number": {"type": "integer", "in": "path", "required": True, "description": f"Number of the {noun}"},
            "state": {"type": "string", "in": "query", "enum": ["open", "closed"]},
        },
    )
    del made["examples"]
    return made


def billing() -> dict[str, Any]:
    """56 operations, and the shop's own."""
    made = {**bare(), "mode": "search", "title": "Billing"}
    made["tools"] += [operation(verb, noun) for verb in VERBS for noun in NOUNS]
    made["constraints"] = {"numbers": {"help": "Numbers", "value": "{number}"}}
    return made


async def found(served: Serving, words: str, **more: Any) -> dict[str, Any]:
    return (await served.call("find_operation", words=words, **more)).told


async def called(served: Serving, operation_: str, **arguments: Any) -> dict[str, Any]:
    return (await served.call("call_operation", operation=operation_, arguments=arguments)).told


async def test_two_tools_stand_for_all_operations(tmp_path: Path):
    async with serving(tmp_path, Replay([]), definition=billing()) as served:
        discovery = await served.upstream.discover(ALL)
    offers = {
        offer.name: json.loads(json.dumps({k: json.loads(bytes(v)) for k, v in offer.definition.items()}))
        for offer in discovery.offers
    }
    assert list(offers) == ["find_operation", "call_operation"]
    for offer in offers.values():
        Draft202012Validator.check_schema(offer["inputSchema"])
    assert "there are 63" in offers["find_operation"]["description"]
    assert offers["find_operation"]["annotations"]["readOnlyHint"] is True
    hints = offers["call_operation"]["annotations"]
    assert (hints["readOnlyHint"], hints["destructiveHint"], hints["idempotentHint"]) == (False, True, False)
    assert len(json.dumps(offers)) < 3000


async def test_words_find_operations_and_the_schemas_of_the_best(tmp_path: Path):
    async with serving(tmp_path, Replay([]), definition=billing()) as served:
        told = await found(served, "refund of a customer")
        names = [one["operation"] for one in told["operations"]]
        assert {names[0].rpartition("_")[2], names[1].rpartition("_")[2]} <= {"refund", "customer"}
        assert len(names) == 10
        assert told["truncated"] is True
        assert told["total"] >= 14
        assert [("input_schema" in one) for one in told["operations"]] == [True] * 3 + [False] * 7
        assert "ask for an operation by its name" in told["note"]
        best = told["operations"][0]["input_schema"]
        assert best["required"] == ["number"]
        assert best["properties"]["state"]["enum"] == ["open", "closed"]
        exact = await found(served, "delete_webhook", limit=1)
        assert exact["operations"][0]["operation"] == "delete_webhook"
        assert exact["operations"][0]["read_only"] is False
        told_otherwise = await found(served, "remove webhook", limit=1)
        assert told_otherwise["operations"][0]["operation"] == "delete_webhook"
        typo = await found(served, "mrege payment", limit=1)
        assert typo["operations"][0]["operation"] == "merge_payment"
        nothing = await found(served, "zzzzqqqq")
        assert nothing["operations"] == []
        assert "This API is about: coupons, customers, events" in nothing["note"]


async def test_an_operation_is_called_as_if_it_were_a_tool(tmp_path: Path):
    async with serving(tmp_path, Replay([]), definition=billing()) as served:
        served.replay.plays.extend([Play(200, {"no": 7}), Play(200, {"items": [{"a": 1}], "next": "c2", "total": 9})])
        assert await called(served, "get_invoice", number=7, state="open") == {"no": 7}
        listed = await called(served, "list_by_cursor")
        assert listed["rows"] == [{"a": 1}]
        served.replay.plays.append(Play(200, {"items": [], "total": 9}))
        await called(served, "list_by_cursor", page_token=listed["next_page_token"])
    assert [request.path for request in served.replay.seen] == ["/invoices/7", "/list_by_cursor", "/list_by_cursor"]
    assert served.replay.seen[0].query == [("state", "open")]
    assert dict(served.replay.seen[2].query)["cursor"] == "c2"


async def test_what_does_not_fit_is_told_as_of_a_tool(tmp_path: Path):
    async with serving(tmp_path, Replay([]), definition=billing()) as served:
        call = {"operation": "get_invoice", "arguments": {"number": 1, "state": "opened"}}
        told = await served.wrong("call_operation", **call)
        assert told == "get_invoice: state: must be one of open, closed"
        told = await served.wrong("call_operation", operation="get_invoices", arguments={})
        assert told.startswith("call_operation: there is no operation 'get_invoices' (did you mean `get_invoice`?)")
        told = await served.wrong("call_operation", operation="get_invoice", arguments="{}")
        assert told.startswith("call_operation: arguments: expected an object")
        assert "'operation' is missing" in await served.wrong("call_operation", arguments={})
        assert "'number' is missing" in await served.wrong("call_operation", operation="get_invoice")
        assert "there is no argument 'query'" in await served.wrong("find_operation", query="x")
        assert "must be at most 25" in await served.wrong("find_operation", words="x", limit=26)
        with pytest.raises(UpstreamError, match="unknown tool: get_invoice"):
            await served.call("get_invoice", number=1)
    assert served.replay.seen == []


async def test_a_credential_can_be_tried_by_its_operation(tmp_path: Path):
    made = billing()
    made["auth"][0]["test"] = "get_event"
    async with serving(tmp_path, Replay([]), definition=made) as served:
        served.replay.plays.append(Play(200, {"no": 1}))
        assert (await served.call("get_event", number=1)).told == {"no": 1}
        names = [offer.name for offer in (await served.upstream.discover(ALL)).offers]
    assert "get_event" not in names


async def test_what_an_administrator_leaves_is_all_there_is(tmp_path: Path):
    members = {"definition": billing(), "read_only": True, "tools": ["get_*"], "allow": {"numbers": ["7"]}}
    async with serving(tmp_path, Replay([]), **members) as served:
        discovery = await served.upstream.discover(ALL)
        call = json.loads(bytes(discovery.offers[1].definition["annotations"]))
        assert (call["readOnlyHint"], call["destructiveHint"], call["idempotentHint"]) == (True, False, True)
        told = await found(served, "webhook delete")
        assert [one["operation"] for one in told["operations"]] == ["get_webhook"]
        assert "there is no operation 'delete_webhook'" in await served.wrong(
            "call_operation", operation="delete_webhook", arguments={"number": 7}
        )
        assert "8 is not among the numbers that are allowed here: 7" in await served.wrong(
            "call_operation", operation="get_webhook", arguments={"number": 8}
        )
    assert served.replay.seen == []


async def test_what_is_found_is_cut_to_fit(tmp_path: Path):
    made = billing()
    wide = operation("get", "everything")
    wide["description"] = "Gets everything that there is. " + "More words on it. " * 20
    wide["params"] = {
        **wide["params"],
        **{f"option_{n}": {"type": "string", "in": "query", "description": "w" * 200} for n in range(60)},
    }
    made["tools"].append(wide)
    async with serving(tmp_path, Replay([]), definition=made, result_bytes=6000) as served:
        told = await found(served, "get everything", limit=25)
        assert len(json.dumps(told)) < 7000
        best = told["operations"][0]
        assert best["operation"] == "get_everything"
        assert best["input_schema"]["properties"]["option_59"] == {"type": "string"}, "without its words"
        assert len(told["operations"][3]["description"]) <= 163


def test_many_operations_need_the_mode():
    made = billing()
    made["tools"] += [operation("get", f"thing_{n}") for n in range(200)]
    assert inline.flaws(made) == ()
    told = inline.flaws({**made, "mode": "tools"})
    assert ("definition.tools", "are 263, at most 150: say `mode: search` for more") in told
