"""Entries of a registry as servers of ours: what they become, and what a stranger cannot have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_importing import planned
from toolgate.control.importing.from_registry import found_in
from toolgate.control.importing.plan import Plan, Source
from toolgate.control.importing.server_json import NoServerJson, read

NPM = {"registryType": "npm", "identifier": "@acme/weather", "version": "1.0.2", "transport": {"type": "stdio"}}
PYPI = {"registryType": "pypi", "identifier": "acme-weather", "version": "1.0.2", "transport": {"type": "stdio"}}
OCI = {"registryType": "oci", "identifier": "ghcr.io/acme/weather:1.0.2", "transport": {"type": "stdio"}}
REMOTE = {"type": "streamable-http", "url": "https://weather.example/mcp"}


def entry(name: str = "com.example/weather", **members: Any) -> dict[str, Any]:
    return {"name": name, "description": "Weather", "version": "1.0.2", **members}


def package(base: dict[str, Any], **members: Any) -> dict[str, Any]:
    return entry(packages=[{**base, **members}])


def imported(*values: dict[str, Any], **ground: Any) -> Plan:
    found = [found_in(read(value)) for value in values]
    return planned(Source("Registry", "https://registry.example", "braced", found, stranger=True), **ground)


def made(value: dict[str, Any]) -> dict[str, Any]:
    plan = imported(value)
    assert list(plan.servers) == ["weather"], plan.lines
    assert not plan.files
    return plan.servers["weather"]


def left(value: dict[str, Any]) -> str:
    plan = imported(value)
    assert not plan.servers
    ((line,),) = plan.lines
    assert line.fate == "left"
    return line.remark


HOME = {"HOME": "env:HOME"}


@pytest.mark.promise("registries.translated")
@pytest.mark.parametrize(
    ("base", "command"),
    [
        (NPM, ["npx", "-y", "@acme/weather@1.0.2"]),
        (PYPI, ["uvx", "acme-weather@1.0.2"]),
        (OCI, ["docker", "run", "-i", "--rm", "ghcr.io/acme/weather:1.0.2"]),
        (
            {**OCI, "identifier": "acme/weather", "version": "1.0.2"},
            ["docker", "run", "-i", "--rm", "acme/weather:1.0.2"],
        ),
        (
            {**OCI, "identifier": f"acme/weather@sha256:{'a' * 64}"},
            ["docker", "run", "-i", "--rm", f"acme/weather@sha256:{'a' * 64}"],
        ),
    ],
)
def test_a_package_is_started_by_its_runner_in_one_version(base: dict[str, Any], command: list[str]):
    server = made(package(base))
    assert server == {"kind": "stdio", "command": command, "env": HOME}


@pytest.mark.promise("registries.translated")
def test_arguments_and_variables_are_taken_and_secrets_are_asked_for_under_a_name_of_their_own():
    value = package(
        NPM,
        packageArguments=[
            {"type": "positional", "value": "serve"},
            {"type": "named", "name": "--units", "default": "metric"},
            {"type": "named", "name": "--quiet"},
            {"type": "positional", "valueHint": "city"},
            {
                "type": "named",
                "name": "--url",
                "value": "https://{host}/x",
                "variables": {"host": {"default": "a.example"}},
            },
        ],
        environmentVariables=[
            {"name": "API_KEY", "isRequired": True, "isSecret": True},
            {"name": "REGION", "isRequired": True},
            {"name": "MODE", "value": "fast"},
            {"name": "DEBUG"},
            {"name": "OTHER_TOKEN", "isSecret": True, "default": "a-made-up-token"},
        ],
    )
    plan = imported(value)
    server = plan.servers["weather"]
    assert server["command"][3:] == ["serve", "--units", "metric", "--quiet", "--url", "https://a.example/x"]
    assert server["env"] == {
        **HOME, "API_KEY": "env:MCP_WEATHER_API_KEY", "REGION": "env:MCP_WEATHER_REGION", "MODE": "fast",
    }  # fmt: skip
    ((line,),) = plan.lines
    assert line.what == "MODE=fast npx -y @acme/weather@1.0.2 serve --units metric --quiet --url https://a.example/x"
    for said in ("com.example/weather 1.0.2", "argument city", "DEBUG, OTHER_TOKEN", "asks for MCP_WEATHER_API_KEY"):
        assert said in line.remark


@pytest.mark.promise("registries.translated")
def test_a_container_is_given_variables_by_name():
    value = package(
        OCI,
        runtimeArguments=[
            {
                "type": "named", "name": "-e", "value": "TOKEN={token}", "isRequired": True,
                "variables": {"token": {"isSecret": True, "isRequired": True}},
            },
            {"type": "positional", "value": "--rm"},
        ],
        environmentVariables=[{"name": "MODE", "value": "fast"}],
    )  # fmt: skip
    server = made(value)
    assert server["command"] == [
        "docker",
        "run",
        "-i",
        "--rm",
        "-e",
        "MODE",
        "-e",
        "TOKEN",
        "ghcr.io/acme/weather:1.0.2",
    ]
    assert server["env"] == {**HOME, "MODE": "fast", "TOKEN": "env:MCP_WEATHER_TOKEN"}


@pytest.mark.promise("registries.translated")
def test_a_remote_is_preferred_and_its_secret_header_becomes_a_reference():
    header = {
        "name": "Authorization",
        "value": "Bearer {key}",
        "variables": {"key": {"isSecret": True, "isRequired": True}},
    }
    plain = {"name": "X-Region", "value": "eu"}
    server = made(
        entry(
            packages=[NPM],
            remotes=[{"type": "sse", "url": "https://x.example/sse"}, {**REMOTE, "headers": [header, plain]}],
        )
    )
    assert server == {
        "kind": "streamable_http", "url": "https://weather.example/mcp",
        "headers": {"Authorization": "Bearer env:MCP_WEATHER_TOKEN", "X-Region": "eu"},
    }  # fmt: skip


def test_a_package_is_taken_where_the_remote_needs_to_be_told_more():
    remote = {
        "type": "streamable-http",
        "url": "https://{tenant}.example/mcp",
        "variables": {"tenant": {"isRequired": True}},
    }
    assert made(entry(packages=[NPM], remotes=[remote]))["kind"] == "stdio"
    assert "url" in left(entry(remotes=[remote]))
    known = {**remote, "variables": {"tenant": {"default": "acme"}}}
    assert made(entry(remotes=[known]))["url"] == "https://acme.example/mcp"


@pytest.mark.promise("registries.narrow")
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (package(NPM, version="latest"), "not pinned"),
        (package(NPM, version="^1.0.0"), "not pinned"),
        (package(NPM, version=""), "not pinned"),
        (package(PYPI, version=">=1"), "not pinned"),
        (package(OCI, identifier="acme/weather:latest"), "not pinned"),
        (package(OCI, identifier="acme/weather"), "not pinned"),
        (package(NPM, identifier="--registry=https://evil.example"), "no name"),
        (package(NPM, identifier="git+https://evil.example/x"), "no name"),
        (package(PYPI, identifier="-h"), "no name"),
        (package(OCI, identifier="--privileged"), "no image"),
        (package(NPM, registryBaseUrl="https://evil.example"), "another package registry"),
        (package(NPM, runtimeHint="sh"), "started by 'sh'"),
        (package(NPM, fileSha256="a" * 64), "hash"),
        (package(NPM, transport={"type": "streamable-http", "url": "http://127.0.0.1:1/mcp"}), "serves HTTP"),
        (package(NPM, registryType="mcpb"), "'mcpb'"),
        (package(NPM, runtimeArguments=[{"type": "named", "name": "--node-options", "value": "x"}]), "--node-options"),
        (package(OCI, runtimeArguments=[{"type": "named", "name": "-v", "value": "/:/host"}]), "'-v'"),
        (package(OCI, runtimeArguments=[{"type": "positional", "value": "--privileged"}]), "--privileged"),
        (package(OCI, runtimeArguments=[{"type": "named", "name": "-e", "value": "X=${AWS_KEY}"}]), "`$`"),
        (package(NPM, packageArguments=[{"type": "positional", "value": "${HOME}"}]), "`$`"),
        (package(NPM, packageArguments=[{"type": "positional", "valueHint": "x", "isRequired": True}]), "must give"),
        (package(NPM, packageArguments=[{"type": "named", "name": "--key", "isSecret": True}]), "read arguments"),
        (package(NPM, environmentVariables=[{"name": "X", "value": "${env:AWS_SECRET_ACCESS_KEY}"}]), "`$`"),
        (package(NPM, environmentVariables=[{"name": "X", "value": "a\x1b[2J"}]), "printed"),
        (package(NPM, environmentVariables=[{"name": "A=B", "value": "x"}]), "A=B"),
        *(
            (package(base, environmentVariables=[{"name": name, "value": value}]), f"set {name}")
            for base, name, value in (
                (NPM, "npm_config_registry", "https://evil.example"),
                (NPM, "NPM_CONFIG_REGISTRY", "https://evil.example"),
                (NPM, "NODE_OPTIONS", "--import=data:text/javascript,0"),
                (NPM, "PATH", "./evil"),
                (PYPI, "UV_DEFAULT_INDEX", "https://evil.example"),
                (PYPI, "UV_INDEX_URL", "https://evil.example"),
                (PYPI, "PYTHONPATH", "./evil"),
                (OCI, "DOCKER_HOST", "tcp://evil.example:2375"),
                (OCI, "LD_PRELOAD", "./evil.so"),
                (OCI, "https_proxy", "http://evil.example"),
            )
        ),
        (entry(remotes=[{**REMOTE, "url": "https://x.example/${AWS_KEY}"}]), "`$`"),
        (entry(remotes=[{**REMOTE, "url": "file:///etc/passwd"}]), "http"),
        (entry(remotes=[{**REMOTE, "headers": [{"name": "X", "value": "$HOME"}]}]), "`$`"),
        (entry(remotes=[{**REMOTE, "headers": [{"name": "Host", "value": "x"}]}]), "'Host'"),
        (entry(remotes=[{"type": "carrier-pigeon", "url": "https://x.example"}]), "carrier-pigeon"),
        (entry(), "neither"),
    ],
)  # fmt: skip
def test_what_a_stranger_cannot_have(value: dict[str, Any], said: str):
    assert said in left(value)


@pytest.mark.promise("registries.narrow")
def test_no_variable_that_is_set_for_something_else_is_given_away():
    asked = [{"name": "AWS_SECRET_ACCESS_KEY", "isRequired": True, "isSecret": True}]
    value = package(NPM, environmentVariables=asked)
    assert made(value)["env"]["AWS_SECRET_ACCESS_KEY"] == "env:MCP_WEATHER_AWS_SECRET_ACCESS_KEY"
    one, other = imported(
        value,
        {
            **value,
            "name": "com.evil/weather",
            "version": "2.0.0",
            "packages": [{**value["packages"][0], "version": "2.0.0"}],
        },
    ).servers.values()
    assert one["env"]["AWS_SECRET_ACCESS_KEY"] != other["env"]["AWS_SECRET_ACCESS_KEY"]


def test_a_literal_that_looks_like_a_reference_is_none():
    plan = imported(package(NPM, environmentVariables=[{"name": "X", "value": "env:AWS_SECRET_ACCESS_KEY"}]))
    assert plan.servers["weather"]["env"]["X"].startswith("file:")
    assert list(plan.files.values()) == ["env:AWS_SECRET_ACCESS_KEY"]


def test_what_the_registry_took_back_is_left_out():
    meta = {"io.modelcontextprotocol.registry/official": {"status": "deprecated", "statusMessage": "use another"}}
    assert left({"server": entry(packages=[NPM]), "_meta": meta}) == "the registry says it is deprecated: use another"


@pytest.mark.parametrize(
    "value",
    [[], {}, "x", entry(name="weather"), entry(name="a/b/c"), entry(name="a/../b"), {"name": "a/b"}, entry(packages=7),
     entry(packages=[{"registryType": "npm"}]), {"server": {"name": "a/b", "version": 1}}],
)  # fmt: skip
def test_what_is_no_server_json_is_said(value: Any):
    with pytest.raises(NoServerJson):
        read(value)
