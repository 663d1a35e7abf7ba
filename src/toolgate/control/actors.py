"""Who acts in the control plane, and what it holds: read anew from the records for each request."""

from collections.abc import Iterable

import msgspec

from toolgate.model.declared import LOCAL_KEY
from toolgate.model.entities import Binding, Entity, Key
from toolgate.model.errors import NotAllowed
from toolgate.model.identity import Principal
from toolgate.rules import permissions
from toolgate.rules.directory import LOCAL_HOLDING, Directory, own_holding
from toolgate.rules.filed import find, is_filed
from toolgate.rules.keyholders import capped, holdings_of_key, narrowness, without_owner
from toolgate.rules.permissions import Holding, explain, may
from toolgate.rules.scopes import Need, of_scope, to_read

_MOST_GIVERS = 5
_DERIVED = frozenset({"team", "user", "service"})
"""Kinds of scopes that follow from what a record says, and so could tell of it."""


class Actor(msgspec.Struct, frozen=True):
    """`id` is the principal's; `subject` is the person or program that it acts for (`user:`, `service:`), itself where
    it acts for none. `expires` is when the key ends that it acts by, and `networks` from where that may be used;
    `powerless` says why it holds nothing, where that has a reason of its own."""

    id: str
    subject: str
    holdings: tuple[Holding, ...]
    now: float
    powerless: str = ""
    expires: float | None = None
    networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")

    def may(self, need: Need) -> bool:
        return may(self.holdings, need.permission, need.scopes, self.now)

    def may_somewhere(self, permission: str) -> bool:
        """Whether it holds the permission in any scope at all."""
        return any(self.may(Need(permission, (one.scope,))) for one in self.holdings)

    def may_read(self, directory: Directory, record: Entity) -> bool:
        return all(self.may(need) for need in to_read(directory, record))

    def require(self, directory: Directory, needs: Iterable[Need]) -> None:
        """Raises NotAllowed for the first need that is not met."""
        for need in needs:
            if not self.may(need):
                raise self.refusal(directory, need)

    def refusal(self, directory: Directory, need: Need, why: str = "") -> NotAllowed:
        """What says which permission is missing, where, and who could give it. Whose a record is that it may not see is
        not told."""
        scopes = tuple(scope for scope in need.scopes if self._may_know(directory, scope))
        reason = self.powerless or explain(self.holdings, need.permission, scopes, self.now).because
        givers = _givers(directory, scopes, self.now)
        roles = " or ".join(permissions.roles_with(need.permission))
        step = f"ask {', '.join(givers)} for the role {roles}" if givers else f"use the bootstrap key to give {roles}"
        return NotAllowed(
            f"{why}{self.id} may not do this: {reason}; {step}",
            permission=need.permission,
            scope=scopes[-1] if scopes else "",
            givers=givers,
        )

    def _may_know(self, directory: Directory, scope: str) -> bool:
        kind = scope.partition(":")[0]
        if kind not in _DERIVED or any(one.scope == scope for one in self.holdings):
            return True
        return self.may(Need(f"{kind}:read", of_scope(directory, scope)))


def actor_of(directory: Directory, principal: Principal, now: float) -> Actor:
    """Judged by the records; only for keys that a file declares, the principal itself says which teams it is in."""
    kind, _, name = principal.id.partition(":")
    if kind == "key" and name == LOCAL_KEY:
        return Actor(principal.id, principal.id, (LOCAL_HOLDING,), now)
    if kind == "key":
        return _keyholder(directory, principal, name, now)
    if not directory.is_active(principal.id):
        return Actor(principal.id, principal.id, (), now, "this account is not known, or is deactivated")
    own = own_holding(principal.id)
    return Actor(principal.id, principal.id, (own, *directory.holdings_of(principal.id)), now)


def _keyholder(directory: Directory, principal: Principal, name: str, now: float) -> Actor:
    key = find(directory, Key, name)
    if key is None or (is_filed(key) and key.owner is None):
        holdings = () if key is None else without_owner(directory, key.teams)
        return Actor(principal.id, principal.id, holdings, now, "" if holdings else "this key is in no team")
    subject = key.owner or principal.id
    reason = narrowness(directory, key, now)
    if reason:
        return Actor(principal.id, subject, (), now, reason)
    own = () if key.owner is None else (own_holding(key.owner),)
    holdings = capped((*own, *holdings_of_key(directory, key)), key.expires)
    return Actor(principal.id, subject, holdings, now, expires=key.expires, networks=key.networks)


def _givers(directory: Directory, scopes: tuple[str, ...], now: float) -> tuple[str, ...]:
    """Subjects that may give roles in one of the scopes, a few of them."""
    givers: dict[str, None] = {}
    for binding in directory.all(Binding).values():
        in_force = binding.expires is None or now < binding.expires
        if in_force and binding.scope in scopes and "binding:write" in directory.permissions_of(binding.role):
            givers[binding.subject] = None
    return tuple(sorted(givers)[:_MOST_GIVERS])
