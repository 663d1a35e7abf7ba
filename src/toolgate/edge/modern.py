"""The modern era over HTTP: the validation ladder of SPEC-DIGEST 2.6, one rung after the other, on one POST."""

from toolgate.edge.arriving import new_id
from toolgate.edge.request import Request
from toolgate.model.call import Arrival, Fields
from toolgate.model.errors import BadRequest, HeaderMismatch
from toolgate.model.identity import Credential
from toolgate.protocol import envelope as envelopes
from toolgate.protocol import jsonrpc, mirror
from toolgate.protocol.jsonrpc import Message
from toolgate.protocol.methods import METHODS
from toolgate.protocol.versions import LEGACY_VERSIONS

VERSION = b"mcp-protocol-version"
METHOD = b"mcp-method"
NAME = b"mcp-name"
_PARAM = mirror.PARAM_PREFIX.encode()
_ROUTING = frozenset({VERSION, METHOD, NAME})
HANDSHAKE = frozenset(version.encode() for version in LEGACY_VERSIONS)


def is_modern(request: Request, params: Fields) -> bool:
    """Which era one message belongs to: its body decides, then its header (SPEC-DIGEST 2.6, era selection)."""
    header = request.headers.get(VERSION)
    if header is not None and header.strip(b" \t") not in HANDSHAKE:
        return True
    return envelopes.claimed_version(params) is not None


def arrival(
    request: Request, message: Message, request_id: bytes, params: Fields, endpoint: str, credential: Credential
) -> Arrival:
    """The well-formed Arrival of one modern request. Raises the fault of the first rung that fails."""
    if request.repeated and any(name in _ROUTING or name.startswith(_PARAM) for name in request.repeated):
        raise HeaderMismatch("a routing header stands more than once")
    method = message.method
    if not isinstance(method, str):
        raise BadRequest("a request needs a method")
    read = envelopes.read(params)
    _check_headers(request, method, read.version, params)
    envelopes.check_version(read)
    return Arrival(
        new_id(),
        request_id,
        endpoint,
        method,
        params,
        read,
        credential,
        request.headers,
        len(request.body),
        request.client,
    )


def _check_headers(request: Request, method: str, version: str, params: Fields) -> None:
    headers = request.headers
    if not _says(headers, VERSION, version):
        raise HeaderMismatch("the MCP-Protocol-Version header is missing or differs from the body")
    if not _says(headers, METHOD, method):
        raise HeaderMismatch("the Mcp-Method header is missing or differs from the body")
    known = METHODS.get(method)
    if known is None or known.member is None:
        return
    named = jsonrpc.text(params.get(known.member))
    if named is not None and not _says(headers, NAME, named):
        value = headers.get(NAME)
        mirror.check_name(None if value is None else value.decode("latin-1"), named)


def _says(headers: dict[bytes, bytes], name: bytes, expected: str) -> bool:
    """Whether a header has just this value; white space around it does not count."""
    value = headers.get(name)
    return value is not None and (value == expected.encode() or value.strip(b" \t") == expected.encode())
