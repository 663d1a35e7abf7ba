"""Samples of requests as connectors: which arguments there are, and where the secrets went."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.control.endpoints import credentials, curl, making, typed
from toolgate.control.endpoints.making import Made
from toolgate.control.endpoints.samples import Sample, Wishes
from toolgate.model.errors import ConfigError
from toolgate.upstreams.connector import inline

API = "https://api.example.com"
SECRET = "made-up-0123456789-secret"


def made(text: str, **wishes: Any) -> Made:
    """Of a curl command, or of a method and a URL. It must be a connector."""
    sample = curl.parse(text) if text.startswith("curl") else typed.sample(text, ())
    found = making.made(sample, Wishes("it", **wishes))
    assert inline.flaws(found.definition) == (), found.definition
    return found


def tool(found: Made) -> dict[str, Any]:
    return found.definition["tools"][0]


def wrong(text: str, **wishes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        made(text, **wishes)
    return "\n".join(caught.value.findings)


@pytest.mark.promise("endpoints.typed")
def test_an_endpoint_in_three_flags():
    parameters = (typed.parameter("units=metric Metric or imperial"), typed.parameter("days:integer!"))
    found = made(f"GET {API}/v1/weather/{{cityName}}", about="The weather in a city.", parameters=parameters)
    assert found.definition["http"] == {
        "base_url": API,
        "allow_hosts": ["api.example.com"],
        "headers": {"Accept": "application/json"},
        "redirects": "same_origin",
    }
    assert tool(found) == {
        "name": "get_weather",
        "title": "Get weather",
        "description": "The weather in a city.",
        "hints": {"read_only": True},
        "request": {"method": "GET", "path": "/v1/weather/{city_name}"},
        "result": "raw",
        "params": {
            "city_name": {"type": "string", "in": "path", "required": True},
            "units": {"type": "string", "in": "query", "default": "metric", "description": "Metric or imperial"},
            "days": {"type": "integer", "in": "query", "required": True},
        },
    }
    assert found.found == ()
    text = made(f"curl {API}/report.csv -H 'Accept: text/csv'")
    assert (tool(text)["response"], text.definition["http"]["headers"]) == ("text", {"Accept": "text/csv"})


@pytest.mark.promise("endpoints.curl")
def test_a_pasted_command_that_writes():
    """What is written must be said anew each time; what is nested is flat; what stands in braces is an argument."""
    body = {"title": "Crash", "n": 3, "meta": {"who": {"id": "{assigneeId}"}, "tags": ["a"]}, "note": None, "on": True}
    found = made(f"curl '{API}/issues?notify=true' --json '{json.dumps(body)}' -H 'X-Version: 2'")
    assert tool(found)["request"] == {
        "method": "POST", "path": "/issues", "body": "json", "headers": {"X-Version": "2"},
    }  # fmt: skip
    assert tool(found)["hints"] == {"read_only": False, "destructive": False, "idempotent": False}
    assert tool(found)["params"] == {
        "notify": {"type": "boolean", "in": "query", "required": True, "description": "For example: true"},
        "title": {"type": "string", "in": "body", "required": True, "description": "For example: Crash"},
        "n": {"type": "integer", "in": "body", "required": True, "description": "For example: 3"},
        "assignee_id": {"type": "string", "in": "body", "to": "meta.who.id", "required": True},
        "meta_tags": {"type": "array", "items": "string", "in": "body", "to": "meta.tags", "required": True},
        "note": {"type": "string", "in": "body"},
        "on": {"type": "boolean", "in": "body", "required": True, "description": "For example: true"},
    }


@pytest.mark.promise("endpoints.curl")
def test_a_pasted_command_that_reads_can_be_repeated_as_it_is():
    found = made(f"curl -G '{API}/search' -d page=2 --data-urlencode 'q=is:open {{words}}' -d tag=x -d tag=y -d v=")
    assert tool(found)["params"] == {
        "page": {"type": "integer", "in": "query", "default": 2},
        "words": {"type": "string", "in": "query", "to": "q", "prefix": "is:open ", "required": True},
        "tag": {"type": "array", "items": "string", "in": "query"},
        "v": {"type": "string", "in": "query"},
    }


def test_a_body_that_is_a_list():
    found = made(f"curl -X DELETE {API}/items --json '[{{\"id\": 1}}]'")
    assert tool(found)["hints"] == {"read_only": False, "destructive": True, "idempotent": True}
    assert tool(found)["params"] == {
        "items": {"type": "array", "items": "object", "in": "body", "to": "@", "required": True}
    }


def test_names_that_collide_are_told_apart():
    words = [f"a-{'very-' * 6}long-name-{end}" for end in ("x", "X", "-x", "x-")]
    found = made(f"curl '{API}/{{id}}?id=1' --json '{json.dumps(dict.fromkeys(['id', *words], 'v'))}'")
    names = list(tool(found)["params"])
    assert names[:3] == ["id", "id_query", "id_body"]
    assert len(names) == 7


def test_what_is_fixed_is_not_the_models():
    text = f'curl {API}/chat --json \'{{"model": "small", "text": "hello"}}\''
    found = made(text, fixed=("model",), parameters=(typed.parameter("text What to say"),))
    assert tool(found)["params"] == {
        "model": {"type": "string", "in": "body", "internal": True, "default": "small"},
        "text": {"type": "string", "in": "body", "required": True, "description": "What to say"},
    }
    assert "--fixed modle: the request has no such value (did you mean `model`?)" in wrong(text, fixed=("modle",))


PERSONAL = "ghp_0123456789abcdefghij0123456789"


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SIGNED = [
    (f"-H 'Authorization: Bearer {SECRET}'", {"Authorization": "Bearer {token}"}, [("token", SECRET)]),
    (f"-H 'authorization: token={SECRET}'", {"authorization": "{token}"}, [("token", f"token={SECRET}")]),
    (f"-H 'Authorization: Token token=\"{SECRET}\"'", {"Authorization": 'Token token="{token}"'}, [("token", SECRET)]),
    (f"-H 'X-Api-Key: {SECRET}'", {"X-Api-Key": "{token}"}, [("token", SECRET)]),
    (
        f"-H 'DD-API-KEY: {SECRET}1' -H 'DD-APPLICATION-KEY: {SECRET}2'",
        {"DD-API-KEY": "{dd_api_key}", "DD-APPLICATION-KEY": "{dd_application_key}"},
        [("dd_api_key", f"{SECRET}1"), ("dd_application_key", f"{SECRET}2")],
    ),
    (
        f"-H 'X-Api-Key: {SECRET}1' -H 'Api-Key: {SECRET}2'",
        {"X-Api-Key": "{api_key}", "Api-Key": "{api_key_2}"},
        [("api_key", f"{SECRET}1"), ("api_key_2", f"{SECRET}2")],
    ),
    (f"-b 'session={SECRET}'", {"Cookie": "{token}"}, [("token", f"session={SECRET}")]),
    ('-H "Authorization: Bearer $API_TOKEN"', {"Authorization": "Bearer {token}"}, [("token", "env:API_TOKEN")]),
    ("-H 'X-Api-Key: store:mine'", {"X-Api-Key": "{token}"}, [("token", "store:mine")]),
    (f"-H 'X-Trace: {PERSONAL}'", {"X-Trace": "{token}"}, [("token", PERSONAL)]),
    (f"-u {SECRET}:", {"Authorization": "Basic {token}"}, [("token", basic(f"{SECRET}:"))]),
]  # fmt: skip


@pytest.mark.promise("endpoints.secrets")
@pytest.mark.parametrize(("options", "headers", "found"), SIGNED, ids=[options[:30] for options, _, _ in SIGNED])
def test_a_secret_leaves_a_template_behind(options: str, headers: dict[str, str], found: list[tuple[str, str]]):
    one = made(f"curl {API}/items {options}")
    assert one.definition["auth"][0]["headers"] == headers
    assert [(part.field, part.value) for part in one.found] == found
    assert all(part.secret for part in one.found)
    assert not any(part.value in json.dumps(one.definition) for part in one.found)
    assert not any(part.value in repr(one) for part in one.found)


@pytest.mark.promise("endpoints.secrets")
def test_what_documentation_has_in_the_place_of_a_secret_is_none():
    for value in ("YOUR_API_KEY", "<token>", "{token}", "sk-xxxxxxxx", "abc...", "API_KEY", "my-token", "[key]"):
        (one,) = made(f"curl {API}/items -H 'Authorization: Bearer {value}'").found
        assert one.is_placeholder, value
    for value in (SECRET, PERSONAL, "hunter2", "tokenizer-5", "key-0123"):
        (one,) = made(f"curl {API}/items -H 'Authorization: Bearer {value}'").found
        assert not one.is_placeholder, value


@pytest.mark.promise("endpoints.secrets")
@pytest.mark.parametrize("options", [f"-u me:{SECRET}", f"-H 'Authorization: Basic {basic(f'me:{SECRET}')}'"])
def test_a_user_and_a_password(options: str):
    one = made(f"curl {API}/items {options}")
    assert one.definition["auth"][0]["basic"] == ["user", "password"]
    assert [(part.field, part.value, part.secret) for part in one.found] == [
        ("user", "me", False),
        ("password", SECRET, True),
    ]
    assert SECRET not in json.dumps(one.definition)


@pytest.mark.promise("endpoints.secrets")
def test_a_secret_in_a_body_is_left_out():
    random = "A7f9kQ2mZx81LpW0vTn3"
    body = json.dumps({"password": SECRET, "code": random, "page_token": "abc", "sort_key": "name"})
    one = made(f"curl {API}/login --json '{body}'")
    assert tool(one)["params"]["password"] == {"type": "string", "in": "body", "required": True}
    assert tool(one)["params"]["code"] == {"type": "string", "in": "body", "required": True}
    assert tool(one)["params"]["sort_key"]["description"] == "For example: name"
    assert not any(secret in repr(one) + json.dumps(one.definition) for secret in (SECRET, random))
    assert any("password: its value may be a secret" in remark for remark in one.remarks)
    assert "it looks like a secret" in wrong(f"curl {API}/login --json '{body}'", fixed=("password",))


REFUSED = [
    (f"curl '{API}/x?api_key={SECRET}'", "its parameter api_key is a secret, and URLs stand in logs"),
    (f"curl '{API}/x?key=abc'", "its parameter key is a secret"),
    ("curl https://hooks.example.com/T0/aBcDeFgH1234iJkLmNoP5678", "a part of its path looks like a secret"),
    ("GET http://crm.example.com/x", "crm.example.com is asked over https; http is for this machine alone"),
    ("GET https://{host}/x", "the host must be said: an argument cannot choose it"),
    ("curl https://$HOST/x", "the host must be said"),
    ("HEAD https://x.example", "HEAD: the method must be one of GET, POST, PUT, PATCH, DELETE"),
    (f"curl -X GET {API} -d '{{}}'", "a GET has no body"),
    (f"curl {API} --json '1'", "a body that is neither object nor list"),
    (f"curl {API} --json '{{'", "the body is not JSON"),
    (f"curl {API} --json '{{\"a.b\": 1}}'", "a member of the body has a dot or a number as its name"),
    (f"curl {API} --json '{{\"a\": [[1]]}}'", "a: a list of lists"),
    (f"curl {API} -H 'Content-Type: text/xml' -d '<a/>'", "text/xml is not sent; only JSON and forms are"),
    (f"curl {API} -H 'Authorization: Bearer a' -u b:c", "Authorization: stands twice"),
    (f"curl {API} -H 'Proxy-Authorization: x'", "Proxy-Authorization: where the gateway dials"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), REFUSED, ids=[text[:60] for text, _ in REFUSED])
def test_what_cannot_be_taken(text: str, told: str):
    said = wrong(text)
    assert told in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("text", "told"),
    [("1x", "expected NAME"), ("n:integer=x", "'x' is no integer"), ("on:boolean=maybe", "'maybe' is no boolean")],
)
def test_what_is_wrong_with_a_parameter(text: str, told: str):
    with pytest.raises(ConfigError) as caught:
        making.made(Sample("GET", f"{API}/x"), Wishes("it", parameters=(typed.parameter(text),)))
    assert told in caught.value.findings[0]


def test_an_address_of_ones_own_is_private():
    urls = (API, "http://localhost:80", "https://10.0.0.1", "http://[::1]:8")
    assert [made(f"GET {url}/x").private for url in urls] == [False, True, True, True]


@pytest.mark.promise("endpoints.secrets")
@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", min_size=8, max_size=60))
def test_whatever_the_secret_is_it_is_nowhere_but_with_the_secrets(secret: str):
    sample = Sample("GET", f"{API}/x", (("Authorization", f"Bearer {secret}"), ("X-Api-Key", secret)))
    one = making.made(sample, Wishes("it"))
    assert {part.value for part in one.found} == {secret}
    assert secret not in json.dumps({**one.definition, "tools": [], "http": {}})
    assert all(credentials.is_secret_header(name) for name in ("Authorization", "X-Api-Key", "private-token", "cookie"))
