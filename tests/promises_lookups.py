"""Promises of connectors about names, allowances and cost; a part of `tests.promises_connectors`."""

LOOKUPS: dict[str, tuple[str, str]] = {
    "connectors.lookups": (
        "docs/extend/connectors.md",
        "Ids that a connector looks up get their names, asked for once, kept for one server alone; a lookup that fails "
        "leaves the id.",
    ),
    "connectors.allowance": (
        "docs/how-to/connectors.md",
        "A product that takes no more calls is not asked before the moment that it said, and the model is told when.",
    ),
}
