"""What a server says while it works on a call, as its caller may hear it: progress under the caller's own token, log
messages at the level it asked for, nothing else."""

import msgspec

from toolgate.model.call import Envelope, Era, Fields, Notification
from toolgate.protocol import jsonrpc
from toolgate.protocol.methods import severity

PROGRESS = "notifications/progress"
MESSAGE = "notifications/message"
RESOURCE_UPDATED = "notifications/resources/updated"
LISTS_CHANGED = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
    }
)


def for_caller(method: str, params: Fields, envelope: Envelope, token: int | None) -> Notification | None:
    """The notification to pass on, or None. `token` is the progress token that we gave the server for this call."""
    if method == PROGRESS:
        if envelope.progress_token is None or token is None or bytes(params.get("progressToken", b"")) != b"%d" % token:
            return None
        return Notification(method, jsonrpc.encode({**params, "progressToken": envelope.progress_token}))
    if method == MESSAGE and wanted(params, envelope):
        return Notification(method, jsonrpc.encode(params))
    return None


def wanted(params: Fields, envelope: Envelope) -> bool:
    """Whether the caller asked for log messages of this level. A modern caller that asked for none gets none; an older
    one that never set a level leaves the choice to the server."""
    if envelope.log_level is None:
        return envelope.era is Era.LEGACY
    return severity(jsonrpc.text(params.get("level")) or "") >= severity(envelope.log_level)


def resource_uri(params: Fields) -> str | None:
    """The URI of a `resources/updated` notification."""
    return jsonrpc.text(params.get("uri"))


def with_meta(params: Fields, meta: dict[str, msgspec.Raw], token: int | None) -> Fields:
    """Parameters of a request to a handshake-era server: the caller's own `_meta` members, and our progress token."""
    if token is None and not meta:
        return params
    own = dict(meta)
    if token is not None:
        own["progressToken"] = msgspec.Raw(b"%d" % token)
    return {**params, "_meta": jsonrpc.encode_raw(own)}
