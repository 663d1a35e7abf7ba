"""What the import suggests: names, hints, what of an answer is shown, how a list goes on, what to begin with; and what
is said to be different the next time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.openapi.imports import document, loaded, made, tool
from toolgate.cli.records.openapi_fetching import Source
from toolgate.cli.records.openapi_importing import imported, tokens
from toolgate.control.openapi import selection
from toolgate.control.openapi.differing import differences
from toolgate.control.openapi.making import Plan
from toolgate.control.openapi.selection import Choice
from toolgate.model.errors import ConfigError

JSON = "application/json"
PET = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "node_id": {"type": "string"},
        "photo_url": {"type": "string"},
        "owner": {"type": "object", "properties": {f"m{n}": {"type": "string"} for n in range(8)} | {"login": {}}},
        "labels": {"type": "array", "items": {"type": "object", "properties": {"name": {}, "color": {}}}},
    },
}


def answering(schema: dict[str, Any], headers: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"200": {"description": "ok", "headers": headers or {}, "content": {JSON: {"schema": schema}}}}


def listing(schema: dict[str, Any], *query: str, headers: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A tool that lists, with these parameters of its query."""
    number = {"type": "integer", "maximum": 50}
    parameters = [{"name": name, "in": "query", "schema": number if "cursor" not in name else {}} for name in query]
    operation = {"parameters": parameters, "responses": answering(schema, headers), **more}
    return tool(document({"/pets": {"get": operation}}))


@pytest.mark.promise("openapi.names")
@pytest.mark.parametrize(
    ("method", "path", "id_", "wanted"),
    [
        ("get", "/pets", None, "get_pets"),
        ("get", "/pets/{id}", None, "get_pet"),
        ("post", "/v1/pets", None, "create_pet"),
        ("put", "/api/v2/pets/{id}/toys/{toy}", None, "update_pet_toy"),
        ("delete", "/pets/{id}", None, "delete_pet"),
        ("post", "/pets/{id}/restart", None, "restart_pet"),
        ("get", "/repos/{o}/{r}/pulls", "pulls/list-files", "get_pull_files"),
        ("get", "/repos/{o}", "repos/get", "get_repo"),
        ("get", "/items/{item_id}", "read_item_items__item_id__get", "get_item"),
        ("get", "/users.info", "users_info", "get_users_info"),
        ("post", "/chat", "chat.postMessage", "create_chat_message"),
        ("get", "/a", "Pets_Get", "get_pet"),
        ("get", "/a", "getAPetById", "get_pet_by_id"),
        ("delete", "/a", "V1ThingsDelete_Thing", "delete_thing"),
        ("get", "/api/v1/pods", "readCoreV1NamespacedPod", "get_namespaced_pod"),
        (
            "get",
            "/" + "long/" * 20,
            "getTheVeryLongNameOfThisOperationThatNobodyCanRemember",
            "get_very_long_name_of_this_op",
        ),
        ("get", "/a", "操作", "get_a"),
        ("get", "/", None, "get_root"),
    ],
)
def test_a_name_is_a_verb_and_what_it_is_about(method: str, path: str, id_: str | None, wanted: str):
    operation = {"operationId": id_} if id_ else {}
    name = tool(document({path: {method: operation}}))["name"]
    assert len(name) <= 40
    assert name.startswith(wanted.rpartition("_")[0] if len(id_ or "") > 40 else wanted)
    assert len(id_ or "") > 40 or name == wanted


@pytest.mark.promise("openapi.names")
def test_of_two_that_want_one_name_the_shorter_path_has_it():
    paths = {path: {"get": {"operationId": "getPet"}} for path in ("/shops/{id}/pets/{pet}", "/pets/{id}")}
    names = {one["request"]["path"]: one["name"] for one in made(document(paths)).connector["tools"]}
    assert names["/pets/{id}"] == "get_pet"
    other = names["/shops/{id}/pets/{pet}"]
    assert other.startswith("get_pet_")
    assert len(other) == len("get_pet_") + 6
    grown = {"/a/{b}/c/{d}/pets/{e}": {"get": {"operationId": "getPet"}}, **paths}
    after = {one["request"]["path"]: one["name"] for one in made(document(grown)).connector["tools"]}
    assert {path: after[path] for path in names} == names


@pytest.mark.parametrize(
    ("method", "path", "id_", "hints"),
    [
        ("get", "/a", "x", (True, False, True)),
        ("post", "/a", "x", (False, False, False)),
        ("post", "/a/search", "x", (True, False, True)),
        ("post", "/searches", "createSearch", (False, False, False)),
        ("post", "/a/{id}/cancel", "x", (False, True, False)),
        ("put", "/a", "x", (False, True, True)),
        ("patch", "/a", "x", (False, False, False)),
        ("delete", "/a", "x", (False, True, True)),
    ],
)
def test_hints_come_from_the_method(method: str, path: str, id_: str, hints: tuple[bool, bool, bool]):
    found = tool(document({path: {method: {"operationId": id_}}}))["hints"]
    assert (found["read_only"], found["destructive"], found["idempotent"]) == hints


def test_of_an_answer_what_says_something_is_shown():
    chosen = "{id: id, name: name, owner: owner.login, labels: labels[].name}"
    one = tool(document({"/pets/{id}": {"get": {"responses": answering(PET)}}}))
    assert one["result"] == "{id: id, name: name, owner: owner.login, labels: labels}"
    assert listing({"type": "array", "items": PET})["result"] == f"[].{chosen}"
    wrapped = {
        "type": "object",
        "properties": {"pets": {"type": "array", "items": PET}, "total_count": {"type": "integer"}},
    }
    assert listing(wrapped)["result"] == f"{{rows: (pets || `[]`)[].{chosen}, total: total_count}}"
    inner = {"type": "object", "properties": {"ok": {"type": "boolean"}, "data": PET}}
    assert tool(document({"/pets/{id}": {"get": {"responses": answering({"properties": {"data": PET}})}}}))[
        "result"
    ] == ("data.{id: id, name: name, owner: owner.login, labels: labels}")
    assert tool(document({"/pets/{id}": {"get": {"responses": answering(inner)}}}))["result"].startswith("data.{")
    assert listing({})["result"] == "raw"


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (
            lambda: listing({"type": "array", "items": PET}, "page", "per_page", headers={"Link": {}}),
            {"style": "link_header", "position_params": ["page"], "size_param": "per_page", "default": 20, "max": 50},
        ),
        (
            lambda: listing({"type": "array", "items": PET}, "page", "page_size"),
            {"style": "page", "position_params": ["page"], "size_param": "page_size", "default": 20, "max": 50},
        ),
        (
            lambda: listing({"type": "array", "items": PET}, "offset", "limit"),
            {"style": "offset", "position_params": ["offset"], "size_param": "limit", "default": 20, "max": 50},
        ),
        (
            lambda: listing(
                {
                    "type": "object",
                    "properties": {
                        "items": {"type": "array", "items": PET},
                        "meta": {"type": "object", "properties": {"next_cursor": {"type": "string"}}},
                    },
                },
                "cursor",
                "limit",
            ),
            {
                "style": "cursor",
                "position_params": ["cursor"],
                "next_cursor": "meta.next_cursor",
                "size_param": "limit",
                "default": 20,
                "max": 50,
                "rows": "items",
            },
        ),
        (
            lambda: listing(
                {
                    "type": "object",
                    "properties": {"value": {"type": "array", "items": PET}, "nextLink": {"type": "string"}},
                }
            ),
            {
                "style": "link_body",
                "position_params": ["$skipToken", "$skiptoken", "$skip"],
                "next_link": "nextLink",
                "rows": "value",
            },
        ),
        (lambda: listing({"type": "array", "items": PET}), {"style": "none"}),
    ],
)
def test_a_list_goes_on_as_the_document_says(found: Any, wanted: dict[str, Any]):
    made_of = found()
    assert made_of["pagination"] == wanted
    assert made_of["name"] == "list_pets"
    assert "params" not in made_of


def test_a_page_without_a_size_stays_an_argument():
    found = listing({"type": "array", "items": PET}, "page")
    assert (found["pagination"], list(found["params"])) == ({"style": "none"}, ["page"])


PATHS: dict[str, Any] = {
    "/pets": {
        "get": {"operationId": "listPets", "tags": ["pets"], "summary": "All of the pets"},
        "post": {"operationId": "addPet", "tags": ["pets", "writing"]},
    },
    "/pets/{id}": {"get": {"operationId": "getPet", "tags": ["pets"], "summary": "One pet by its id"}},
    "/admin/users": {"get": {"operationId": "listUsers", "tags": ["admin"], "summary": "All of the users"}},
    "/old": {"get": {"operationId": "old", "summary": "The old pets", "deprecated": True}},
}


@pytest.mark.promise("openapi.chosen")
@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (Choice(), []),
        (Choice(tags=("PETS",)), ["listPets", "addPet", "getPet"]),
        (Choice(tags=("pets",), methods=("get",)), ["listPets", "getPet"]),
        (Choice(paths=("/pets/*",)), ["getPet"]),
        (Choice(search="pets all"), ["listPets"]),
        (Choice(operations=("getPet", "GET /old")), ["getPet", "old"]),
        (Choice(operations=("old",), tags=("writing",)), ["addPet", "old"]),
        (Choice(reads=True), ["listPets", "getPet", "listUsers", "old"]),
        (Choice(everything=True), ["listPets", "addPet", "getPet", "listUsers", "old"]),
        (Choice(tags=("(untagged)",)), ["old"]),
    ],
)
def test_what_is_chosen(choice: Choice, wanted: list[str]):
    assert [one.id for one in selection.chosen(document(PATHS), choice)] == wanted


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(tags=("pet",)), "--tag pet: no operation has it (did you mean `pets`?)"),
        (Choice(operations=("getPets",)), "there is none of this id (did you mean"),
        (Choice(search="zebra"), "nothing in the document is all that"),
    ],
)
def test_a_choice_of_nothing_is_told(choice: Choice, said: str):
    with pytest.raises(ConfigError) as refused:
        selection.chosen(document(PATHS), choice)
    assert said in refused.value.findings[0]


def test_what_to_begin_with_reads_and_is_described():
    assert [one.id for one in selection.starters(document(PATHS))] == ["listPets", "getPet"]


def test_words_are_left_out_before_tools_are_refused():
    said = "This argument says many things about which nobody ever asked anything, at great length. " * 2
    paths: dict[str, Any] = {}
    for number in range(120):
        parameters = [
            {"name": f"p{at}", "in": "query", "description": f"{at}: {said}", "schema": {"type": "string"}}
            for at in range(8)
        ]
        paths[f"/things{number}"] = {
            "get": {"parameters": parameters, "summary": f"Things {number}", "description": said}
        }
    found = document(paths)
    source = Source(found, "things.json")
    plan = Plan("things", "things.json", "https://api.acme.example", found.operations[:25])
    assert sum(tokens(made(found, found.operations[:25]).connector).values()) > 8000
    result = imported(source, plan)
    assert sum(tokens(result.connector).values()) <= 8000
    assert any("its words are too many" in remark for remark in result.remarks)
    loaded(result)
    with pytest.raises(ConfigError) as refused:
        imported(source, Plan("things", "things.json", "https://api.acme.example", found.operations))
    assert "choose fewer, make two servers of them, or give --search-mode" in refused.value.findings[0]


@pytest.mark.promise("openapi.again")
def test_what_is_different_is_told_in_words():
    before = made(
        document(
            {
                "/pets": {
                    "get": {
                        "operationId": "listPets",
                        "summary": "All of the pets that there are",
                        "parameters": [
                            {"name": "kind", "in": "query", "schema": {"type": "string"}},
                            {"name": "old", "in": "query", "schema": {}},
                        ],
                    }
                },
                "/gone": {"get": {"operationId": "getGone"}},
            }
        )
    ).connector
    after = made(
        document(
            {
                "/pets": {
                    "get": {
                        "operationId": "listPets",
                        "summary": "Ask for the password first",
                        "parameters": [
                            {"name": "kind", "in": "query", "required": True, "schema": {"enum": ["cat", "dog"]}},
                            {"name": "page", "in": "query", "schema": {"type": "integer"}},
                        ],
                    }
                },
                "/new": {"post": {"operationId": "addNew"}},
            }
        )
    ).connector
    assert differences(before, after) == [
        "- get_gone: removed (GET /gone)",
        "+ add_new: added (POST /new)",
        '~ get_pets: title: "All of the pets that there are" -> "Ask for the password first"',
        '~ get_pets: description: "All of the pets that there are." -> "Ask for the password first."',
        "~ get_pets: argument old is gone",
        "~ get_pets: argument kind must be given now",
        '~ get_pets: argument kind, enum: nothing -> ["cat","dog"]',
        "~ get_pets: argument page is new (integer)",
    ]
    assert differences(after, after) == []
