"""Keys: their shape, their checksum, their digest; and that nothing repeats one."""

import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules import keys

RANDOM = st.binary(min_size=keys.ENTROPY_BYTES, max_size=keys.ENTROPY_BYTES)
PEPPER = bytes(range(keys.PEPPER_BYTES))


@pytest.mark.promise("keys.shape")
@given(RANDOM)
def test_every_minted_key_has_the_promised_shape(randomness: bytes):
    key = keys.mint(randomness)
    assert re.fullmatch(r"tg_[0-9A-Za-z]{7}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", key)
    assert keys.flaw(key) is None
    assert key == f"tg_{keys.key_id(key)}_{key.split('_')[2]}_{key.split('_')[3]}"
    assert len(key) <= keys.LONGEST_KEY


@given(RANDOM, RANDOM)
def test_different_randomness_makes_different_keys(one: bytes, other: bytes):
    assert (keys.mint(one) == keys.mint(other)) is (one == other)


@given(RANDOM, st.integers(0, 60), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"))
def test_one_wrong_character_is_always_noticed(randomness: bytes, place: int, char: str):
    key = keys.mint(randomness)
    changed = key[:place] + char + key[place + 1 :]
    assert (keys.flaw(changed) is None) is (changed == key)


@given(RANDOM, st.integers(0, 60))
def test_a_cut_key_is_noticed_and_never_repeated(randomness: bytes, length: int):
    cut = keys.mint(randomness)[:length]
    reason = keys.flaw(cut)
    assert reason is not None
    assert length < 8 or cut not in reason
    with pytest.raises(ValueError, match="not a well-formed Toolgate key"):
        keys.key_id(cut)


@given(st.text())
def test_any_text_gets_an_answer(text: str):
    assert isinstance(keys.flaw(text), str)


@pytest.mark.parametrize("length", [0, keys.ENTROPY_BYTES - 1, keys.ENTROPY_BYTES + 1])
def test_too_little_randomness_is_refused(length: int):
    with pytest.raises(ValueError, match="random bytes"):
        keys.mint(bytes(length))


@pytest.mark.promise("keys.digest")
@given(st.binary(max_size=keys.LONGEST_KEY), st.binary(max_size=keys.LONGEST_KEY))
def test_digests_tell_keys_apart_and_depend_on_the_pepper(one: bytes, other: bytes):
    assert (keys.digest(PEPPER, one) == keys.digest(PEPPER, other)) is (one == other)
    assert keys.digest(PEPPER, one) != keys.digest(secrets.token_bytes(keys.PEPPER_BYTES), one)
    assert len(keys.digest(PEPPER, one)) == keys.DIGEST_BYTES


def test_the_format_stays_as_it_is():
    """Keys that people hold must stay valid, and digests in their files too."""
    key = keys.mint(bytes(range(keys.ENTROPY_BYTES)))
    assert key == "tg_0018wom_1Br7B1D3aZ7nQji35sJKX7wsuY0WOLGSmbPEcSR1MwO_04EviD"
    assert keys.digest(PEPPER, key.encode()).hex() == "f921c9b299773c6a6fbc787eadbe61dc7461a42042cb10d4ba237e254808d662"
