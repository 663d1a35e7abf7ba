"""The document of `--openapi`: a file, or a URL that is fetched as everything is that goes out. Nothing that stands in
it is followed."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from toolgate.cli.event_loop import run
from toolgate.control.openapi.document import Document
from toolgate.control.openapi.reading import MOST_BYTES, parse
from toolgate.egress.client import HttpClient
from toolgate.model.errors import ConfigError, ToolgateError
from toolgate.rules import endpoints

_SECONDS = 60.0
_ACCEPT = (("Accept", "application/json, application/yaml;q=0.9, */*;q=0.5"),)


class Source(msgspec.Struct, frozen=True):
    """A document, what it is called (without a query, which may hold a key), and the URL that it was fetched from."""

    document: Document
    shown: str
    url: str = ""


def fetched(source: str) -> Source:
    """Raises ConfigError, saying why, for what cannot be had, and for what is no document."""
    if source.lower().startswith(("http://", "https://")):
        raw, shown = run(_fetched(source))
        return Source(Document(parse(raw, shown), shown), shown, source)
    path = Path(source).expanduser()
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError((f"--openapi {source[:200]}: cannot be read ({error.strerror})",)) from None
    return Source(Document(parse(raw, source), source), source)


async def _fetched(url: str) -> tuple[bytes, str]:
    try:
        origin, path = endpoints.split(url)
    except ValueError as flaw:
        raise ConfigError((f"--openapi: {flaw}",)) from None
    shown = f"{origin}{urlsplit(url).path}"
    route = HttpClient().route(origin, server="openapi", limit=MOST_BYTES)
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await route.send("GET", path, _ACCEPT)
    except TimeoutError:
        raise ConfigError((f"--openapi {shown}: was not there within {_SECONDS:g} s",)) from None
    except ConfigError:
        raise
    except ToolgateError as error:
        raise ConfigError((f"--openapi {shown}: cannot be fetched: {error}",)) from None
    finally:
        await route.close()
    try:
        if 300 <= answer.status < 400:
            raise ConfigError(
                (f"--openapi {shown}: is somewhere else (HTTP {answer.status}): give the URL that it is at",)
            )
        if answer.status != 200:
            raise ConfigError((f"--openapi {shown}: answered with HTTP {answer.status}",))
        return bytes(answer.body), shown
    finally:
        answer.close()
