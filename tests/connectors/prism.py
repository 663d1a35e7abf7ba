"""A connector against the official OpenAPI document of its product, played by Prism. By hand:

    npm install --prefix /somewhere @stoplight/prism-cli@5.14.2 @octokit/openapi
    uv run --group dev python -m tests.connectors.prism github \\
        --document /somewhere/node_modules/@octokit/openapi/generated/api.github.com.json \\
        --prism /somewhere/node_modules/.bin/prism

Every tool is called once, with the arguments of its first example. Prism holds each request to the document: method,
path, parameters, headers, body. Parameters of the query that the document does not know are told too.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import yaml

from tests.connectors.replay import Play, Replay, Request
from tests.connectors.serving import serving
from tests.connectors.slimming import Endpoint, operation, query_names, slimmed
from tests.free_port import free_port
from toolgate.model.errors import UpstreamFailed
from toolgate.upstreams.connector import format as format_
from toolgate.upstreams.connector import linting_tools, reading
from toolgate.upstreams.connector.format import Connector, Lookup, Tool

START_SECONDS = 120.0


class Relay(Replay):
    """Passes each request on to Prism, and keeps what Prism says of it."""

    def __init__(self, port: int, document: Mapping[str, Any]) -> None:
        super().__init__([])
        self._port = port
        self._document = document
        self.found: list[str] = []

    def answer(self, request: Request) -> Play:
        known = operation(self._document, request.method, request.path)
        query = urlencode(request.query, quote_via=quote)
        target = f"{known[0] if known else request.path}?{query}"
        kept = {name: value for name, value in request.headers if name not in ("host", "connection", "content-length")}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(request.method, target, request.body or None, {**kept, "accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if known is None:
            self.found.append(f"{request.method} {request.path} is not in the document")
        else:
            self.found += _judged(request, answer.headers.get("sl-violations", "[]"), answer.status, body)
            self.found += _unknown(self._document, known[1], request)
        return Play(answer.status, _plain(body), {"content-type": "application/json"})


def _judged(request: Request, violations: str, status: int, body: bytes) -> Iterator[str]:
    """What Prism says is wrong with a request."""
    for one in json.loads(violations):
        if one["location"][0] == "request":
            yield f"{request.method} {request.path}: {'.'.join(one['location'][1:])}: {one['message']}"
    if status >= 400 and b"stoplight.io/prism/errors" in body:
        yield f"{request.method} {request.path}: {json.loads(body).get('title')}"


def _unknown(document: Mapping[str, Any], known: Mapping[str, Any], request: Request) -> Iterator[str]:
    names = {name.removesuffix("[]") for name in query_names(document, known)}
    for name in sorted({name.removesuffix("[]") for name, _ in request.query} - names):
        yield f"{request.method} {request.path}: the document knows no parameter {name}"


def _plain(body: bytes) -> bytes:
    """Some documents have their examples as texts that hold JSON."""
    try:
        value = json.loads(body)
        return value.encode() if isinstance(value, str) and json.loads(value) is not None else body
    except ValueError:
        return body


def endpoints(connector: Connector) -> list[Endpoint]:
    """What it asks for. The path of the base URL stands behind its variable, as in `{base_url}/api/0`."""
    base = connector.http.base_url.partition("}")[2]
    asked = [*connector.lookups.values(), *connector.tools]
    return [(request.method, base + request.path) for one in asked for request in _requests(one)]


def _requests(one: Lookup | Tool) -> tuple[format_.Request, ...]:
    return (one.request,) if isinstance(one, Lookup) else linting_tools.requests(one)


@contextmanager
def playing(prism: str, document: Path) -> Iterator[int]:
    """Prism on a port of its own."""
    port = free_port()
    command = [prism, "mock", "--port", str(port), "--host", "127.0.0.1", "--multiprocess", "false", str(document)]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as child:
        try:
            until = time.monotonic() + START_SECONDS
            while child.poll() is None and time.monotonic() < until:
                log.seek(0)
                if b"is listening on" in log.read():
                    yield port
                    return
                time.sleep(0.1)
            log.seek(0)
            raise SystemExit(f"Prism did not start: {log.read()[-2000:].decode(errors='replace')}")
        finally:
            child.terminate()


async def judged(connector: Connector, port: int, document: dict[str, Any], data: Path) -> dict[str, list[str]]:
    """What is wrong with each tool's requests; and in parentheses, what became of Prism's answers where that failed: it
    makes them up, and an example in a document may be empty."""
    told: dict[str, list[str]] = {}
    relay = Relay(port, document)
    async with serving(data, relay, connector=connector.id) as served:
        for tool in connector.tools:
            relay.found = []
            try:
                reply = await served.call(tool.name, **tool.examples[0].args)
                odd = [f"(it answered: {reply.text[:160]})"] if reply.failed else []
            except UpstreamFailed as error:
                odd = [f"(it answered: {error})"]
            told[tool.name] = [*relay.found, *odd]
    return told


def loaded(path: Path) -> dict[str, Any]:
    text = path.read_bytes()
    return (
        json.loads(text) if path.suffix == ".json" else yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("connector", choices=reading.included())
    parser.add_argument("--document", type=Path, action="append", required=True, help="JSON or YAML; may be repeated")
    parser.add_argument("--prism", default="prism", help="the program of @stoplight/prism-cli")
    given = parser.parse_args()
    connector = reading.read(reading.INCLUDED / given.connector)
    document, missing = slimmed([loaded(path) for path in given.document], endpoints(connector))
    with tempfile.TemporaryDirectory() as folder:
        slim = Path(folder) / "slimmed.json"
        slim.write_bytes(msgspec.json.encode(document))
        with playing(given.prism, slim) as port:
            told = asyncio.run(judged(connector, port, document, Path(folder)))
    for method, path in sorted(missing):
        print(f"not in the document: {method} {path}")
    for name, wrong in told.items():
        print(f"{name}: {'; '.join(wrong) or 'ok'}")
    bad = sum(1 for wrong in told.values() if any(not one.startswith("(") for one in wrong))
    print(f"{len(told) - bad} of {len(told)} tools pass; {slim_size(document)} kB of the document were used")
    return 1 if bad else 0


def slim_size(document: dict[str, Any]) -> int:
    return len(msgspec.json.encode(document)) // 1000


if __name__ == "__main__":
    sys.exit(main())
