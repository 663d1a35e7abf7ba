"""Promises of records and their stores; a part of `tests.promises.PROMISES`."""

RECORDS: dict[str, tuple[str, str]] = {
    "records.kept": (
        "docs/decisions/0011-records-in-one-table.md",
        "Every kind of record comes back as it was written, from both databases.",
    ),
    "records.versions": (
        "docs/decisions/0011-records-in-one-table.md",
        "Whoever changes what they did not see gets a conflict, with the record as it is now.",
    ),
    "records.whole": (
        "docs/decisions/0011-records-in-one-table.md",
        "A transaction of records happens as a whole or not at all.",
    ),
    "records.audit": (
        "docs/decisions/0011-records-in-one-table.md",
        "Every change is in the audit, with its author and what was before, and without secrets.",
    ),
    "records.order": (
        "docs/decisions/0011-records-in-one-table.md",
        "Writers come one after another, and `seq` grows in the order in which they commit.",
    ),
    "records.told": (
        "docs/decisions/0011-records-in-one-table.md",
        "Who waits for a change is woken within a second, whichever process made it.",
    ),
    "records.outlive-kill": (
        "docs/decisions/0011-records-in-one-table.md",
        "Killed at any moment, no acknowledged write is lost and none is there by half.",
    ),
    "records.recover": (
        "docs/decisions/0011-records-in-one-table.md",
        "A full disk or a dead database refuses with a sentence that says so, and is used again when it is back.",
    ),
    "records.safe-file": (
        "docs/decisions/0011-records-in-one-table.md",
        "The file of records is for its owner, on a local disk, and takes no write when it was replaced.",
    ),
    "records.no-password": (
        "docs/decisions/0011-records-in-one-table.md",
        "The database's password is in no error, no log and no repr.",
    ),
    "records.one-each": (
        "docs/explanation/records.md",
        "Each request has exactly one record with the right outcome, also when cancelled, too late, or met by a bug.",
    ),
    "records.migrated": (
        "docs/decisions/0011-records-in-one-table.md",
        "Both databases are migrated from every revision to the same tables, all at once or not at all.",
    ),
    "records.newer": (
        "docs/decisions/0011-records-in-one-table.md",
        "What a newer version wrote is refused, and never read by half.",
    ),
    "records.copied": (
        "docs/decisions/0011-records-in-one-table.md",
        "A copy to another database is the same installation with all its records and changes, or nothing.",
    ),
    "records.backup": (
        "docs/decisions/0011-records-in-one-table.md",
        "A backup is one file for its owner, made while Toolgate runs, and is checked before it replaces anything.",
    ),
    "records.counted": (
        "docs/explanation/records.md",
        "A record that is lost is counted, and a sink that fails harms no other.",
    ),
}
