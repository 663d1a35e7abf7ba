"""Promises of an installation on PostgreSQL and of its faults; a part of `tests.promises.PROMISES`."""

REPLICAS: dict[str, tuple[str, str]] = {
    "replicas.one-installation": (
        "docs/how-to/postgresql.md",
        "Of several gateways on one PostgreSQL, a change at one acts at all others within a second.",
    ),
    "replicas.sessions": (
        "docs/how-to/postgresql.md",
        "A session begun at one gateway goes on at another that has the same secrets.",
    ),
    "faults.database": (
        "docs/how-to/postgresql.md",
        "While the database is away calls go on and the gateway stays ready; changes are refused (503) with the reason"
        " and what to do, and work again once it is back.",
    ),
    "faults.full-disk": (
        "docs/how-to/postgresql.md",
        "While the disk is full calls go on; changes are refused (503) with the reason and what to do, and work again"
        " once there is room.",
    ),
    "faults.killed": (
        "docs/explanation/records.md",
        "A gateway that is killed at any moment lost no change that it acknowledged, and left none half made.",
    ),
    "withheld.states": (
        "docs/explanation/administration.md",
        "A draining server answers and is not listed, a paused one says so, a retired one is not there; for whoever may"
        " use nothing of it, it never is.",
    ),
    "withheld.keys": (
        "docs/how-to/keys-and-grants.md",
        "A key lists and calls no more than its ceiling, its URLs and its time allow.",
    ),
}
