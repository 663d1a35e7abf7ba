"""Who calls, what they showed, and what we show an upstream."""

from ipaddress import IPv4Network, IPv6Network

import msgspec


class Credential(msgspec.Struct, frozen=True, gc=False):
    """What a caller showed: `scheme` is `bearer` or `none`. The secret never appears in a repr."""

    scheme: str
    secret: bytes = b""

    def __repr__(self) -> str:
        return f"Credential({self.scheme!r}, ***)"


NO_CREDENTIAL = Credential("none")


class Ceiling(msgspec.Struct, frozen=True, gc=False):
    """Where a credential may be used at all, whatever its holder may do: at these endpoints (`*` stands for all, the
    aggregate is the empty name), and from addresses in one of these networks. It only narrows, and what is empty allows
    nothing. A ceiling on tools is in the row already."""

    audiences: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]


class Principal(msgspec.Struct, frozen=True, gc=False):
    """Who calls. `id` is stable (`key:NAME`); `subjects` are all names that a grant may use for it: itself, its owner,
    teams and roles. `teams` are those of them that are teams, without `team:`.

    `observer` may read the metrics and every caller's records; it gives no right to call anything. `expires` is Unix
    time in seconds, from which the credential is refused. `ceiling` is None where it may be used everywhere.
    """

    id: str
    name: str
    teams: tuple[str, ...] = ()
    observer: bool = False
    expires: float | None = None
    subjects: tuple[str, ...] = ()
    owner: str | None = None
    cost_center: str | None = None
    ceiling: Ceiling | None = None


class Grant(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """What we show an upstream: `scope` names whose session it is (`all`, `team:x`, `key:y`); headers hold secrets."""

    scope: str
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Grant({self.scope!r}, {len(self.headers)} headers)"
