"""The table of methods against the official schemas: nothing is forgotten, and nothing is made up."""

import json
from typing import Any

import pytest

from tests.schemas import HERE, RESULTS
from toolgate.protocol import relay
from toolgate.protocol.methods import LOG_LEVELS, METHODS, Method, Way, severity
from toolgate.protocol.versions import LEGACY_VERSIONS, MODERN, SERVED

NOT_SERVED = {"tasks/get", "tasks/result", "tasks/cancel", "tasks/list"}
"""The experiment of 2025-11-25 that the next revision took back: neither declared nor served."""


def definitions(version: str) -> dict[str, Any]:
    schema = json.loads((HERE / f"{version}.json").read_text("utf-8"))
    return schema.get("$defs") or schema["definitions"]


def requests(version: str) -> dict[str, dict[str, Any]]:
    """Each request that a client may send, by method."""
    known = definitions(version)
    names = [reference["$ref"].split("/")[-1] for reference in known["ClientRequest"]["anyOf"]]
    return {known[name]["properties"]["method"]["const"]: known[name] for name in names}


def served(version: str) -> set[str]:
    return {method.name for method in METHODS.values() if (method.modern if version == MODERN else method.legacy)}


@pytest.mark.promise("methods.all")
@pytest.mark.parametrize("version", SERVED)
def test_every_request_is_in_the_table_or_knowingly_absent(version: str):
    assert set(requests(version)) - served(version) == (NOT_SERVED if version == "2025-11-25" else set())


@pytest.mark.parametrize("version", SERVED)
def test_nothing_is_in_the_table_that_is_in_no_schema(version: str):
    assert served(version) - set(requests(version)) == set()


def test_cache_hints_are_where_the_schema_requires_them():
    known = definitions(MODERN)

    def required(name: str) -> set[str]:
        return set(known[name].get("required", ()))

    modern = [method for method in METHODS.values() if method.modern]
    assert {m.name for m in modern if m.hints} == {m.name for m in modern if "ttlMs" in required(RESULTS[m.name])}


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_rows_are_consistent(method: Method):
    if method.way is Way.LIST:
        assert method.kind is not None
        assert method.safe
    if method.member is not None:
        for version in SERVED:
            known = definitions(version)
            params = requests(version)[method.name]["properties"]["params"]
            params = known[params["$ref"].split("/")[-1]] if "$ref" in params else params
            assert method.member in params["required"]
    if method.input_required:
        assert method.way is Way.TARGET
    assert method.modern or method.legacy


@pytest.mark.parametrize("version", SERVED)
def test_log_levels_are_those_of_the_schema(version: str):
    assert set(definitions(version)["LoggingLevel"]["enum"]) == set(LOG_LEVELS)


def test_severities_are_in_order_and_an_unknown_one_is_never_dropped():
    assert [severity(level) for level in LOG_LEVELS] == sorted(severity(level) for level in LOG_LEVELS)
    assert severity("unheard-of") > severity("emergency")


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_notifications_that_are_passed_on_are_in_the_schema(version: str):
    known = definitions(version)
    names = [reference["$ref"].split("/")[-1] for reference in known["ServerNotification"]["anyOf"]]
    methods = {known[name]["properties"]["method"]["const"] for name in names}
    assert {relay.PROGRESS, relay.MESSAGE, relay.RESOURCE_UPDATED, *relay.LISTS_CHANGED} <= methods
