"""Authenticators: not mine, mine and good, mine and bad."""

from pathlib import Path
from typing import Any

import pytest

from toolgate.identity import api_key
from toolgate.model.errors import ConfigError, Unauthenticated
from toolgate.model.identity import NO_CREDENTIAL, Credential, Principal
from toolgate.model.snapshot import Snapshot
from toolgate.ports import Toolbox
from toolgate.rules import keys

PEPPER = bytes(range(keys.PEPPER_BYTES))
KEY = keys.mint(bytes(range(keys.ENTROPY_BYTES)))
UNKNOWN = keys.mint(bytes(keys.ENTROPY_BYTES))
CHANGED = KEY[:-1] + "x"
NOW = 1_000_000.0


class Clock:
    """Stands still."""

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return NOW


def toolbox() -> Toolbox:
    absent: Any = None
    return Toolbox(http=absent, secrets=absent, clock=Clock(), data=Path("/"))


def snapshot(expires: float | None = None) -> Snapshot:
    principal = Principal("key:alice", "alice", expires=expires)
    return Snapshot(1, {}, {keys.digest(PEPPER, KEY.encode()): principal}, {}, {})


async def identify(credential: Credential, known: Snapshot) -> Principal | None:
    async with api_key.open(api_key.Config(PEPPER), toolbox()) as authenticator:
        return await authenticator.identify(known, credential)


def bearer(text: str | bytes) -> Credential:
    return Credential("bearer", text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "credential", [NO_CREDENTIAL, bearer("eyJhbGciOi.a.b"), bearer(""), bearer("tg"), Credential("basic", KEY.encode())]
)
async def test_what_is_not_a_toolgate_key_is_left_to_others(credential: Credential):
    assert await identify(credential, snapshot()) is None


@pytest.mark.parametrize("expires", [None, NOW + 1])
async def test_a_known_key_is_its_holder(expires: float | None):
    found = await identify(bearer(KEY), snapshot(expires))
    assert found is not None
    assert found.id == "key:alice"


@pytest.mark.promise("keys.refusals")
@pytest.mark.parametrize(
    ("secret", "expires", "reason"),
    [
        (UNKNOWN.encode(), None, "not known here"),
        (KEY.encode(), NOW, "has expired"),
        (CHANGED.encode(), None, "checksum"),
        (KEY.encode()[:30], None, "cut or mistyped"),
        (KEY.encode() + b"\xff", None, "cut or mistyped"),
        (KEY.encode() * 100, None, "too long"),
        (KEY.encode() + b" ", None, "cut or mistyped"),
    ],
    ids=["unknown", "expired", "one character wrong", "cut", "not ascii", "too long", "with a space"],
)
async def test_a_bad_key_is_refused_with_a_reason_that_does_not_repeat_it(
    secret: bytes, expires: float | None, reason: str
):
    with pytest.raises(Unauthenticated, match=reason) as caught:
        await identify(bearer(secret), snapshot(expires))
    assert caught.value.presented
    assert secret.decode("ascii", "replace")[11:30] not in caught.value.message


@pytest.mark.promise("keys.digest")
async def test_a_key_of_another_installation_is_unknown():
    other_pepper = bytes(keys.PEPPER_BYTES)
    other = Snapshot(1, {}, {keys.digest(other_pepper, KEY.encode()): Principal("key:a", "a")}, {}, {})
    with pytest.raises(Unauthenticated, match="not known here"):
        await identify(bearer(KEY), other)


async def test_a_pepper_of_the_wrong_length_never_opens():
    with pytest.raises(ConfigError, match="must have 32 bytes"):
        async with api_key.open(api_key.Config(b"short"), toolbox()):
            pass
    assert "short" not in repr(api_key.Config(b"short"))
