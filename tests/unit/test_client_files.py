"""Clients' files: JSON as editors take it, edits that leave all else alone, and where the files are."""

from __future__ import annotations

import json
import tomllib
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.control.clients.client import Change, Client, Link, Unreadable, Where
from toolgate.control.clients.json_edits import append, drop, put, take
from toolgate.control.clients.jsonc import DEEPEST, parse
from toolgate.control.clients.table import CLIENTS, of_file
from toolgate.control.clients.variables import any_in, whole

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=6), below, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=4)
REMARK = " // why: {[\"'"
INDENTS = st.sampled_from([None, 2, 4, "\t"])


def dressed(value: Any, indent: Any, draw: Any) -> str:
    """JSON with comments and trailing commas here and there."""
    lines: list[str] = []
    for line in json.dumps(value, indent=indent, ensure_ascii=False).split("\n"):
        comment = draw(st.sampled_from(["", "", REMARK, " /* a, b */"])) if indent else ""
        lines.append(line + comment)
    return "\n".join(lines)


@pytest.mark.promise("connect.files")
@given(st.data(), OBJECTS, INDENTS, st.lists(st.sampled_from("abc"), max_size=2), st.text(max_size=4), VALUES)
def test_what_is_put_is_there_and_all_else_is_as_it_was(
    data: st.DataObject, given: dict[str, Any], indent: Any, path: list[str], name: str, value: Any
):
    text = dressed(given, indent, data.draw)
    expected = json.loads(json.dumps(given))
    node = expected
    for step in path:
        node = node.setdefault(step, {}) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        with pytest.raises(Unreadable):
            put(text, parse(text), path, name, value)
        return
    is_new = name not in node
    node[name] = value
    changed = Change(text).after(put(text, parse(text), path, name, value)).text
    assert parse(changed).plain() == expected
    assert put(changed, parse(changed), path, name, value) == []
    if is_new:  # what is replaced goes with the comments in it
        assert changed.count(REMARK) == text.count(REMARK)
    node.pop(name)
    back = Change(changed).after(take(changed, parse(changed), path, name)).text
    assert parse(back).plain() == expected


@given(st.lists(VALUES, max_size=4), INDENTS, VALUES)
def test_items_are_appended_and_dropped(items: list[Any], indent: Any, value: Any):
    text = json.dumps({"list": items}, indent=indent)
    array = parse(text).get("list")
    assert array is not None
    longer = Change(text).after(append(text, array, value)).text
    assert json.loads(longer) == {"list": [*items, value]}
    for place in range(len(items) + 1):
        array = parse(longer).get("list")
        assert array is not None
        shorter = Change(longer).after(drop(array, place)).text
        assert json.loads(shorter)["list"] == [*items, value][:place] + [*items, value][place + 1 :]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", 1),
        ("[1 2]", 1),
        ('{\n "a" 1}', 2),
        ('{\n\n "a": tru}', 3),
        ("{} {}", 1),
        ('{"a": "x\n"}', 1),
        ('{"a": "\\q"}', 1),
        ("{'a': 1}", 1),
        ('{"a": 01}', 1),
        ("[" * (DEEPEST + 2), 1),
        ('{"a": 1 /* never closed', 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, line: int):
    with pytest.raises(Unreadable, match=rf"^line {line}: not JSON"):
        parse(text)


def test_a_comment_stays_with_what_it_is_about():
    text = '{\n    "a": 1 // about a\n    // about nothing\n}\n'
    changed = Change(text).after(put(text, parse(text), (), "b", 2)).text
    assert changed == '{\n    "a": 1, // about a\n    "b": 2\n    // about nothing\n}\n'


HOME, WINDOWS_HOME = PurePosixPath("/users/me"), PureWindowsPath("C:/Users/me")
SHOP, WINDOWS_SHOP = PurePosixPath("/srv/shop"), PureWindowsPath("D:/shop")
ROAMING = WINDOWS_HOME / "AppData" / "Roaming"


def usual(client: str, platform: str, environment: dict[str, str] | None = None) -> PurePath:
    windows = platform == "win32"
    where = Where(platform, WINDOWS_HOME if windows else HOME, environment or {}, WINDOWS_SHOP if windows else SHOP)
    return CLIENTS[client].files(where)[0]


@pytest.mark.promise("connect.files")
@pytest.mark.parametrize(
    ("client", "linux", "macos", "windows"),
    [
        (
            "claude-desktop",
            HOME / ".config/Claude/claude_desktop_config.json",
            HOME / "Library/Application Support/Claude/claude_desktop_config.json",
            ROAMING / "Claude/claude_desktop_config.json",
        ),
        (
            "vscode",
            HOME / ".config/Code/User/mcp.json",
            HOME / "Library/Application Support/Code/User/mcp.json",
            ROAMING / "Code/User/mcp.json",
        ),
        ("zed", HOME / ".config/zed/settings.json", HOME / ".config/zed/settings.json", ROAMING / "Zed/settings.json"),
        *(
            (client, HOME / path, HOME / path, WINDOWS_HOME / path)
            for client, path in {
                "claude-code": ".claude.json",
                "cursor": ".cursor/mcp.json",
                "windsurf": ".codeium/windsurf/mcp_config.json",
                "codex": ".codex/config.toml",
                "gemini": ".gemini/settings.json",
                "copilot": ".copilot/mcp-config.json",
                "lm-studio": ".lmstudio/mcp.json",
                "kiro": ".kiro/settings/mcp.json",
            }.items()
        ),
        *(
            (client, SHOP / path, SHOP / path, WINDOWS_SHOP / path)
            for client, path in {
                "claude-code-project": ".mcp.json",
                "cursor-project": ".cursor/mcp.json",
                "vscode-project": ".vscode/mcp.json",
            }.items()
        ),
    ],
)
def test_places_on_each_platform(client: str, linux: PurePath, macos: PurePath, windows: PurePath):
    assert (usual(client, "linux"), usual(client, "darwin"), usual(client, "win32")) == (linux, macos, windows)


@pytest.mark.parametrize(
    ("client", "platform", "variable", "directory", "name"),
    [
        ("claude-desktop", "win32", "APPDATA", "E:/roaming", "Claude/claude_desktop_config.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "/config", "Code/User/mcp.json"),
        ("claude-code", "linux", "CLAUDE_CONFIG_DIR", "/claude", ".claude.json"),
        ("codex", "darwin", "CODEX_HOME", "/codex", "config.toml"),
        ("copilot", "linux", "COPILOT_HOME", "/copilot", "mcp-config.json"),
    ],
)
def test_places_that_variables_name(client: str, platform: str, variable: str, directory: str, name: str):
    found = usual(client, platform, {variable: directory})
    assert found == type(found)(directory) / name
    assert usual(client, platform, {variable: "not/absolute"}) == usual(client, platform)


def test_claude_desktop_of_the_windows_store_is_found():
    where = Where("win32", WINDOWS_HOME, {"LOCALAPPDATA": "E:/local"}, WINDOWS_SHOP)
    assert "Claude_pzs8sxrjxfjjc" in str(CLAUDE.files(where)[1])
    assert str(CLAUDE.files(where)[1]).startswith("E:\\local")


CLAUDE: Client = CLIENTS["claude-desktop"]
CODEX: Client = CLIENTS["codex"]
LINK = Link("https://mcp.example/mcp", "TOOLGATE_KEY")


@pytest.mark.parametrize(
    "before",
    [
        '[mcp_servers.toolgate]\nurl = "x"\n',
        '[mcp_servers."toolgate"]\nurl = "x" # ours\n\n# theirs\n[tui]\na = 1\n',
        '[mcp_servers.toolgate]\nurl = "x"\n[mcp_servers.toolgate.tools.a]\nb = 1\n[x]\n',
        'a = 1\n\n[mcp_servers . toolgate]\ncommand = "x"\n[mcp_servers.b]\ncommand = "y"',
    ],
)
def test_a_table_of_ours_is_replaced_and_taken_out(before: str):
    changed = CODEX.format.connect(before, "toolgate", LINK).text
    wanted = {"url": LINK.url, "bearer_token_env_var": "TOOLGATE_KEY"}
    others = {key: value for key, value in tomllib.loads(before)["mcp_servers"].items() if key != "toolgate"}
    assert tomllib.loads(changed)["mcp_servers"] == {"toolgate": wanted, **others}
    assert ("# theirs" in before) == ("# theirs" in changed)
    back = tomllib.loads(CODEX.format.disconnect(changed, "toolgate").text)
    assert back.get("mcp_servers", {}) == others


@pytest.mark.parametrize(
    "before",
    [
        'mcp_servers = {toolgate = {url = "x"}}',
        '[mcp_servers]\ntoolgate.url = "x"',
        "mcp_servers = {}",
        "[mcp_servers",
        "x",
    ],
)
def test_what_cannot_be_edited_safely_is_refused(before: str):
    with pytest.raises(Unreadable, match=r"by hand|not TOML"):
        CODEX.format.connect(before, "toolgate", LINK)


@pytest.mark.parametrize("text", ["[]", '{"mcpServers": []}', '"text"'])
def test_a_section_that_is_none_is_refused(text: str):
    with pytest.raises(Unreadable, match="is not an object"):
        CLIENTS["cursor"].format.connect(text, "toolgate", LINK)


@pytest.mark.parametrize(
    ("name", "text", "client"),
    [
        ("config.toml", "", "codex"),
        ("x.json", '{"mcpServers": {}}', "cursor"),
        ("x.json", '{"servers": {}}', "vscode"),
        ("settings.json", '{"context_servers": {}}', "zed"),
    ],
)
def test_files_of_unknown_origin(name: str, text: str, client: str):
    assert of_file(name, text).id == client


def test_variables_of_clients():
    assert whole("Bearer ${env:TOKEN}", "braced") == whole("Bearer ${TOKEN}", "bare")
    assert whole("$TOKEN", "braced") is None
    assert whole("$TOKEN", "bare") is not None
    assert whole("${TOKEN}", "") is None
    assert whole("${workspaceFolder}", "braced") is None
    assert any_in("pa$WORD", "braced") == ""
    assert any_in("x ${KEY:-made-up} y", "braced") == "${KEY:-...}"
