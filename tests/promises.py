"""What Toolgate promises, as data: an id, who asks for it, and the promise itself in one sentence.

A test keeps a promise by naming it: `@pytest.mark.promise("house.floors")`. tests/house/test_promises.py fails when a
promise has no test, or when a test names a promise that is not here. An id is `area.what-holds`, in lower case.
"""

from typing import NamedTuple


class Promise(NamedTuple):
    """`source` is where the promise comes from: a section of the specification, an RFC, a page of docs/."""

    source: str
    text: str


PROMISES: dict[str, Promise] = {
    "house.floors": Promise(
        "docs/explanation/architecture.md", "A floor imports only floors below it; the inner floors know no framework."
    ),
    "house.small-pieces": Promise(
        "docs/explanation/architecture.md",
        "No file above 400 lines, no function above 50, no import inside a function, no vague module name.",
    ),
    "house.licences": Promise("README.md", "Nothing that is installed with Toolgate has a copyleft licence."),
    "house.clean-tree": Promise(
        "README.md", "The repository holds no secret, no machine's path, no registry's address."
    ),
    "house.pinned": Promise("pyproject.toml", "Every dependency, direct or not, is pinned to one version."),
    "platforms.import": Promise(
        "README.md", "Every module can be imported where fcntl, resource, pwd, grp, termios and uvloop do not exist."
    ),
    "start.light-help": Promise(
        "README.md", "`toolgate --help` and `--version` load the command line only: no server, no SDK, no cryptography."
    ),
    "start.light-bridge": Promise(
        "README.md", "`toolgate bridge` loads neither the command line's framework nor the server."
    ),
    "docs.run": Promise(
        "docs/README.md", "Every command, program and configuration in the documentation is run by a test."
    ),
    "keys.shape": Promise(
        "docs/reference/configuration.md", "A key is tg_<key id>_<43 base62>_<checksum>, and a mistyped one is noticed."
    ),
    "keys.digest": Promise("docs/reference/configuration.md", "Keys are stored as keyed digests only."),
    "keys.refusals": Promise(
        "RFC 6750 section 3.1", "A malformed, unknown or expired key is refused with a reason that does not repeat it."
    ),
    "listen.safely": Promise(
        "docs/reference/configuration.md",
        "Anywhere but on loopback, a key and TLS (or a named proxy) are required; open is for loopback only.",
    ),
    "config.findings": Promise(
        "docs/reference/configuration.md",
        "A wrong file is refused whole, and each finding names file, line, field, reason and what was probably meant.",
    ),
    "config.no-plaintext": Promise(
        "docs/reference/configuration.md", "Secrets stand in files by reference only, and no finding repeats one."
    ),
    "config.bounded": Promise(
        "docs/reference/configuration.md", "Size, nesting and aliases of a file are bounded, and no tag runs code."
    ),
    "data.first-start": Promise(
        "docs/reference/configuration.md",
        "The first start makes the installation's secrets for their owner only, once, however many start together.",
    ),
    "data.one-owner": Promise(
        "docs/reference/configuration.md", "One process owns a data directory; the lock ends with it, however it ends."
    ),
    "sharing.scope": Promise(
        "docs/reference/configuration.md", "A session is shared by all, by a team, or by nobody, as the server says."
    ),
    "journeys.matrix": Promise(
        "README.md",
        "Every client library, in either era, calls tools of every kind of server, on /mcp and on /servers/{name}/mcp.",
    ),
    "auth.refusals": Promise(
        "RFC 6750 section 3", "No key or a bad key is 401 with a challenge, in every era and at every endpoint, never 500."
    ),
    "policy.denied": Promise(
        "docs/reference/configuration.md",
        "What a key may not use is not in its lists, and using it is 403 with a reason.",
    ),
}
