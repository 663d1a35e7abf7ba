"""The OpenAPI document: schemathesis draws requests from it, good and bad, and holds every answer to it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.admin.site import Site
from toolgate.admin.routes import ROUTES

EXAMPLES = "5"
SECONDS = 110
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
)


async def test_the_document_lists_every_route(site: Site):
    answer = await site.ask("GET", "/openapi.json", who=None)
    document = json.loads(answer.body)
    assert document["openapi"] == "3.1.0"
    listed = {
        (method.upper(), path.removeprefix("/api/v1")) for path, one in document["paths"].items() for method in one
    }
    assert listed == {(route.method, route.path) for route in ROUTES}
    key = document["components"]["schemas"]["Key"]["properties"]
    assert "digest" not in key
    assert "digest" not in document["components"]["schemas"]["KeyInput"]["properties"]


@pytest.mark.promise("api.documented")
@pytest.mark.timeout(SECONDS + 30)
async def test_every_answer_is_one_that_the_document_lists(site: Site, tmp_path: Path):
    # One worker: CPython 3.11 counts wrong when several threads parse Python (gh-106905), which they do to draw.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{site.url}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {site.keys['local']}", "--checks", ",".join(CHECKS)),
        *("--phases", "fuzzing", "--max-examples", EXAMPLES, "--seed", "8484", "--no-color"),
        *("--no-shrink", "--continue-on-failure", "--workers", "1", "--generation-database", "none"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode(errors="replace")[-20_000:]
