"""Stored secrets and keys: sealed, bound, rotated, shown once or never."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.control.company import LOCAL, Company, by, key
from toolgate.control.keys import Keys
from toolgate.control.sealing import unseal
from toolgate.control.vault import MOST_BYTES, Rotated, StoredSecrets, Vault
from toolgate.credentials.references import References
from toolgate.model.entities import Binding, Key, Secret
from toolgate.model.errors import ConfigError, Conflict, NotAllowed, NotFound, Refused
from toolgate.rules import keys
from toolgate.rules.key_ring import KeyRing, parse, render
from toolgate.stores import key_ring

VALUE = "made-up-value-of-a-secret"
ONE, TWO = ("one", b"1" * 32), ("two", b"2" * 32)


def secret(name: str, **more: Any) -> Secret:
    return Secret(name=name, sealed="", key_id="", **more)


class Held:
    """The ring in force."""

    def __init__(self, *held: tuple[str, bytes]) -> None:
        self.ring = KeyRing(held)

    def __call__(self) -> KeyRing:
        return self.ring


async def _stored(acme: Company, name: str) -> Secret:
    _, records = await acme.store.load()
    return next(record for record in records if isinstance(record, Secret) and record.name == name)


def _files(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(data.glob("records.db*")))


@pytest.mark.promise("vault.sealed")
async def test_a_secret_is_sealed_and_given_back_by_no_use_case(acme: Company, tmp_path: Path):
    vault = Vault(acme.administration, Held(ONE), os.urandom)
    made = await vault.create(by("admin"), secret("token", owner="red"), VALUE)
    shown = await acme.administration.get(LOCAL, Secret, "token")
    listed = (await acme.administration.list(LOCAL, Secret))[0][0]
    assert made.sealed == shown.sealed == listed.sealed == ""
    assert made.key_id == "one"
    stored = await _stored(acme, "token")
    assert unseal(KeyRing((ONE,)), stored) == VALUE
    assert stored.sealed.encode() in _files(tmp_path)
    assert VALUE.encode() not in _files(tmp_path)
    audit = msgspec.json.encode(await acme.administration.audit(LOCAL, limit=1000))
    assert VALUE.encode() not in audit
    assert stored.sealed.encode() not in audit


@pytest.mark.promise("vault.sealed")
async def test_what_is_sealed_serves_nowhere_else(acme: Company):
    ring = KeyRing((ONE,))
    vault = Vault(acme.administration, Held(ONE), os.urandom)
    await vault.create(LOCAL, secret("token"), VALUE)
    old = await _stored(acme, "token")
    await vault.replace(LOCAL, secret("token"), "another", expected=1)
    new = await _stored(acme, "token")
    assert unseal(ring, new) == "another"
    replace = msgspec.structs.replace
    for moved in (replace(old, name="other"), replace(new, sealed=old.sealed), replace(old, sealed="AAAA")):
        with pytest.raises(ConfigError) as refused:
            unseal(ring, moved)
        assert VALUE not in str(refused.value)
    with pytest.raises(ConfigError, match="data key one, which is missing"):
        unseal(KeyRing((TWO,)), new)
    with pytest.raises(ConfigError):
        unseal(KeyRing((("one", TWO[1]),)), new)


async def test_the_value_stays_when_only_its_description_changes(acme: Company):
    vault = Vault(acme.administration, Held(ONE), os.urandom)
    await vault.create(LOCAL, secret("token", owner="red"), VALUE)
    changed = await vault.replace(by("otto"), secret("token", owner="red", description="Of the CRM."), None, expected=1)
    assert (changed.description, changed.stamp.version) == ("Of the CRM.", 2)
    assert unseal(KeyRing((ONE,)), await _stored(acme, "token")) == VALUE
    with pytest.raises(Conflict):
        await vault.replace(by("otto"), secret("token", owner="red"), None, expected=1)
    with pytest.raises(NotAllowed):
        await vault.replace(by("ann"), secret("token", owner="red"), None, expected=2)
    with pytest.raises(NotFound):
        await vault.replace(by("bea"), secret("token", owner="red"), None, expected=2)
    with pytest.raises(NotFound):
        await vault.replace(LOCAL, secret("no-such"), None, expected=1)


@pytest.mark.parametrize("value", ["", "a\0b", "x" * (MOST_BYTES + 1), "\ud800"])
async def test_what_is_no_secret_is_refused_without_being_repeated(acme: Company, value: str):
    vault = Vault(acme.administration, Held(ONE), os.urandom)
    with pytest.raises(Refused) as refused:
        await vault.create(LOCAL, secret("token"), value)
    assert [path for path, _ in refused.value.findings] == ["value"]
    assert len(str(refused.value)) < 100


@pytest.mark.promise("vault.rotation")
async def test_rotation_seals_all_anew_or_nothing(acme: Company):
    held = Held(ONE)
    vault = Vault(acme.administration, held, os.urandom)
    for number in range(5):
        await vault.create(LOCAL, secret(f"s{number}"), f"{VALUE}{number}")
    held.ring = held.ring.before(*TWO)
    with pytest.raises(NotAllowed) as refused:
        await vault.rotate(by("admin"))
    assert refused.value.permission == "secret:rotate"
    assert await vault.rotate(by("boss")) == Rotated("two", 5)
    assert await vault.rotate(by("boss")) == Rotated("two", 0)
    held.ring = held.ring.only(frozenset({"two"}))
    for number in range(5):
        assert unseal(held.ring, await _stored(acme, f"s{number}")) == f"{VALUE}{number}"
    held.ring = KeyRing((ONE,))
    before = await acme.seq()
    with pytest.raises(ConfigError, match="data key two, which is missing"):
        await vault.rotate(by("boss"))
    assert await acme.seq() == before


@pytest.mark.promise("vault.sealed")
async def test_references_to_the_store_are_resolved_beside_the_others(acme: Company, tmp_path: Path):
    vault = Vault(acme.administration, Held(ONE), os.urandom)
    await vault.create(LOCAL, secret("token"), VALUE)
    others = References({"GIVEN": "from-environment"}, tmp_path)
    secrets = StoredSecrets(others, Held(ONE))
    assert secrets.resolve("env:GIVEN") == "from-environment"
    with pytest.raises(ConfigError, match="store:token is not in the store"):
        secrets.resolve("store:token")
    secrets.hold([await _stored(acme, "token")])
    assert secrets.resolve("store:token") == VALUE
    with pytest.raises(ConfigError, match="runs without one"):
        others.resolve("store:token")


@pytest.mark.promise("secrets.rotation-live")
async def test_what_was_sealed_anew_has_not_changed_and_is_open_all_the_while(acme: Company, tmp_path: Path):
    ring = partial(key_ring.load, tmp_path)
    vault = Vault(acme.administration, ring, os.urandom, key_ring.RingFile(tmp_path))
    for name in ("one", "other"):
        await vault.create(LOCAL, secret(name), VALUE)
    secrets = StoredSecrets(References({}, tmp_path), ring)
    assert secrets.hold([await _stored(acme, name) for name in ("one", "other")]) == {"one", "other"}
    await vault.rotate(by("boss"))
    assert secrets.resolve("store:one") == VALUE, "what is held is of before, and its key is in no file any more"
    await vault.replace(LOCAL, secret("one"), None, expected=2)
    assert secrets.hold([await _stored(acme, name) for name in ("one", "other")]) == frozenset()
    assert secrets.resolve("store:one") == VALUE
    await vault.replace(LOCAL, secret("one"), "another", expected=3)
    assert secrets.hold([await _stored(acme, "one")]) == {"one", "other"}


def test_the_ring_as_text():
    ring = KeyRing((ONE, TWO))
    assert parse(render(ring)) == parse(render(ring).replace("\n", ",").rstrip(",")) == ring
    assert repr(ring) == "KeyRing(one, two)"
    for wrong in ("", "one", "one:!!", "one:YQ==", render(ring) + render(ring), "ONE:" + render(ring)[4:48]):
        with pytest.raises(ValueError, match=r"key|ring"):
            parse(wrong)


def test_the_file_of_the_ring(tmp_path: Path):
    first = key_ring.load(tmp_path)
    assert key_ring.load(tmp_path) == first
    file = key_ring.RingFile(tmp_path)
    both = file.add()
    assert both.keys[1:] == first.keys
    assert both.current != first.current
    assert file.keep_only(frozenset()) == key_ring.load(tmp_path) == KeyRing((both.current,))
    path = tmp_path / key_ring.FILE
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        with pytest.raises(ConfigError, match="chmod 600"):
            key_ring.load(tmp_path)
        path.chmod(0o600)
    path.write_text("one:AAAA\n")
    with pytest.raises(ConfigError, match=r"has 3 bytes instead of 32"):
        key_ring.load(tmp_path)
    assert key_ring.load(tmp_path, render(KeyRing((ONE,)))) == KeyRing((ONE,))


PEPPER = b"p" * keys.PEPPER_BYTES


@pytest.mark.promise("control.keys-once")
async def test_a_key_is_shown_by_the_call_that_makes_it(acme: Company):
    use = Keys(acme.administration, PEPPER, os.urandom)
    minted = await use.mint(by("ann"), key("laptop", "user:ann"))
    assert keys.flaw(minted.clear) is None
    assert minted.clear not in repr(minted)
    assert minted.key.digest == keys.digest(PEPPER, minted.clear.encode()).hex()
    everything = msgspec.json.encode(
        [*(await acme.store.load())[1], *await acme.administration.audit(LOCAL, limit=1000)]
    )
    assert minted.clear.encode() not in everything
    assert [one.name for one in (await use.own(by("ann")))[0]] == ["ann", "laptop"]


@pytest.mark.promise("control.keys-once")
async def test_rotated_keys_are_others_and_revoked_ones_are_none(acme: Company):
    use = Keys(acme.administration, PEPPER, os.urandom)
    first = await use.mint(by("ann"), key("laptop", "user:ann"))
    second = await use.rotate(by("ann"), "laptop", expected=1)
    assert second.clear != first.clear
    assert second.key.digest == keys.digest(PEPPER, second.clear.encode()).hex()
    with pytest.raises(Conflict):
        await use.rotate(by("ann"), "laptop", expected=1)
    with pytest.raises(NotFound):
        await use.rotate(by("bea"), "laptop", expected=2)
    with pytest.raises(NotAllowed):
        await use.rotate(by("admin"), "boss", expected=1)
    assert (await use.revoke(by("admin"), "boss", expected=1)).revoked
    with pytest.raises(NotAllowed, match="revoked"):
        await acme.administration.audit(by("boss"))


async def test_a_key_can_be_revoked_whatever_else_is_wrong_with_it(acme: Company):
    known = await acme.administration.get(LOCAL, Key, "ann")
    async with acme.store.transaction("test") as transaction:
        await transaction.put(msgspec.structs.replace(known, teams=("gone",), networks=("nonsense",)), expected=1)
    use = Keys(acme.administration, PEPPER, os.urandom)
    with pytest.raises(Refused):
        await acme.administration.replace(
            LOCAL, msgspec.structs.replace(known, revoked=True, teams=("gone",)), expected=2
        )
    assert (await use.revoke(LOCAL, "ann", expected=2)).revoked
    assert await acme.administration.get(LOCAL, Binding, "b-admin")
