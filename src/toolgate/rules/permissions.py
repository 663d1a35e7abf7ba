"""Who may do what in the control plane: permissions, built-in roles and scopes as tables, and one pure decision.

This is the right to change policy, never an exemption from it: nothing here lets anybody see or call a tool.

A holding is a set of permissions in one scope. A record is in several scopes at once: the organisation, the teams that
own it (with the teams above them), the server it is, and the person or program it belongs to. A permission is there
when some holding has it in one of these scopes. No holding means no permission.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

ORGANISATION = "organisation"
"""The scope that everything is in."""

PERMISSIONS: Mapping[str, str] = {
    "server:read": "see servers and virtual servers with their settings, also drafts",
    "server:write": "register drafts of servers and virtual servers, change drafts, and describe any",
    "server:publish": "make drafts live, and change what is live",
    "server:operate": "pause, drain, resume and retire",
    "server:host": "define servers that run programs, read files or take variables of the gateway's own machine",
    "team:read": "see teams and their members",
    "team:write": "make, change and remove teams, and change their members",
    "user:read": "see people",
    "user:write": "add, change, deactivate and remove people",
    "service:read": "see service accounts",
    "service:write": "make, change, deactivate and remove service accounts",
    "role:read": "see roles",
    "role:write": "make, change and remove custom roles",
    "binding:read": "see who has which role",
    "binding:write": "give and take roles",
    "group:read": "see how external groups map to teams",
    "group:write": "map external groups to teams",
    "grant:read": "see who may call what",
    "grant:write": "allow and deny calls",
    "key:read": "see keys, never their secret",
    "key:write": "make, change, rotate and revoke keys",
    "secret:read": "see that secrets exist, never their value",
    "secret:write": "set and remove secrets",
    "secret:use": "let servers use secrets",
    "secret:rotate": "seal all secrets anew under another data key",
    "approval:decide": "decide what waits for approval",
    "audit:read": "read the audit, and every caller's records",
}
"""Every permission: `area:verb` -> what it is the right to do. What has no use case has none: settings and backups are
for whoever has the machine. Nothing waits for approval yet; `approval:decide` is there because the role approver, which
is given to people beforehand, is made of it."""

_READ = frozenset(name for name in PERMISSIONS if name.endswith(":read"))
_OWNER_ONLY = frozenset({"secret:rotate"})
_CATALOGUE = frozenset({"server:read", "team:read", "service:read", "grant:read"})

ROLES: Mapping[str, frozenset[str]] = {
    "owner": frozenset(PERMISSIONS),
    "admin": frozenset(PERMISSIONS) - _OWNER_ONLY,
    "approver": _CATALOGUE | {"user:read", "approval:decide"},
    "publisher": _CATALOGUE | {"server:write", "server:publish", "server:operate"},
    "auditor": _READ,
    "member": _CATALOGUE | {"server:write", "secret:read", "secret:use"},
}
"""The built-in roles. They are no records: nobody can change them or take their names."""

MEMBER = ROLES["member"]
"""What the members of a team have in that team's scope, without a binding."""

TEAM_OWNER = MEMBER | {"team:write", "service:write", "key:read", "key:write", "secret:write"}
"""What the owners of a team have in that team's scope, without a binding. What is served, and to whom, is for others to
decide."""

SELF = frozenset({"user:read", "service:read", "key:read", "key:write", "grant:read", "binding:read"})
"""What everybody has in the scope that is their own name: to see themselves, and to keep keys of their own."""


class Holding(msgspec.Struct, frozen=True):
    """Permissions in a scope. `source` says in words where they come from; `expires` is Unix time in seconds, from
    which it is none."""

    permissions: frozenset[str]
    scope: str
    source: str
    expires: float | None = None


class Decision(msgspec.Struct, frozen=True):
    """`because` names the holding that decided, or what is missing."""

    allowed: bool
    because: str


def may(holdings: Iterable[Holding], permission: str, scopes: Iterable[str], now: float) -> bool:
    """Whether a holding that is in force has the permission in one of the scopes."""
    return _found(holdings, permission, frozenset(scopes), now) is not None


def explain(holdings: Sequence[Holding], permission: str, scopes: Sequence[str], now: float) -> Decision:
    """The same decision with its reason. `scopes` are ordered from the widest to the narrowest."""
    holding = _found(holdings, permission, frozenset(scopes), now)
    if holding is not None:
        return Decision(True, f"{holding.source} gives {permission} in {holding.scope}")
    lapsed = next((one for one in holdings if permission in one.permissions and one.scope in scopes), None)
    if lapsed is not None:
        return Decision(False, f"{lapsed.source} gave {permission} in {lapsed.scope} and has expired")
    elsewhere = sorted({one.scope for one in holdings if permission in one.permissions})
    reason = f"{permission} ({PERMISSIONS.get(permission, 'no such permission')}) is missing in {' or '.join(scopes)}"
    return Decision(False, f"{reason}; it is there in {', '.join(elsewhere)}" if elsewhere else reason)


def _found(holdings: Iterable[Holding], permission: str, scopes: frozenset[str], now: float) -> Holding | None:
    if permission not in PERMISSIONS:
        return None
    for holding in holdings:
        in_force = holding.expires is None or now < holding.expires
        if in_force and holding.scope in scopes and permission in holding.permissions:
            return holding
    return None


def roles_with(permission: str) -> tuple[str, ...]:
    """The built-in roles that include a permission, the smallest first: what to ask for."""
    named = [(len(permissions), name) for name, permissions in ROLES.items() if permission in permissions]
    return tuple(name for _, name in sorted(named))
