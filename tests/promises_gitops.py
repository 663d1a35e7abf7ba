"""Promises of records that are declared as a whole, in files; a part of `tests.promises.PROMISES`."""

GITOPS: dict[str, tuple[str, str]] = {
    "gitops.own-fields": (
        "docs/how-to/gitops.md",
        "Of a record with a label, the fields that its files declare are changed there; the others are anybody's.",
    ),
    "gitops.drift": (
        "docs/how-to/gitops.md",
        "A declared field that somebody else changed is shown as drift, with who changed it.",
    ),
    "gitops.cycles": (
        "docs/how-to/gitops.md",
        "Records of one declaration may refer to each other whichever way; a team above itself is refused.",
    ),
    "gitops.adopt": (
        "docs/how-to/gitops.md",
        "With --adopt, what others made gets the label, and the declared fields are taken over: nothing else changes.",
    ),
    "gitops.no-holding-up": (
        "docs/how-to/gitops.md",
        "A plan waits for no writer and holds none up; many records are refused of those who could write none.",
    ),
    "gitops.commands": (
        "docs/how-to/gitops.md",
        "plan, apply and export work on a running gateway: 2 says changes, a refusal names file, line and field, and a"
        " stale plan is refused.",
    ),
    "config.people": (
        "docs/reference/configuration.md",
        "A file may declare people, services, roles, bindings and groups: what it created goes when it leaves the file,"
        " and what it declares is changed nowhere else.",
    ),
}
