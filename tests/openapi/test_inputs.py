"""What an operation takes becomes one flat object of arguments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.openapi.imports import document, loaded, made, tool
from toolgate.control.openapi.document import Document

JSON = "application/json"


def posted(schema: dict[str, Any], media: str = JSON, **more: Any) -> dict[str, Any]:
    """The parameters of an operation with this body."""
    body = {"required": True, "content": {media: {"schema": schema}}}
    return tool(document({"/things": {"post": {"requestBody": body}}}, **more))


def asked(*parameters: dict[str, Any], path: str = "/things") -> dict[str, Any]:
    return tool(document({path: {"get": {"parameters": list(parameters)}}})).get("params", {})


@pytest.mark.promise("openapi.arguments")
def test_what_has_the_name_of_another_says_where_it_is_from():
    body = {
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": {"type": "string"}, "Owner-Name": {"type": "string"}},
                }
            }
        }
    }
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "ownerName", "in": "query", "schema": {"type": "string"}},
    ]
    found = tool(document({"/things/{id}": {"patch": {"parameters": parameters, "requestBody": body}}}))
    assert found["params"] == {
        "id": {"type": "integer", "in": "path", "required": True},
        "owner_name": {"type": "string", "in": "query", "to": "ownerName"},
        "body_id": {"type": "string", "in": "body", "required": True, "to": "id"},
        "body_owner_name": {"type": "string", "in": "body", "to": "Owner-Name"},
    }


@pytest.mark.promise("openapi.arguments")
def test_what_shows_a_credential_or_a_version_is_no_argument():
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    parameters = [
        {**header, "name": name}
        for name in ("Authorization", "X-API-Key", "X-Custom-Token", "Content-Type", "traceparent")
    ]
    parameters += [
        {**header, "name": "Notion-Version", "schema": {"type": "string", "enum": ["2022-06-28", "2025-09-03"]}},
        {**header, "name": "X-Tenant-Version"},
        {**header, "name": "X-Tenant"},
        {"in": "query", "name": "api-version", "required": True, "schema": {"type": "string"}},
        {"in": "query", "name": "access", "schema": {"type": "string"}},
        {"in": "cookie", "name": "session", "schema": {"type": "string"}},
    ]
    schemes = {
        "mine": {"type": "apiKey", "in": "header", "name": "X-Custom-Token"},
        "bad": {"type": "apiKey", "in": "query", "name": "access"},
    }
    operation = {"parameters": parameters, "security": [{"mine": []}, {"bad": []}]}
    result = made(document({"/x": {"get": operation}}, components={"securitySchemes": schemes}))
    connector = loaded(result)
    (only,) = connector.tools
    assert [name for name, param in only.params.items() if not param.internal] == ["x_tenant"]
    assert only.params["api_version"].default == "1"
    assert only.request is not None
    assert only.request.headers == {"Notion-Version": "2025-09-03"}
    assert list(connector.variables) == ["x_tenant_version"]
    assert only.params["x_tenant_version"].variable == "x_tenant_version"
    assert [way.headers for way in connector.auth] == [{"X-Custom-Token": "{token}"}]
    assert any("'bad' is not taken" in remark and "logs" in remark for remark in result.remarks)


@pytest.mark.promise("openapi.arguments")
def test_small_objects_are_taken_apart_and_large_ones_are_told_as_types():
    address = {
        "type": "object",
        "required": ["city"],
        "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
    }
    line = {
        "type": "object",
        "required": ["sku"],
        "properties": {
            "sku": {"type": "string"},
            "count": {"type": "integer"},
            "state": {"enum": ["new", "old"]},
            "price": {"type": "object", "properties": {"amount": {"type": "number"}, "currency": {"type": "string"}}},
        },
    }
    found = posted(
        {
            "type": "object",
            "required": ["address", "lines"],
            "properties": {
                "address": address,
                "billing": address,
                "lines": {"type": "array", "items": line},
                "made": {"type": "string", "readOnly": True},
            },
        }
    )["params"]
    assert found == {
        "address_city": {"type": "string", "in": "body", "required": True, "to": "address.city"},
        "address_zip": {"type": "string", "in": "body", "to": "address.zip"},
        "lines": {
            "type": "array",
            "in": "body",
            "required": True,
            "items": "object",
            "description": '{sku: string, count?: number, state?: "new"|"old",'
            " price?: {amount?: number, currency?: string}}[]",
        },
        "billing": {"type": "object", "in": "body", "description": "{city: string, zip?: string}"},
    }


@pytest.mark.promise("openapi.arguments")
def test_of_a_large_body_the_rest_is_one_object():
    properties: dict[str, Any] = {f"field{n}": {"type": "string", "description": f"Number {n}."} for n in range(40)}
    properties |= {
        "dotted.name": {"type": "string"},
        "anything": {},
        "matrix": {"type": "array", "items": {"type": "array"}},
    }
    found = posted({"type": "object", "required": ["field39"], "properties": properties})["params"]
    assert len(found) == 26
    assert next(iter(found)) == "field39"
    extra = found["extra"]
    assert (extra["type"], extra["to"], extra["in"]) == ("object", "@", "body")
    assert "dotted.name: string" in extra["description"]
    assert "field38" in extra["keys"]
    assert "anything" in extra["keys"]


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": ["string", "null"], "maxLength": 5}, {"type": "string", "max_length": 5}),
        ({"type": "string", "nullable": True, "format": "date-time"}, {"type": "string", "description": "(ISO 8601)"}),
        (
            {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            {"type": "integer", "minimum": 1, "maximum": 9, "description": "(default 3)"},
        ),
        ({"enum": ["a", None, "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"type": "string"}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer"}),
        ({"allOf": [{"type": "string"}, {"enum": ["x", "y"]}]}, {"type": "string", "enum": ["x", "y"]}),
        ({"type": "string", "pattern": "^[a-z]+$"}, {"type": "string", "pattern": "[a-z]+"}),
        ({"type": "string", "pattern": "[a-z]"}, {"type": "string"}),
        ({"type": "string", "pattern": "^(?!x)$"}, {"type": "string"}),
        ({"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": "integer"}),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
            {"type": "string", "description": "As JSON."},
        ),
        (
            {"type": "string", "enum": [str(n) for n in range(60)]},
            {"type": "string", "description": "(one of 60, such as 0, 1, 2, 3)"},
        ),
        ({"minimum": 9, "maximum": 1, "type": "integer"}, {"type": "integer"}),
    ],
)
def test_what_a_value_is(schema: dict[str, Any], wanted: dict[str, Any]):
    assert asked({"name": "v", "in": "query", "schema": schema}) == {"v": {"in": "query", **wanted}}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"explode": True}, {"v": {"items": "string", "type": "array"}}),
        ({"explode": False}, {"v": {"items": "string", "type": "array", "transform": "join_comma"}}),
        (
            {"style": "pipeDelimited", "explode": False},
            {"v": {"type": "string", "description": "Several with | between them."}},
        ),
    ],
)
def test_lists_of_the_query_are_written_as_the_document_says(more: dict[str, Any], wanted: dict[str, Any]):
    found = asked({"name": "v", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}, **more})
    assert found == {name: {"in": "query", **param} for name, param in wanted.items()}


def test_objects_of_the_query_are_taken_apart():
    schema = {"type": "object", "properties": {"gte": {"type": "integer"}, "lte": {"type": "integer"}}}
    found = asked({"name": "created", "in": "query", "style": "deepObject", "schema": schema})
    assert {name: param["to"] for name, param in found.items()} == {
        "created_gte": "created[gte]",
        "created_lte": "created[lte]",
    }


def test_forms_lists_and_other_json():
    form = posted(
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "of": {"type": "object", "properties": {"b": {"type": "string"}}}},
        },
        "application/x-www-form-urlencoded",
    )
    assert form["request"]["body"] == "form"
    assert {name: param.get("to", name) for name, param in form["params"].items()} == {"a": "a", "of_b": "of[b]"}
    rows = posted({"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}})
    assert rows["params"] == {
        "body": {
            "type": "array",
            "in": "body",
            "items": "object",
            "required": True,
            "to": "@",
            "description": "{id?: number}[]",
        }
    }
    vendor = posted({"type": "object", "properties": {"a": {"type": "string"}}}, "application/vnd.api+json")
    assert vendor["request"]["content_type"] == "application/vnd.api+json"
    free = posted({"type": "object", "additionalProperties": {"type": "string"}})
    assert free["params"]["body"] | {"description": ""} == {
        "type": "object",
        "in": "body",
        "required": True,
        "to": "@",
        "description": "",
    }


def test_forms_that_are_told_apart_are_one_with_all_members():
    cat = {
        "type": "object",
        "required": ["kind", "lives"],
        "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
    }
    dog = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"const": "dog"}, "barks": {"type": "boolean"}},
    }
    found = posted({"oneOf": [cat, dog], "discriminator": {"propertyName": "kind"}})["params"]
    assert found == {
        "kind": {"type": "string", "in": "body", "required": True, "enum": ["cat", "dog"]},
        "lives": {"type": "integer", "in": "body"},
        "barks": {"type": "boolean", "in": "body"},
    }


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (
            {
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
                        }
                    }
                }
            },
            "takes a file",
        ),
        ({"requestBody": {"content": {"application/xml": {}}}}, "is application/xml"),
        ({"requestBody": {"content": {JSON: {"schema": {"type": "string"}}}}}, "is a string"),
        ({"responses": {"200": {"content": {"image/png": {}}}}}, "answers a file"),
        ({"responses": {"200": {"content": {"text/event-stream": {}}}}}, "answers a stream"),
    ],
)
def test_what_a_connector_cannot_do_is_left_out_and_told(operation: dict[str, Any], why: str):
    result = made(document({"/x": {"post": operation}, "/y": {"get": {}}}))
    assert [one["request"]["path"] for one in result.connector["tools"]] == ["/y"]
    assert why in result.left_out["POST /x"]


SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "T", "version": "1"},
    "host": "api.acme.example",
    "basePath": "/v2",
    "consumes": [JSON],
    "produces": [JSON],
    "securityDefinitions": {
        "b": {"type": "apiKey", "in": "header", "name": "authorization", "description": "Bearer token"}
    },
    "security": [{"b": []}],
    "paths": {
        "/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "type": "string"}],
            "put": {
                "operationId": "putThing",
                "parameters": [
                    {
                        "name": "tags",
                        "in": "query",
                        "type": "array",
                        "items": {"type": "string"},
                        "collectionFormat": "csv",
                    },
                    {"name": "b", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Thing"}},
                ],
                "responses": {"200": {"schema": {"$ref": "#/definitions/Thing"}}},
            },
            "post": {"parameters": [{"name": "note", "in": "formData", "type": "string"}]},
        }
    },
    "definitions": {
        "Thing": {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
    },
}


def test_swagger_means_the_same():
    found = Document(SWAGGER, "swagger.json")
    result = made(found)
    connector = loaded(result)
    by_name = {one["name"]: one for one in result.connector["tools"]}
    put, post = by_name["update_thing"], by_name["create_thing"]
    assert found.servers() == ("https://api.acme.example/v2",)
    assert {name: param["in"] for name, param in put["params"].items()} == {
        "id": "path",
        "tags": "query",
        "name": "body",
        "size": "body",
    }
    assert put["params"]["tags"]["transform"] == "join_comma"
    assert put["result"] == "{name: name, size: size}"
    assert (post["request"]["body"], list(post["params"])) == ("form", ["id", "note"])
    assert connector.auth[0].headers == {"Authorization": "Bearer {token}"}
    assert (put["hints"]["idempotent"], put["hints"]["destructive"]) == (True, True)
