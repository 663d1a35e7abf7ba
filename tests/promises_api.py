"""Promises of the REST API; a part of `tests.promises.PROMISES`."""

API: dict[str, tuple[str, str]] = {
    "api.calls": (
        "docs/reference/api.md",
        "Records of every caller are for observers and for holders of audit:read; refusals are problems as elsewhere.",
    ),
    "api.reads-told": (
        "docs/explanation/records.md",
        "Who reads the audit, or the records of other callers, is named in the log, whatever its level.",
    ),
    "api.taken-names": (
        "docs/explanation/administration.md",
        "Of a record that may not be read, who makes one of its name hears that the name is taken, and nothing else.",
    ),
    "start.light-file-alone": (
        "docs/reference/configuration.md",
        "A gateway without records (`--state none`, `stdio`) loads no database library.",
    ),
    "api.holding": (
        "docs/reference/api.md",
        "What is sent to the API holds nobody up, however large; of many things that are wrong the first are told.",
    ),
    "api.networks": (
        "docs/explanation/security.md",
        "A key that is for certain networks is refused at the API from others, as at the MCP endpoints.",
    ),
}
