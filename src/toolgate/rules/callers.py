"""What is certain of whoever calls, for kinds of servers that bind values to the caller."""

from toolgate.model.identity import Principal


def certain(principal: Principal) -> dict[str, str | None]:
    """By `id`, `name`, `owner`, `user`, `team`, `cost_center`; None where it is not certain. Whoever may keep keys of
    their own chooses their names and what is accounted to them, and whoever owns a team the names of its programs: of a
    key that somebody owns, only the owner is certain."""
    owner = principal.owner
    user = owner.removeprefix("user:") if owner is not None and owner.startswith("user:") else None
    return {
        "id": principal.id,
        "name": principal.name if owner is None else user,
        "owner": owner,
        "user": user,
        "team": principal.teams[0] if len(principal.teams) == 1 else None,
        "cost_center": principal.cost_center if owner is None else None,
    }
