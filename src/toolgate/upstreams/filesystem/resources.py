"""Files as resources: `files://ROOT/PATH`, each name percent-encoded. The files at the top of each root are listed; all
others are reached through the template."""

import os
from base64 import b64encode
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from toolgate.upstreams.filesystem import contents
from toolgate.upstreams.filesystem.failures import Failure, Missing
from toolgate.upstreams.filesystem.files import Files
from toolgate.upstreams.filesystem.listing import entries
from toolgate.upstreams.filesystem.places import Place, path_flaw
from toolgate.upstreams.filesystem.tools.reading import whole
from toolgate.upstreams.filesystem.tools.tool import Desk, Json
from toolgate.upstreams.filesystem.workers import Pulse

SCHEME = "files://"
TEMPLATE = SCHEME + "{root}/{+path}"

TEMPLATE_DEFINITION: Json = {
    "uriTemplate": TEMPLATE,
    "name": "file",
    "title": "A file",
    "description": "Any file that is served: the name of its directory, and the path in it, percent-encoded.",
}


def uri_of(place: Place) -> str:
    return SCHEME + "/".join(quote(name, safe="") for name in (place.root.alias, *place.names))


def place_of(desk: Desk, uri: str) -> Place:
    """Raises Missing for a URI that names no place here. It is read once: what is encoded twice is a name with `%`."""
    rest = uri.removeprefix(SCHEME)
    if rest == uri:
        raise Missing("resource not found")
    try:
        alias, *names = [unquote_to_bytes(part).decode() for part in rest.split("/")]
    except UnicodeDecodeError:
        raise Missing("resource not found") from None
    if not names or any(name in ("", ".", "..") or "/" in name for name in names) or path_flaw("/".join(names)):
        raise Missing("resource not found")
    place = desk.places.of(alias, tuple(names))
    if place is None:
        raise Missing("resource not found")
    return place


def read(desk: Desk, uri: str, pulse: Pulse) -> Json:
    """The result of resources/read. Raises Failure."""
    place = place_of(desk, uri)
    with desk.files.reading(place) as opened:
        mime, found = whole(desk, opened, pulse)
    content: dict[str, Any] = {"uri": uri, "mimeType": mime}
    if isinstance(found, bytes):
        content["blob"] = b64encode(found).decode("ascii")
    else:
        content["text"] = found.text
    return {"contents": [content], "ttlMs": 0, "cacheScope": "private"}


def listed(files: Files) -> list[Json]:
    """The definitions of the files at the top of each root, as many as the settings allow."""
    definitions: list[Json] = []
    for root in files.places.roots:
        start = files.places.at(root, ())
        with files.directory(start) as (directory, real):
            for entry in entries(files, directory, real):
                if len(definitions) >= files.settings.max_resources:
                    return definitions
                place = files.places.under(start, entry.name)
                if entry.type == "file" and entry.shown == entry.name and not files.protection.wrong_type(entry.name):
                    definitions.append(_definition(place))
    return definitions


def _definition(place: Place) -> Json:
    """Without sizes and times: a file that is written must not change the list."""
    mime = contents.by_name(place.name)
    known = {} if mime == contents.UNKNOWN else {"mimeType": mime}
    return {"uri": uri_of(place), "name": place.shown, **known}


def look(desk: Desk, uri: str) -> os.stat_result | None:
    """What is there; None where there is nothing that may be read."""
    try:
        return desk.files.look(place_of(desk, uri))
    except Failure:
        return None
