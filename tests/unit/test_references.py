"""References to secrets, and secrets that stand where they must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules import plaintext, references
from toolgate.rules.references import Reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("env:TOKEN", Reference("env", "TOKEN")),
        ("file:/run/secrets/token", Reference("file", "/run/secrets/token")),
        ("file:C:\\secrets\\token", Reference("file", "C:\\secrets\\token")),
        ("file:with a space", Reference("file", "with a space")),
        ("Bearer env:TOKEN", Reference("env", "TOKEN", "Bearer")),
        ("Basic  file:pair", Reference("file", "pair", "Basic")),
        ("environment:TOKEN", None),
        ("a literal with env:TOKEN in it", None),
        ("https://env:x", None),
        ("", None),
    ],
)
def test_what_a_text_is(text: str, expected: Reference | None):
    assert references.find(text) == expected


@pytest.mark.parametrize("text", ["env:", "env:1X", "env:A B", "env:A-B", "env:A\n", "file:", "file:a\0b"])
def test_malformed_references_are_told(text: str):
    reference = references.find(text)
    assert reference is not None
    assert references.flaw(reference)


def test_render_puts_the_secret_in_its_place():
    assert references.render("Bearer env:T", {"env:T": "abc"}.__getitem__) == "Bearer abc"
    assert references.render("env:T", {"env:T": "abc"}.__getitem__) == "abc"
    assert references.render("plain", {}.__getitem__) == "plain"


@given(st.text())
def test_rendering_a_literal_changes_nothing(text: str):
    if references.find(text) is None:
        assert references.render(text, {}.__getitem__) == text
    else:
        assert str(references.find(text)).endswith(references.render(text, lambda reference: reference))


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "X-Api-Key",
        "Ocp-Apim-Subscription-Key",
        "GITHUB_TOKEN",
        "apiKey",
        "DB_PASSWORD",
        "password",
        "client_secret",
        "AWS_SECRET_ACCESS_KEY",
        "GITLAB_PAT",
        "privateKey",
        "GOOGLE_CREDENTIALS",
    ],
)
def test_names_of_secrets(name: str):
    assert plaintext.is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "Accept-Language",
        "token_url",
        "X-Tenant",
        "KEYBOARD",
        "PATH",
        "MODE",
        "monkey",
        "author",
        "TOKENIZER",
        "secret_file",
        "compat",
    ],
)
def test_names_of_other_things(name: str):
    assert not plaintext.is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "flawed"),
    [
        ("https://user:pass@host/mcp", True),
        ("postgres://user@host/db", True),
        ("see https://host/mcp?api_key=1 there", True),
        ("https://host/mcp?access_token=x", True),
        ("https://[::1/", True),
        ("https://host/mcp?page=2&token=", False),
        ("https://host/@scope/mcp", False),
        ("mail me@host", False),
    ],
)
def test_urls_with_secrets(text: str, flawed: bool):
    flaw = plaintext.url_flaw(text)
    assert (flaw is not None) is flawed
    assert flaw is None or "pass" not in flaw.replace("password", "")


def test_shapes_of_well_known_tokens():
    assert plaintext.has_secret_shape("--token=" + "ghp_" + "a1" * 18)
    assert plaintext.has_secret_shape("Bearer " + "eyJ" + "a" * 20 + "." + "b" * 20 + ".c")
    assert not plaintext.has_secret_shape("ask-a-question-about-something-else-entirely")
