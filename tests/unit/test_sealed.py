"""Sealed text opens for its own purpose and key only, and only to the letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.protocol.sealed import Seal

KEY = bytes(range(32))
SESSION, CURSOR = Seal(KEY, "session"), Seal(KEY, "cursor")


@given(st.binary(max_size=200))
def test_what_is_sealed_can_be_opened(plain: bytes):
    text = SESSION.seal(plain)
    assert SESSION.open(text) == plain
    assert Seal(KEY, "session").open(text) == plain, "also by another process with the same key"
    assert text.isascii()
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.promise("sealed.purposes")
@given(st.binary(max_size=200))
def test_purposes_and_keys_do_not_mix(plain: bytes):
    text = SESSION.seal(plain)
    assert CURSOR.open(text) is None
    assert Seal(bytes(32), "session").open(text) is None


@pytest.mark.promise("sealed.purposes")
@given(st.binary(max_size=40), st.data())
def test_no_bit_may_be_changed(plain: bytes, data: st.DataObject):
    text = SESSION.seal(plain).encode()
    bit = data.draw(st.integers(0, 8 * len(text) - 1))
    changed = bytearray(text)
    changed[bit // 8] ^= 1 << bit % 8
    assert SESSION.open(changed.decode("latin-1")) is None


@given(st.binary(max_size=40), st.data())
def test_no_character_may_be_replaced(plain: bytes, data: st.DataObject):
    """Also the last one, some of whose bits stand for nothing in base64."""
    text = SESSION.seal(plain)
    place = data.draw(st.sampled_from([len(text) - 1, *range(len(text))]))
    other = data.draw(st.characters().filter(lambda character: character != text[place]))
    assert SESSION.open(text[:place] + other + text[place + 1 :]) is None


@given(st.text(max_size=60))
def test_what_we_did_not_seal_is_nothing(text: str):
    assert SESSION.open(text) is None


@pytest.mark.parametrize("around", ["{}=", "{}==", " {}", "{}\n", "{}A", "{}AAAA"])
def test_nothing_may_stand_around_it(around: str):
    assert SESSION.open(around.format(SESSION.seal(b"x"))) is None


def test_the_same_is_never_sealed_alike_twice():
    assert len({SESSION.seal(b"x") for _ in range(50)}) == 50
