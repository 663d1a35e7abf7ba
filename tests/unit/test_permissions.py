"""Permissions: the tables are whole, and a decision follows from holdings and nothing else."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from toolgate.rules.lifecycle import TRANSITIONS
from toolgate.rules.permissions import (
    MEMBER,
    ORGANISATION,
    PERMISSIONS,
    ROLES,
    SELF,
    TEAM_OWNER,
    Holding,
    explain,
    may,
    roles_with,
)

SCOPES = (ORGANISATION, "team:a", "team:b", "server:s")

holdings = st.lists(
    st.builds(
        Holding,
        st.frozensets(st.sampled_from(sorted(PERMISSIONS)), max_size=4),
        st.sampled_from(SCOPES),
        st.just("a role"),
        st.sampled_from([None, 50.0, 150.0]),
    ),
    max_size=5,
)


def test_every_permission_is_somebodys_and_every_role_names_real_ones():
    assert set(ROLES) == {"owner", "admin", "approver", "publisher", "auditor", "member"}
    for permissions in (*ROLES.values(), MEMBER, TEAM_OWNER, SELF):
        assert permissions <= PERMISSIONS.keys()
    assert ROLES["owner"] == PERMISSIONS.keys()
    assert ROLES["admin"] < ROLES["owner"]
    assert "server:publish" not in TEAM_OWNER | MEMBER
    assert not any(name.endswith((":write", ":host", ":rotate", ":make")) for name in ROLES["auditor"])
    assert roles_with("server:publish") == ("publisher", "admin", "owner")


@given(holdings, st.sampled_from([*sorted(PERMISSIONS), "no:such"]), st.lists(st.sampled_from(SCOPES), max_size=3))
def test_a_decision_is_a_plain_reading_of_the_holdings(held: list[Holding], permission: str, scopes: list[str]):
    now = 100.0
    expected = permission in PERMISSIONS and any(
        permission in one.permissions and one.scope in scopes and (one.expires is None or one.expires > now)
        for one in held
    )
    assert may(held, permission, scopes, now) is expected
    told = explain(held, permission, scopes, now)
    assert told.allowed is expected
    assert told.because


def test_an_explanation_says_what_decided_or_what_is_missing():
    bound = Holding(ROLES["publisher"], "team:a", "role publisher of user:ann (binding b)", 50.0)
    scopes = (ORGANISATION, "team:a")
    assert explain([bound], "server:publish", scopes, 1.0).because == (
        "role publisher of user:ann (binding b) gives server:publish in team:a"
    )
    assert "has expired" in explain([bound], "server:publish", scopes, 50.0).because
    elsewhere = explain([bound], "server:publish", (ORGANISATION, "team:b"), 1.0).because
    assert "is missing in organisation or team:b; it is there in team:a" in elsewhere
    assert "no such permission" in explain([], "no:such", scopes, 1.0).because


def test_the_page_says_what_the_tables_say():
    page = (Path(__file__).resolve().parents[2] / "docs" / "explanation" / "administration.md").read_text(
        encoding="utf-8"
    )
    for permission, words in PERMISSIONS.items():
        roles = ", ".join(role for role in ROLES if permission in ROLES[role])
        assert f"| `{permission}` | {words} | {roles} |" in page
    for (before, after), permission in TRANSITIONS.items():
        assert f"| {before.value} | {after.value} | `{permission}` |" in page
    assert page.count("\n| `") == len(PERMISSIONS)
    assert page.count("` |\n") == len(TRANSITIONS)
