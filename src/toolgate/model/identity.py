"""Who calls, what they showed, and what we show an upstream."""

import msgspec


class Credential(msgspec.Struct, frozen=True, gc=False):
    """What a caller showed: `scheme` is `bearer` or `none`. The secret never appears in a repr."""

    scheme: str
    secret: bytes = b""

    def __repr__(self) -> str:
        return f"Credential({self.scheme!r}, ***)"


NO_CREDENTIAL = Credential("none")


class Principal(msgspec.Struct, frozen=True, gc=False):
    """Who calls. `id` is stable (`key:NAME`); `subjects` are all names that a grant may use for it (itself and its
    teams).

    `observer` may read the metrics and every caller's records; it gives no right to call anything. `expires` is Unix
    time in seconds, from which the credential is refused.
    """

    id: str
    name: str
    teams: tuple[str, ...] = ()
    observer: bool = False
    expires: float | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.id, *(f"team:{team}" for team in self.teams))


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What we show an upstream: `scope` names whose session it is (`all`, `team:x`, `key:y`); headers hold secrets."""

    scope: str
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Grant({self.scope!r}, {len(self.headers)} headers)"
