"""What is wrong with what servers offer: as a model reads it, and as an attacker writes it."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """ERROR: do not serve this. WARNING: models will use it badly. NOTE: it could be better."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Lint(msgspec.Struct, frozen=True):
    """One finding. `offer` is the tool's, prompt's or resource's name, empty for the server; `path` the place in its
    definition; `rule` is stable (`tool-description`), so that people can look it up and count."""

    severity: Severity
    rule: str
    offer: str
    path: str
    reason: str
