"""Promises of the control plane's commands and of its place in the gateway; a part of `tests.promises.PROMISES`."""

CONTROL: dict[str, tuple[str, str]] = {
    "company.journey": (
        "docs/how-to/a-company.md",
        "Team, person, key and grant are made on the command line of a fresh installation, and act on the next call.",
    ),
    "company.revoked": (
        "docs/how-to/a-company.md",
        "A right that is taken is gone within a second, from lists and calls, and nobody else's stream ends.",
    ),
    "company.server-add": (
        "docs/reference/cli.md",
        "A server is connected to before it is registered; one that cannot be reached is not made live.",
    ),
    "up.from-the-file-alone": (
        "docs/reference/configuration.md",
        "With `--state none`, no database is opened, and the file alone is served.",
    ),
    "backup.commands": (
        "docs/how-to/backup.md",
        "A backup made while the gateway runs is restored elsewhere, and serves what it held.",
    ),
    "gitops.fixed-point": (
        "docs/explanation/administration.md",
        "What was exported or applied, applied again, changes nothing.",
    ),
    "gitops.one-transaction": (
        "docs/explanation/administration.md",
        "A declaration is applied as a whole or not at all, and not when anything was changed since its plan.",
    ),
    "gitops.own-only": (
        "docs/explanation/administration.md",
        "A source changes and removes only what carries its label, and what carries it is changed nowhere else.",
    ),
}
