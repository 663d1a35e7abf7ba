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
    "registries.translated": (
        "docs/how-to/import-existing-servers.md",
        "A package of a registry is started by npx, uvx or docker in one version; what is secret is asked for by name.",
    ),
    "registries.narrow": (
        "docs/how-to/import-existing-servers.md",
        "An entry of a registry gets no variable, file or option of this machine that was not made for it.",
    ),
    "registries.asks": (
        "docs/how-to/import-existing-servers.md",
        "Nothing of a registry is started or written before somebody said yes to the whole command.",
    ),
    "registries.bounded": (
        "docs/how-to/import-existing-servers.md",
        "A registry that lies, is endless, or is none is refused in plain words.",
    ),
    "bundles.round-trip": (
        "docs/how-to/bundles.md",
        "A virtual server that is exported and imported elsewhere is served there as it was here.",
    ),
    "bundles.missing": (
        "docs/how-to/bundles.md",
        "A bundle holds no secret; each server that is missing is named with the step, and then nothing is made.",
    ),
    "bundles.seen": (
        "docs/how-to/bundles.md",
        "Nobody exports what they may not see, or learns by an import what is there.",
    ),
}
