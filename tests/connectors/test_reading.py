"""What is wrong with a connector is told with file, line, field and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.samples import shop, tool, written
from toolgate.model.errors import ConfigError
from toolgate.upstreams.connector import reading

pytestmark = pytest.mark.promise("connectors.told")


def findings(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        reading.read(folder)
    return list(caught.value.findings)


def test_the_sample_is_right(tmp_path: Path):
    assert reading.read(written(tmp_path, shop())).id == "shop"


def test_a_place_is_told_with_its_line_and_its_key(tmp_path: Path):
    made = shop()
    made["tools"][0]["params"]["trace"]["in"] = "cookie"
    folder = written(tmp_path, made)
    (told,) = findings(folder)
    lines = (folder / "connector.yaml").read_text(encoding="utf-8").splitlines()
    file, line, field, reason = told.split(":", 3)
    assert file == "shop/connector.yaml"
    assert lines[int(line) - 1].strip() == "in: cookie"
    assert field.strip() == "tools[0].params.trace.in"
    assert reason == " invalid enum value 'cookie'"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "shop/connector.yaml:2: this is not YAML"),
        ("", "shop/connector.yaml:1: the file is empty"),
        ("a: &x 1\nb: *x\n", "anchors and aliases are not read"),
        ("connector: v1\na: " + "[" * 500_000, "shop/connector.yaml:2: is nested too deep"),
        ("- " * 500_000 + "a", "shop/connector.yaml:1: is nested too deep"),
        ("a: 1\nb: 2\na: 3\n", "shop/connector.yaml:3: a: this key stands twice"),
        ("a: !!python/object:os.system {}\n", "this is not YAML"),
        ("connector: v2\n", "shop/connector.yaml:1: connector: invalid enum value 'v2'"),
        (
            "connector: v1\ndescripton: x\n",
            "yaml:2: descripton: is not known here (did you mean `description`?)",
        ),
        ("connector: v1\n", "missing required field `id`"),
        ("- 1\n", "expected `object`"),
    ],
)
def test_what_is_no_connector_is_told(tmp_path: Path, text: str, told: str):
    (found,) = findings(written(tmp_path, text))
    assert told in found


def test_a_folder_without_a_connector_is_told(tmp_path: Path):
    assert "cannot be read" in findings(tmp_path / "none")[0]


def put(*path: Any) -> Callable[[dict[str, Any]], None]:
    """Sets what stands at a path, the last part being the value."""

    def change(made: dict[str, Any]) -> None:
        *place, last, value = path
        target: Any = made
        for part in place:
            target = target[part]
        target[last] = value

    return change


def add(made_tool: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda made: made["tools"].append(made_tool)


GET = ("tools", 0)
PARAM = {"type": "string", "in": "query"}
WRITES = {"method": "POST", "path": "/x", "body": "json"}

LINTS: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (put("id", "other"), "id: must be the name of its folder, shop"),
    (put("icon", "../icon.svg"), "icon: must name an SVG file"),
    (put("variables", "base_url", "pattern", "("), "variables.base_url.pattern: is no RE2 pattern"),
    (put("variables", "base_url", "default", "ftp://x"), "variables.base_url.default: does not match"),
    (put("http", "base_url", "http://shop.example"), "http.base_url: must be an https URL"),
    (put("http", "base_url", "{base}"), "http.base_url: {base} is not known"),
    (put("http", "base_url", "{base_url}{"), "http.base_url: a brace stands alone"),
    (put("http", "allow_hosts", []), "http.allow_hosts: must name at least one host"),
    (put("http", "allow_hosts", ["*"]), "http.allow_hosts[0]: must not be every host"),
    (put("http", "headers", "Host", "x"), "http.headers.Host: Toolgate sets this header itself"),
    (put("http", "headers", "X-A", "a\nb"), "http.headers.X-A: a header holds printable"),
    (put("auth", 0, "headers", "Authorization", "{tokn}"), "auth[0].headers.Authorization: {tokn} is not known"),
    (put("auth", 1, "basic", ["user", "none"]), "auth[1].basic: none is none of its fields"),
    (put("auth", 1, "id", "token"), "auth[1].id: stands twice"),
    (put("auth", 0, "test", "send_form"), "auth[0].test: must name a tool that only reads"),
    (put("errors", "message", "a["), "errors.message: is no JMESPath"),
    (put("constraints", {"x": {"help": "h", "value": "{nothing}"}}), "constraints.x.value: no tool has these"),
    (put("constraints", {"x": {"help": "h", "value": "x"}}), "constraints.x.value: must be a template"),
    (put(*GET, "name", "send_form"), "tools[1].name: send_form stands twice"),
    (put(*GET, "name", "Get"), "tools[0].name: expected `str` matching regex"),
    (put(*GET, "description", "Too short."), "tools[0].description: has 10 characters; 20 to 400"),
    (put(*GET, "hints", {}), "tools[0].hints: object missing required field `read_only`"),
    (put(*GET, "hints", {"read_only": True, "destructive": True}), "a tool that only reads destroys nothing"),
    (put(*GET, "result", "a."), "tools[0].result: is no JMESPath"),
    (put(*GET, "examples", []), "tools[0].examples: at least one"),
    (put(*GET, "examples", 0, "fixture", "no.json"), "tools[0].examples[0].fixture: there is no fixtures/no.json"),
    (put(*GET, "examples", 0, "args", {"x": 1}), "tools[0].examples[0].args.x: is no argument"),
    (put(*GET, "examples", 0, "args", {"id": 1}), "tools[0].examples[0].args.id: expected a text"),
    (put(*GET, "use", ["repo"]), "tools[0].use: repo is not among `shared`"),
    (put(*GET, "request", "path", "/things/{id}\r\nX: y"), "request.path: holds a space, a line break"),
    (put(*GET, "request", "headers", {"X-A": "a\r\nX: y"}), "request.headers.X-A: a header holds printable"),
    (put(*GET, "params", "trace", "default", "a\nb"), "params.trace.default: holds a line break"),
    (put(*GET, "params", "trace", "prefix", "a\r"), "params.trace.prefix: holds a line break"),
    (put(*GET, "params", "id", "prefix", "a\x00"), "params.id.prefix: holds a line break"),
    (put("rate_limit", {"reset": "X-Reset\n"}), "rate_limit.reset: expected `str` matching regex"),
    (put(*GET, "request", "path", "/{who}"), "{who} is no parameter with `in: path`"),
    (put(*GET, "request", "path", "/x"), "id is in the path, and no path has {id}"),
    (put(*GET, "params", "id", "required", False), "id must be required, or have a default"),
    (put(*GET, "request", "method", "DELETE"), "a tool that only reads does not DELETE"),
    (put(*GET, "request", "headers", {"Authorization": "x"}), "a credential is shown by `auth` alone"),
    (put(*GET, "request", "method", "HEAD"), "tools[0].request.method: invalid enum value 'HEAD'"),
    (put(*GET, "params", "b", {"type": "string", "in": "body"}), "has arguments for a body"),
    (put(*GET, "params", "a", {**PARAM, "type": "array"}), "tools[0].params.a.items: is needed by an array"),
    (put(*GET, "params", "a", {**PARAM, "type": "object"}), "an object can stand in a body only"),
    (put(*GET, "params", "a", {**PARAM, "pattern": "(?=a)"}), "tools[0].params.a.pattern: is no RE2 pattern"),
    (put(*GET, "params", "a", {**PARAM, "enum": ["x"], "default": "y"}), "params.a.default: must be one of x"),
    (put(*GET, "params", "a", {**PARAM, "transform": "run"}), "params.a.transform: invalid enum value 'run'"),
    (put(*GET, "params", "a", {**PARAM, "in": "header", "to": "Cookie"}), "no argument may set this header"),
    (put(*GET, "params", "a", {**PARAM, "in": "header", "to": "Authorization"}), "no argument may set this header"),
    (put(*GET, "steps", [{"id": "a", "request": {"method": "GET", "path": "/x"}}]), "and not both"),
    (put("tools", 3, "params", {"limit": {**PARAM}}), "tools[3].params.limit: this name is the pagination's own"),
    (put("tools", 3, "pagination", "position_params", []), "pagination.position_params: style page has exactly one"),
    (put("tools", 3, "pagination", "next_cursor", "a"), "is needed by the style `cursor`, and by no other"),
    (put("tools", 3, "paginate", False), "a list needs `paginate: true`"),
    (put("tools", 6, "steps", 1, "bind", {"fnd": "a"}), "steps[1].bind.fnd: is no internal parameter"),
    (put("tools", 6, "steps", 1, "id", "one"), "steps[1].id: one is taken"),
    (put("tools", 6, "steps", 0, "request", WRITES), "only the last step may write"),
    (add(tool("search_all")), "tools[7]: a list needs `paginate: true`"),
    (add(tool("a", surprise=1)), "tools[7].surprise: is not known here"),
]


@pytest.mark.parametrize(("change", "told"), LINTS, ids=lambda one: one if isinstance(one, str) else "")
def test_each_lint_can_fail(tmp_path: Path, change: Callable[[dict[str, Any]], None], told: str):
    made = shop()
    change(made)
    found = findings(written(tmp_path, made))
    assert any(told in one for one in found), found
    assert all(one.startswith("shop/connector.yaml:") for one in found)


def test_a_folder_without_fixtures_needs_none_and_no_icon(tmp_path: Path):
    made = shop()
    del made["icon"], made["docs"]
    for one in made["tools"]:
        del one["examples"]
    folder = written(tmp_path, made)
    assert any("examples: at least one" in one for one in findings(folder)), "there are fixtures"
    (folder / "fixtures" / "any.json").unlink()
    (folder / "fixtures").rmdir()
    assert reading.parse((folder / "connector.yaml").read_bytes(), folder).icon is None


def test_schemas_beyond_the_budget_are_told(tmp_path: Path):
    made = shop()
    made["tools"] += [tool(f"get_{number}", description="x" * 400) for number in range(70)]
    assert any("at most 8000: fewer tools, or fewer words" in one for one in findings(written(tmp_path, made)))


@pytest.mark.parametrize("active", ["<svg><script>x</script></svg>", '<svg onload="x"/>', '<svg><a href="x"/></svg>'])
def test_an_icon_that_does_something_is_refused(tmp_path: Path, active: str):
    folder = written(tmp_path, shop())
    (folder / "icon.svg").write_text(active, encoding="utf-8")
    assert "neither scripts nor links" in findings(folder)[0]
