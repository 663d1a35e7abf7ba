"""What a key may do in the control plane: what its owner may, and what the teams that it is in itself give it."""

from collections.abc import Iterable

from toolgate.model.entities import Key
from toolgate.rules import permissions
from toolgate.rules.directory import Directory
from toolgate.rules.permissions import Holding


def without_owner(directory: Directory, teams: Iterable[str]) -> tuple[Holding, ...]:
    """What being in teams gives a key, whoever owns it."""
    found: list[Holding] = []
    for team in sorted({above for named in teams for above in directory.above(named)}):
        found.append(Holding(permissions.MEMBER, f"team:{team}", f"being in team {team}"))
        found.extend(
            Holding(
                directory.permissions_of(binding.role),
                binding.scope,
                f"role {binding.role} of {binding.subject} (binding {binding.name})",
                binding.expires,
            )
            for binding in directory.bindings_of(f"team:{team}", ())
        )
    return tuple(found)


def holdings_of_key(directory: Directory, key: Key) -> tuple[Holding, ...]:
    """Without its owner's own name. A revoked or narrowed key is judged by `narrowness`, not here."""
    owned = () if key.owner is None else directory.holdings_of(key.owner)
    return (*owned, *without_owner(directory, key.teams))


def capped(holdings: tuple[Holding, ...], expires: float | None) -> tuple[Holding, ...]:
    """The same for no longer than the key that they are held by."""
    if expires is None:
        return holdings
    ends = ((one, expires if one.expires is None else min(one.expires, expires)) for one in holdings)
    return tuple(Holding(one.permissions, one.scope, one.source, end) for one, end in ends)


def narrowness(directory: Directory, key: Key, now: float) -> str:
    """Why this key has no rights in the control plane at all; empty when it has those of its owner.

    A key that is narrowed to certain endpoints or tools is for calling them: whoever made it did not hand out the right
    to change what the whole installation does.
    """
    if key.revoked:
        return "this key is revoked"
    if key.expires is not None and now >= key.expires:
        return "this key has expired"
    if key.owner is not None and not directory.is_active(key.owner):
        return f"{key.owner}, who owns this key, is not known or is deactivated"
    if "*" not in key.audiences or "*" not in key.tools:
        return "this key is narrowed to certain endpoints or tools, and so may call those only"
    return ""
