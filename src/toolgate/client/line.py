"""The line to one gateway: an HTTP route whose errors name the gateway and say what to do."""

from collections.abc import Sequence

from toolgate.client.place import URL_VARIABLE, Place
from toolgate.egress.client import HttpClient
from toolgate.model.errors import UpstreamFailed
from toolgate.ports import HttpAnswer

MAX_BYTES = 64 * 1024 * 1024
_NAME = "toolgate"


class Line:
    """What `Gateway` and `Administration` send their requests over."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._route = HttpClient().route(place.origin, server=_NAME, limit=MAX_BYTES)

    async def send(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> HttpAnswer:
        """See the port `HttpRoute`. Raises UpstreamFailed."""
        try:
            return await self._route.send(method, path, headers, body)
        except UpstreamFailed as error:
            where = f"the gateway at {self._place.origin}{self._place.base}"
            said = str(error).removeprefix(f"server {_NAME!r}: ")
            if error.reached:
                raise UpstreamFailed(f"{where}: {said}") from None
            # What the dialling advises is for whoever registered a server.
            why = said.rpartition(";")[0] or said
            step = f"start it with `toolgate up`, or set {URL_VARIABLE} to where it is"
            raise UpstreamFailed(f"{where} cannot be reached: {why}; {step}", reached=False) from None

    async def close(self) -> None:
        await self._route.close()
