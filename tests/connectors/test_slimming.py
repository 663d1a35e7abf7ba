"""A document with what a connector asks for, and nothing else; and which operation a request is for."""

from __future__ import annotations

from typing import Any

from tests.connectors.slimming import operation, query_names, slimmed


def document(colour: str = "red") -> dict[str, Any]:
    things = {
        "get": {
            "parameters": [{"$ref": "#/components/parameters/page"}],
            "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}},
        },
        "post": {"responses": {}},
    }
    return {
        "openapi": "3.0.3",
        "security": [{"key": []}],
        "paths": {
            "/things/{thing_id}/": {"parameters": [{"name": "x", "in": "query"}], **things},
            "/things/{id}/files/{path}": {"get": {"responses": {}}},
            "/other": {"get": {"responses": {}}},
        },
        "components": {
            "parameters": {"page": {"name": "page", "in": "query"}},
            "schemas": {
                "Thing": {"properties": {"part": {"$ref": "#/components/schemas/Part"}}, "discriminator": {"x": "y"}},
                "Part": {"enum": [colour], "items": {"$ref": "#/components/schemas/Thing"}},
                "Unused": {"type": "string"},
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def test_only_what_is_asked_for_is_kept_with_all_that_it_needs():
    made, missing = slimmed([document()], [("GET", "/things/{id}"), ("PUT", "/things/{id}"), ("GET", "/else")])
    assert missing == {("PUT", "/things/{id}"), ("GET", "/else")}
    assert list(made["paths"]) == ["/things/{thing_id}/"]
    assert set(made["paths"]["/things/{thing_id}/"]) == {"parameters", "get"}
    assert made["components"]["schemas"] == {
        "Thing_0": {"properties": {"part": {"$ref": "#/components/schemas/Part_0"}}},
        "Part_0": {"enum": ["red"], "items": {"$ref": "#/components/schemas/Thing_0"}},
    }
    assert made["security"] == [{"key": []}]
    assert "key" in made["components"]["securitySchemes"]


def test_two_documents_may_use_one_name_for_different_things():
    second = document("blue")
    second["paths"] = {"/v2/things": second["paths"]["/things/{thing_id}/"]}
    made, missing = slimmed([document(), second], [("GET", "/things/{id}"), ("GET", "/v2/things")])
    assert not missing
    assert [made["components"]["schemas"][f"Part_{n}"]["enum"] for n in (0, 1)] == [["red"], ["blue"]]


def test_the_last_placeholder_may_stand_for_several_segments():
    made, missing = slimmed([document()], [("GET", "/things/{id}/files/heads/{start}")])
    assert not missing
    found = operation(made, "GET", "/things/7/files/a/b%20c.md")
    assert found is not None
    assert found[0] == "/things/7/files/a%2Fb%20c.md"


def test_a_request_finds_its_operation_and_the_parameters_that_it_may_have():
    found = operation(document(), "GET", "/things/7/")
    assert found is not None
    assert found[0] == "/things/7/"
    assert operation(document(), "GET", "/things/7") is not None
    assert sorted(query_names(document(), found[1])) == ["page", "x"]
    assert operation(document(), "DELETE", "/things/7") is None
    assert operation(document(), "GET", "/things") is None
