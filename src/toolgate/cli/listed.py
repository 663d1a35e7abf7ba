"""The tools that the key may use, and what somebody probably meant who named a server that is not there."""

from typing import Any

from toolgate.client.gateway import Gateway
from toolgate.model.errors import UpstreamError
from toolgate.protocol.naming import SEPARATOR
from toolgate.rules.names import closest

_NO_ENDPOINT = 404


async def tools_of(reached: Gateway, server: str | None) -> list[dict[str, Any]]:
    """All tools of one server, or of all of them. Raises UpstreamError, which says what is meant, where there is no
    such server for this key; and what `Gateway` raises."""
    try:
        return await reached.listed(server, "tools/list", "tools")
    except UpstreamError as error:
        if server is None or error.code != _NO_ENDPOINT:
            raise
        hint = await _hint(reached, server)
        raise UpstreamError(error.code, f"{error} ({hint})") from None


async def _hint(reached: Gateway, server: str) -> str:
    """What the key may see is all that is suggested: the servers are those of its own list of tools."""
    everything = await reached.listed(None, "tools/list", "tools")
    known = dict.fromkeys(str(tool["name"]).partition(SEPARATOR)[0] for tool in everything)
    meant = closest(server, known)
    return f'did you mean "{meant}"?' if meant else "`toolgate tools` lists what there is for this key"
