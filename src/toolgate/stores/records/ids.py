"""Ids of records: a prefix, and 128 bits of which the first 48 are the time, so that they sort by age."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing to misread
_DIGITS = 26
_RANDOM_BITS = 80


def new_id(prefix: str, now: int) -> str:
    """`now` is in microseconds."""
    number = (now // 1000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return f"{prefix}_" + "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_DIGITS)))
