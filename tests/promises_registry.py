"""Promises of the registry and its use cases; a part of `tests.promises.PROMISES`."""

REGISTRY: dict[str, tuple[str, str]] = {
    "control.bootstrap": (
        "docs/explanation/administration.md",
        "The bootstrap key administers everything, and is no exemption from any grant.",
    ),
    "control.invisible-is-not-there": (
        "docs/explanation/administration.md",
        "What somebody may not read is answered exactly as what does not exist.",
    ),
    "control.conflict": (
        "docs/explanation/administration.md",
        "Of two who edit the same record, the second gets the record as it is now.",
    ),
    "control.managed": (
        "docs/explanation/administration.md",
        "What a file or another source manages is changed there only.",
    ),
    "control.references": (
        "docs/explanation/administration.md",
        "What is still referred to cannot be removed, and the refusal names who refers to it.",
    ),
    "control.audit": (
        "docs/explanation/administration.md",
        "Every change is in the audit with who made it; reading it needs a permission of its own.",
    ),
    "control.rights-now": (
        "docs/explanation/administration.md",
        "A right that was taken, or has ended, is gone with the next request.",
    ),
    "control.no-rise": (
        "docs/explanation/administration.md",
        "Nobody gives or gains a permission that the one who makes the change has not, and has as long.",
    ),
    "control.own-machine": (
        "docs/explanation/administration.md",
        "Programs, files and variables of the gateway's machine need a permission of their own.",
    ),
    "control.publishing": (
        "docs/explanation/administration.md",
        "A member registers drafts; what is served is published, and changed, by those who may publish.",
    ),
    "control.states": (
        "docs/explanation/administration.md",
        "Servers go from state to state as the table says, and out of service whatever else is wrong.",
    ),
    "control.findings": (
        "docs/explanation/administration.md",
        "A refused write names every field that is wrong and why, and changes nothing.",
    ),
    "control.conditions": (
        "docs/explanation/administration.md",
        "A condition that cannot match the tool's schema is refused when it is saved.",
    ),
    "control.keys-once": (
        "docs/explanation/administration.md",
        "A key is shown once, by the call that made it, and kept as a digest.",
    ),
    "vault.sealed": (
        "docs/explanation/administration.md",
        "A stored secret is sealed, bound to its name and version, and given back by no use case.",
    ),
    "vault.rotation": ("docs/explanation/administration.md", "Rotation seals every secret anew in one transaction."),
    "gathered.file-and-records": (
        "docs/explanation/administration.md",
        "A name that the file and the records both have is an error that names both.",
    ),
    "gathered.served": (
        "docs/explanation/administration.md",
        "Only what is live or draining is served; a revoked key, or one of a deactivated owner, is none.",
    ),
    "lint.poisoning": (
        "docs/explanation/administration.md",
        "Hidden characters, and words meant to steer the model, are found in every text.",
    ),
}
