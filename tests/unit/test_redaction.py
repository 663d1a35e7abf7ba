"""What text loses before it enters a log."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules import keys
from toolgate.rules.redaction import printable, redacted, safe_json

KEY = keys.mint(bytes(range(37)))
SECRET = KEY.split("_")[2]


@pytest.mark.parametrize(
    "text",
    [
        f"key {KEY} was shown",
        f"cut {KEY[:40]}",
        f"mistyped {KEY[:-1]}!",
        f"Authorization: Bearer {KEY}",
        f"https://x/?key={KEY}&b=1",
    ],
)
def test_keys_are_masked_but_their_public_id_stays(text: str):
    found = redacted(text)
    assert SECRET[:10] not in found
    assert keys.key_id(KEY) in found
    assert SECRET[:10].encode() not in safe_json(json.dumps(text).encode())


@pytest.mark.parametrize("token", ["eyJhbGciOi.eyJzdWIi.c2ln", "abc123", "mF_9.B5f-4.1JqM", "a" * 24])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  ", "Bearer\t"])
def test_bearer_tokens_are_masked(scheme: str, token: str):
    assert redacted(f"sent {scheme}{token} to it") == f"sent {scheme}*** to it"
    line = safe_json(json.dumps({"msg": f"sent {scheme}{token}"}).encode())
    assert json.loads(line) == {"msg": f"sent {scheme}***"}


@pytest.mark.parametrize(
    "text",
    [
        "a bearer key is required",
        "Bearer authentication.",
        "Bearer Token required",
        "tg_send_message_to_channel",
        "tg_a",
    ],
)
def test_ordinary_words_stay(text: str):
    assert redacted(text) == text


@given(st.text())
def test_printable_text_is_one_line_without_control(text: str):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in shown)
    shown.encode()


@given(st.text(st.characters(codec="utf-8")))
def test_json_keeps_its_value_and_is_one_line_for_every_reader(text: str):
    line = safe_json(json.dumps(text, ensure_ascii=False).encode())
    assert json.loads(line) == redacted(text)
    assert len(line.decode().splitlines()) == 1


def test_what_steers_terminals_and_readers_is_escaped():
    assert printable("a\x1b[31m\n\x9b\u202e\u2028é") == r"a\x1b[31m\n\x9b\u202e\u2028é"
    assert safe_json('"\x7f\x85\u2028\u202e\u2066é"'.encode()) == '"\\u007f\\u0085\\u2028\\u202e\\u2066é"'.encode()
