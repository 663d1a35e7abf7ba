"""The protocol revisions (SPEC-DIGEST 1). Version strings are an enumerated set: they are never compared by order."""

MODERN = "2026-07-28"
MODERN_VERSIONS = (MODERN,)
LEGACY_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
LATEST_LEGACY = LEGACY_VERSIONS[0]
SERVED = (*MODERN_VERSIONS, *LEGACY_VERSIONS)

WITH_BATCHES = frozenset({"2025-03-26"})
"""Revisions in which a client may send an array of messages (SPEC-DIGEST 3)."""

WITH_URL_ELICITATION = frozenset({"2025-11-25"})
"""Handshake-era revisions that know error -32042 (SPEC-DIGEST 9.2)."""

WITHOUT_RESOURCE_LINKS = frozenset({"2024-11-05", "2025-03-26"})
WITHOUT_AUDIO = frozenset({"2024-11-05"})


def negotiate(requested: str) -> str:
    """The version to answer an `initialize` with: the one asked for, else our latest handshake version."""
    return requested if requested in LEGACY_VERSIONS else LATEST_LEGACY
