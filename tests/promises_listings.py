"""Promises of the registry API, of import from registries, and of bundles; a part of `tests.promises.PROMISES`."""

LISTINGS: dict[str, tuple[str, str]] = {
    "listings.key": (
        "docs/how-to/private-registry.md",
        "Without a key the registry API shows nothing, unless a setting names what it shows to everybody.",
    ),
    "listings.seen": (
        "docs/how-to/private-registry.md",
        "A key lists the servers and virtual servers in service that it may see and be used at, and no others.",
    ),
    "listings.unseen": (
        "docs/how-to/private-registry.md",
        "What somebody may not see is answered by the registry API exactly as what is not there.",
    ),
    "listings.shape": (
        "docs/how-to/private-registry.md",
        "Answers have the shapes of registry API v0.1 and server.json, and lead to the gateway's own endpoints.",
    ),
    "listings.pages": (
        "docs/how-to/private-registry.md",
        "Web pages of any origin may read the registry API with a key, and never by where they are opened.",
    ),
    "listings.public": (
        "docs/how-to/private-registry.md",
        "What the setting `registry_public` names is shown to everybody; a bad key is refused all the same.",
    ),
}
