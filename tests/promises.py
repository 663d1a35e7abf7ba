"""What Toolgate promises, as data: an id, who asks for it, and the promise itself in one sentence.

A test keeps a promise by naming it: `@pytest.mark.promise("house.floors")`. tests/house/test_promises.py fails when a
promise has no test, or when a test names a promise that is not here. An id is `area.what-holds`, in lower case.
"""

from typing import NamedTuple

from tests.promises_agents import AGENTS
from tests.promises_api import API
from tests.promises_catalog import CATALOG
from tests.promises_clients import CLIENTS
from tests.promises_connectors import CONNECTORS
from tests.promises_control import CONTROL
from tests.promises_endpoints import ENDPOINTS
from tests.promises_files import FILES
from tests.promises_functions import FUNCTIONS
from tests.promises_gitops import GITOPS
from tests.promises_graphql import GRAPHQL
from tests.promises_grpc import GRPC
from tests.promises_health import HEALTH
from tests.promises_judged import JUDGED
from tests.promises_keys import KEYS
from tests.promises_listings import LISTINGS
from tests.promises_openapi import OPENAPI
from tests.promises_records import RECORDS
from tests.promises_registry import REGISTRY
from tests.promises_replicas import REPLICAS
from tests.promises_search import SEARCH
from tests.promises_secrets import SECRETS
from tests.promises_sql import SQL


class Promise(NamedTuple):
    """`source` is where the promise comes from: a section of the specification, an RFC, a page of docs/."""

    source: str
    text: str


_PARTS = (
    AGENTS,
    API,
    CATALOG,
    CLIENTS,
    CONNECTORS,
    CONTROL,
    ENDPOINTS,
    FILES,
    FUNCTIONS,
    GITOPS,
    GRAPHQL,
    GRPC,
    HEALTH,
    JUDGED,
    KEYS,
    LISTINGS,
    OPENAPI,
    RECORDS,
    REGISTRY,
    REPLICAS,
    SEARCH,
    SECRETS,
    SQL,
)

PROMISES: dict[str, Promise] = {
    **{name: Promise(*told) for part in _PARTS for name, told in part.items()},
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
        "RFC 6750 section 3",
        "No key or a bad key is 401 with a challenge, in every era and at every endpoint, never 500.",
    ),
    "policy.denied": Promise(
        "docs/reference/configuration.md",
        "What a key may not use is not in its lists, and using it is 403 with a reason.",
    ),
    "calls.progress": Promise(
        "SPEC 2026-07-28 progress",
        "Progress reaches the caller under its own token, unchanged in value and type, over every crossing of eras.",
    ),
    "calls.logging": Promise(
        "SPEC 2026-07-28 logging", "Log messages reach only who asked for them, from the level asked for on."
    ),
    "calls.cancelled": Promise(
        "SPEC 2026-07-28 cancellation",
        "A cancelled call is cancelled at its server: modern clients close the stream, older ones send a notification.",
    ),
    "sessions.resume": Promise(
        "SPEC 2025-11-25 transports, resumability",
        "An older client that is cut off cancels nothing: it resumes the stream with Last-Event-ID and misses nothing.",
    ),
    "sessions.ended": Promise(
        "SPEC 2025-11-25 transports, session management",
        "A session that was deleted, or is another key's, answers 404, after a restart too.",
    ),
    "sessions.restart": Promise(
        "README.md", "What a session negotiated outlives a restart: its calls work without a new initialize."
    ),
    "sessions.batches": Promise(
        "SPEC 2025-03-26 transports", "Batches of 2025-03-26 are answered, and belong to no other revision."
    ),
    "virtual.names": Promise(
        "docs/reference/configuration.md",
        "A virtual server offers what was chosen, under the names and descriptions declared for it.",
    ),
    "headers.mirrored": Promise(
        "SPEC 2026-07-28 transports, standard headers",
        "Mirrored headers are checked against the body, and made anew for the server after a rename.",
    ),
    "changes.lists": Promise(
        "SPEC 2026-07-28 subscriptions",
        "A changed list is announced to clients of every era that listen, whatever era the server is of.",
    ),
    "changes.resources": Promise(
        "SPEC 2026-07-28 subscriptions",
        "Updates of a resource reach who subscribed to it, in every era and over every crossing.",
    ),
    "questions.same-era": Promise(
        "SPEC 2026-07-28 multi round-trip requests", "A server's questions reach the caller where both are of one era."
    ),
    "questions.refused": Promise(
        "README.md", "A question that cannot be put to a caller of the other era is refused plainly, naming the server."
    ),
    "state.sealed": Promise(
        "SPEC 2026-07-28 multi round-trip requests",
        "A request state serves only the caller and the call that it was given to, unchanged.",
    ),
    "lists.pages": Promise(
        "SPEC 2026-07-28 pagination",
        "Merged lists are paged; a cursor serves only its principal and list, and outlives a reload.",
    ),
    "sharing.children": Promise(
        "docs/reference/configuration.md",
        "A stdio server of the handshake era has one child per sharing scope, and no new one per call.",
    ),
    "reload.atomic": Promise(
        "docs/reference/configuration.md",
        "An edit of the configuration is in force as a whole or not at all; calls under way end as they began.",
    ),
    "reload.broken": Promise("docs/reference/configuration.md", "A broken edit changes nothing and is said."),
    "wire.two-ways": Promise(
        "docs/explanation/architecture.md", "The short way of a POST and the ordinary ASGI way give the same answers."
    ),
    "start.key-once": Promise(
        "README.md", "The first start prints its new key once, into a pipe too, and keeps it in a file of mode 0600."
    ),
    "stop.drains": Promise("docs/reference/cli.md", "Told to stop, `up` lets calls under way end, within a bound."),
    "cli.exit-codes": Promise(
        "docs/reference/cli.md", "Exit codes: 0 well, 1 failed, 2 usage or configuration, 3 not ready, 4 denied."
    ),
    "cli.documented": Promise("docs/reference/cli.md", "Every command and flag is on its reference page."),
    "stdio.eras": Promise(
        "SPEC 2026-07-28 transports, stdio", "`toolgate stdio` serves clients of both eras, and writes messages only."
    ),
    "stdio.bounded": Promise(
        "SPEC 2026-07-28 transports, stdio", "Over stdio, size, depth and number of requests are bounded."
    ),
    "stdio.drains": Promise("docs/reference/cli.md", "A client that closes its side still gets the answers under way."),
    "bridge.eras": Promise(
        "docs/how-to/bridge-stdio-client.md", "`toolgate bridge` connects stdio clients of both eras to a gateway."
    ),
    "bridge.sessions": Promise(
        "docs/how-to/bridge-stdio-client.md", "A session that the gateway lost is begun anew, unnoticed by the client."
    ),
    "bridge.key": Promise(
        "docs/how-to/bridge-stdio-client.md",
        "The bridge's key is in no argument list, and goes to another machine over TLS only, unless one insists.",
    ),
    "wire.ladder": Promise(
        "SPEC-DIGEST 2.6", "Whatever is wrong with a modern request together, the first rung that fails is told."
    ),
    "wire.http": Promise(
        "RFC 9112",
        "What is no HTTP request is refused or ends, is never carried out by half, and never fails the gateway.",
    ),
    "wire.bounded": Promise(
        "docs/reference/configuration.md",
        "Heads, bodies and what frames them are bounded, and large bodies are taken only from those who are known.",
    ),
    "wire.trailers": Promise("RFC 9110 section 6.5.1", "What stands behind the body is never taken for a header."),
    "wire.gone": Promise("SPEC-DIGEST 2.4", "A modern client that goes away leaves no call and no stream behind."),
    "wire.rebinding": Promise("SPEC-DIGEST 8", "Hosts and web pages that are not named are refused on every path."),
    "upstream.hostile": Promise(
        "docs/explanation/security.md",
        "A server that is down, slow, lying or hostile hurts only its own calls, whose callers are told which it was.",
    ),
    "reload.same": Promise(
        "docs/explanation/architecture.md", "A snapshot made from the former one is the same as one made from nothing."
    ),
    "reload.reuse": Promise(
        "docs/explanation/architecture.md", "Whatever a change does not touch is the same object as before."
    ),
    "reload.slices": Promise(
        "docs/explanation/architecture.md", "A new snapshot is made in short steps, however much there is to compile."
    ),
    "policy.rows": Promise(
        "docs/reference/configuration.md", "Deny beats allow, nothing means nothing, and lists and calls read one row."
    ),
    "policy.uris": Promise(
        "docs/reference/configuration.md",
        "A URI that is denied is denied in every spelling, and through every template.",
    ),
    "lists.order": Promise(
        "docs/explanation/architecture.md",
        "Merged lists are in the order of server and name, and no name or URI stands twice.",
    ),
    "conformance.server": Promise(
        "README.md",
        "Every scenario that the official suite requires of a server passes through Toolgate, in both eras.",
    ),
    "sealed.purposes": Promise(
        "docs/explanation/security.md",
        "Session ids, cursors and request states open unchanged only, and never one for another.",
    ),
    "names.public": Promise(
        "docs/explanation/architecture.md",
        "A public name is server__tool, 64 characters that every host accepts, stable, and never one for two.",
    ),
    "bridge.schemas": Promise(
        "SPEC-DIGEST 9.1",
        "Results that cross from one era to the other are valid by the official schemas of the caller's.",
    ),
    "methods.all": Promise(
        "SPEC 2026-07-28 schema", "Every request that a client may send in any revision is served, or knowingly is not."
    ),
    "policy.conditions": Promise(
        "security.md 4.2",
        "A grant with conditions counts for the calls that pass them all, and what was judged is sent.",
    ),
    "policy.ceilings": Promise(
        "docs/explanation/administration.md", "A key's ceilings only narrow, and an empty one allows nothing."
    ),
    "policy.unseen": Promise(
        "issue 3", "Of a server that a caller may see nothing of, nothing it is told depends; it is not there for it."
    ),
    "errors.page": Promise(
        "docs/reference/errors.md",
        "Every error has one code and status in either era, and the page of errors is the table.",
    ),
    "deadlines.punctual": Promise(
        "docs/reference/configuration.md",
        "A server's timeout is never cut short, and at most a tenth of a second late.",
    ),
    "wire.messages": Promise(
        "JSON-RPC 2.0",
        "Whatever a client posts is answered with the right code, and never as a failure of the gateway.",
    ),
    "wire.bearer": Promise(
        "RFC 6750",
        "A key counts in one Authorization header and nowhere else; a refusal challenges and repeats no key.",
    ),
    "wire.sealed": Promise(
        "docs/decisions/0007-sealed-sessions.md",
        "What is sealed opens for whom and for what it was made, to the letter, or not at all.",
    ),
    "wire.floods": Promise(
        "docs/explanation/security.md",
        "However many sessions, streams and subscriptions come, memory and files are bounded.",
    ),
    "pools.safe": Promise(
        "docs/explanation/sessions.md",
        "Sessions and children are opened once for all who wait, bounded, never closed in use, and never left open.",
    ),
    "streams.commit": Promise(
        "SPEC-DIGEST 2.4",
        "A stream begins with the first notification or after 15 s; earlier refusals keep their status.",
    ),
    "streams.slow": Promise(
        "docs/explanation/architecture.md",
        "A client that does not read holds up nobody: what it misses is bounded, coalesced and counted.",
    ),
    "api.versions": Promise(
        "docs/reference/api.md", "Every change of a record says which version it saw, and loses to a newer one."
    ),
    "api.problems": Promise(
        "RFC 9457",
        "Every refusal of the API is a problem in JSON that names field and reason, and needs a good key first.",
    ),
    "api.pages": Promise("docs/reference/api.md", "Pages neither repeat nor skip a record while others come and go."),
    "api.repeats": Promise("docs/reference/api.md", "A creation sent again with its idempotency key happens once."),
    "api.no-secrets": Promise(
        "docs/reference/api.md", "A key is shown once, its digest and the value of a secret never."
    ),
    "api.guarded": Promise(
        "docs/reference/api.md", "Every route needs a key or stands in the public list, and asks for its permission."
    ),
    "api.documented": Promise(
        "docs/reference/api.md", "The API answers nothing that its OpenAPI document does not list, and never with 5xx."
    ),
    "answers.owners": Promise(
        "SPEC-DIGEST 9.1",
        "Each answer goes to whoever asked, also where all clients use the same ids at the same time.",
    ),
    "changes.rights": Promise(
        "docs/explanation/security.md",
        "A stream tells nothing that its key may not see, is narrowed with its rights, and ends with its key.",
    ),
    "lists.readable": Promise(
        "docs/explanation/security.md", "A definition that breaks the schema costs no client the whole merged list."
    ),
}
