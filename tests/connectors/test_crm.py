"""What is special about the two CRMs: pages, what is refused, narrowing, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.serving import Serving, serving
from tests.ports.speaking import ALL

RECORD = "001AAAAAAAAAAA1AAA"


async def names(served: Serving) -> set[str]:
    return {offer.name for offer in (await served.upstream.discover(ALL)).offers}


async def test_a_search_in_hubspot_goes_on_within_the_body(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="hubspot") as served:
        served.replay.plays += [
            Play(body={"total": 3, "results": [{"id": "1"}, {"id": "2"}], "paging": {"next": {"after": "2"}}}),
            Play(body={"total": 3, "results": [{"id": "3"}]}),
        ]
        first = (await served.call("search_objects", type="contacts", limit=2)).told
        asked: dict[str, Any] = {"type": "contacts", "page_token": first["next_page_token"]}
        second = (await served.call("search_objects", **asked)).told
        assert [row["id"] for row in first["rows"] + second["rows"]] == ["1", "2", "3"]
        assert "next_page_token" not in second
        assert [json.loads(request.body) for request in served.replay.seen] == [
            {"limit": 2},
            {"limit": 2, "after": "2"},
        ]


@pytest.mark.parametrize(("type_", "kind"), [("contacts", 202), ("companies", 190), ("deals", 214), ("tickets", 228)])
async def test_a_note_says_what_it_is_associated_with(tmp_path: Path, type_: str, kind: int):
    async with serving(tmp_path, Replay([]), connector="hubspot") as served:
        served.replay.plays.append(Play(201, {"id": "9"}))
        note = {"type": type_, "id": "5", "body": "x", "time": "2027-01-31T12:00:00Z"}
        assert (await served.call("create_note", **note)).told["id"] == "9"
        (association,) = json.loads(served.replay.seen[0].body)["associations"]
        assert association["types"] == [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]


async def test_a_query_of_salesforce_goes_on_behind_its_locator(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="salesforce", variables={"api_version": "v68.0"}) as served:
        onward = "/services/data/v68.0/query/01gAA-200"
        pages = [{"records": [{"Id": "1"}], "nextRecordsUrl": onward}, {"records": [{"Id": "2"}], "done": True}]
        served.replay.plays += [Play(body={"totalSize": 2, **page}) for page in pages]
        first = (await served.call("soql_query", query="SELECT Id FROM Lead")).told
        second = (
            await served.call("soql_query", query="SELECT Id FROM Lead", page_token=first["next_page_token"])
        ).told
        assert first["rows"] + second["rows"] == [{"Id": "1"}, {"Id": "2"}]
        assert [request.path for request in served.replay.seen] == ["/services/data/v68.0/query", onward]
        assert {request.all("sforce-query-options")[0] for request in served.replay.seen} == {"batchSize=200"}


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM Lead", "", "SELECT Id FROM Lead FOR VIEW", "select Id from Lead for\treference", "SELECT",
     "SELECT Title FROM KnowledgeArticleVersion UPDATE VIEWSTAT", "SELECT Id FROM Lead ALL ROWS"],
)  # fmt: skip
async def test_soql_that_does_more_than_read_is_refused(tmp_path: Path, query: str):
    async with serving(tmp_path, Replay([]), connector="salesforce") as served:
        assert "soql_query: query: " in await served.wrong("soql_query", query=query)
        assert served.replay.seen == []


async def test_who_may_use_some_objects_reaches_no_others(tmp_path: Path):
    async with serving(tmp_path, Replay([]), connector="salesforce", allow={"objects": ("Account",)}) as served:
        assert not {"soql_query", "list_recent"} & await names(served)
        for arguments in ({"object": "Contact"}, {}):
            assert "is not among the objects" in await served.wrong("search", text="x", **arguments)
        wrong = await served.wrong("get_record", object="Account", id=RECORD, fields="Id,Owner.Email")
        assert "fields: does not have the form" in wrong
        assert served.replay.seen == []
        served.replay.plays.append(Play(body={"Id": RECORD}))
        assert (await served.call("get_record", object="account", id=RECORD, fields="Id")).told == {"Id": RECORD}
    async with serving(tmp_path, Replay([]), connector="hubspot", allow={"objects": ("contacts",)}) as served:
        assert {"search_objects", "list_owners", "create_note"} <= await names(served)
        assert "deals is not among the objects" in await served.wrong("search_objects", type="deals")
        other = {"type": "contacts", "id": "1", "to_type": "deals"}
        assert "deals is not among the objects" in await served.wrong("list_associations", **other)
        assert served.replay.seen == []


ERRORS = [
    ("salesforce", 400, "INVALID_FIELD", "invalid_field (status 400): INVALID_FIELD: Told; look with describe_object"),
    ("salesforce", 400, "MALFORMED_QUERY", "malformed_query (status 400): MALFORMED_QUERY: Told; mend the SOQL"),
    ("salesforce", 401, "INVALID_SESSION_ID", "unauthorized (status 401): INVALID_SESSION_ID: Told; the session"),
    ("salesforce", 403, "REQUEST_LIMIT_EXCEEDED", "rate_limited (status 403): REQUEST_LIMIT_EXCEEDED: Told; ask"),
    ("salesforce", 403, "INSUFFICIENT_ACCESS", "forbidden (status 403): INSUFFICIENT_ACCESS: Told; the user of"),
    ("hubspot", 400, "VALIDATION_ERROR", "bad_request (status 400): Told More; check names and values"),
    ("hubspot", 403, "MISSING_SCOPES", "forbidden (status 403): Told More; the token lacks a scope"),
    ("hubspot", 409, "CONFLICT", "conflict (status 409): Told More; it exists already"),
    ("hubspot", 429, "RATE_LIMITS", "rate_limited (status 429): Told More; ask again"),
]


@pytest.mark.parametrize(("id_", "status", "code", "told"), ERRORS)
async def test_their_errors_are_told_with_a_next_step(tmp_path: Path, id_: str, status: int, code: str, told: str):
    body = {
        "salesforce": [{"message": "Told", "errorCode": code, "fields": []}],
        "hubspot": {"status": "error", "message": "Told", "category": code, "errors": [{"message": "More"}]},
    }
    tool = {"salesforce": "get_user_info", "hubspot": "get_account_info"}[id_]
    async with serving(tmp_path, Replay([]), connector=id_) as served:
        served.replay.plays.append(Play(status, body[id_]))
        assert (await served.wrong(tool)).startswith(f"{tool}: {told}")
