"""The plan of an import, and new entries in the text of toolgate.yaml."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from toolgate.control.clients.client import Found
from toolgate.control.importing.plan import Ground, Plan, Source, plan, unknown
from toolgate.control.importing.secret_texts import argument_flaw
from toolgate.control.importing.yaml_text import NoPlace, with_grant, with_servers
from toolgate.control.source import Findings, parse
from toolgate.model.declared import ServerSpec

SECRETS = PurePosixPath("/secrets")
ECHO: dict[str, Any] = {"kind": "echo"}


def planned(*sources: Source, **changed: Any) -> Plan:
    ground: dict[str, Any] = {
        "platform": "linux",
        "present": (),
        "taken": frozenset(),
        "secrets": SECRETS,
        "held": lambda path: None,
        "is_ours": lambda found: False,
        "judge": lambda name, entry: "",
        "is_set": lambda name: True,
        **changed,
    }
    return plan(sources, Ground(**ground))


def remote(name: str, token: str, url: str = "https://x.example/mcp") -> Found:
    return Found(name, "http", url=url, headers={"Authorization": f"Bearer {token}"})


def source(*found: Found) -> Source:
    return Source("A", "a.json", found=found)


@pytest.mark.promise("import.plan")
def test_the_same_server_with_the_same_secret_is_merged_and_with_another_is_not():
    made = planned(source(remote("x", "made-up-1")), source(remote("y", "made-up-1"), remote("x", "made-up-2")))
    assert [[line.fate for line in group] for group in made.lines] == [["new"], ["same", "new"]]
    assert list(made.servers) == ["x", "x-2"]
    assert made.files == {"/secrets/x.Authorization": "made-up-1", "/secrets/x-2.Authorization": "made-up-2"}


def test_what_is_declared_already_is_not_imported_again():
    present = ServerSpec("mine", "streamable_http", {"url": "https://x.example/mcp"})
    made = planned(
        source(remote("x", "t"), remote("mine", "t", "https://y.example/mcp")), present=[present], taken={"mine"}
    )
    assert [(line.fate, line.name) for line in made.lines[0]] == [("present", "mine"), ("new", "mine-2")]


@pytest.mark.promise("import.secrets")
def test_a_file_with_another_secret_is_never_written_over():
    held = {"/secrets/x.Authorization": "another", "/secrets/x.Authorization-2": "made-up"}
    made = planned(source(remote("x", "made-up")), held=held.get)
    assert made.files == {"/secrets/x.Authorization-2": "made-up"}
    assert made.servers["x"]["headers"] == {"Authorization": "Bearer file:/secrets/x.Authorization-2"}


def test_secrets_become_variables_where_no_directory_is_given():
    program = Found("tool", "stdio", ("tool",), {"API_KEY": "made-up", "MODE": "x"})
    other = Found("other", "stdio", ("other",), {"API_KEY": "made-up-too"})
    made = planned(source(program, other, remote("x", "made-up")), secrets=None, is_set=lambda name: name == "HOME")
    assert made.files == {}
    assert made.servers["tool"]["env"] == {"HOME": "env:HOME", "API_KEY": "env:API_KEY", "MODE": "x"}
    assert made.servers["other"]["env"]["API_KEY"] == "env:OTHER_API_KEY"
    assert made.servers["x"]["headers"] == {"Authorization": "Bearer env:X_TOKEN"}
    assert made.unset == ("API_KEY", "OTHER_API_KEY", "X_TOKEN")


def test_what_our_reader_refuses_is_left_out_with_its_reason_and_leaves_nothing_behind():
    made = planned(source(remote("x", "made-up")), judge=lambda name, entry: f"{name}: no")
    assert (made.servers, made.files) == ({}, {})
    assert made.lines[0][0].remark == "x: no"


def test_only_what_is_asked_for_and_never_ourselves():
    found = source(remote("My Server", "a"), remote("other", "b"), remote("me", "c", "https://gw.example/mcp"))
    made = planned(found, only={"my-server", "me"}, is_ours=lambda each: "gw" in each.url)
    assert list(made.servers) == ["my-server"]
    assert [line.remark for line in made.lines[0]] == ["was 'My Server'", "not asked for", "Toolgate itself"]


def test_a_name_that_is_asked_for_and_was_not_found_is_told():
    found = source(remote("My Server", "a"), remote("other", "b"))
    assert unknown(("my-server", "My Server", "other"), (found,)) == ()
    assert unknown(("othr", "nonsense"), (found,)) == (
        "--only othr: no server that was found has this name (did you mean `other`?)",
        "--only nonsense: no server that was found has this name: there are My Server, other",
    )
    assert unknown(("othr",), (found, msgspec.structs.replace(found, found=(), trouble="broken"))) == ()


@pytest.mark.parametrize(
    ("found", "name"),
    [("GitHub Server", "github-server"), ("a_b.c", "a-b-c"), ("日本", "server"), ("x" * 60, "x" * 40), ("-a-", "a")],
)
def test_names_of_clients_become_names_of_ours(found: str, name: str):
    assert list(planned(source(remote(found, "t"))).servers) == [name]


def test_many_of_one_name_have_each_their_own():
    found = [remote("x" * 40, f"made-up-{number}") for number in range(12)]
    names = list(planned(source(*found)).servers)
    assert len(set(names)) == 12
    assert max(map(len, names)) <= 40


@pytest.mark.promise("import.secrets")
@pytest.mark.parametrize(
    "command",
    [
        ("tool", "--token", "made-up"),
        ("tool", "--api-key=made-up"),
        ("docker", "run", "-e", "GITHUB_TOKEN=made-up"),
        ("proxy", "--header", "Authorization: Bearer made-up"),
        ("proxy", "-H", "X-Trace: Bearer made-up"),
        ("tool", "postgres://reader:made-up@db/crm"),
        ("tool", "sk-made-up-0123456789012345"),
        ("tool", "env:TOKEN"),
    ],
)
def test_a_secret_among_arguments_is_never_taken(command: tuple[str, ...]):
    assert "holds a secret" in argument_flaw(command, "braced")
    made = planned(source(Found("x", "stdio", command)))
    assert made.servers == {}


@pytest.mark.promise("import.secrets")
@pytest.mark.parametrize(
    ("name", "text", "written", "moved"),
    [
        ("Authorization", "Bearer made-up", "Bearer file:/secrets/x.Authorization", "made-up"),
        ("Authorization", "made-up", "file:/secrets/x.Authorization", "made-up"),
        ("X-Password", "made up phrase", "file:/secrets/x.X-Password", "made up phrase"),
        ("X-Auth", "Bearer made-up", "Bearer file:/secrets/x.X-Auth", "made-up"),
        ("X-Other", "https://me:made-up@x.example", "file:/secrets/x.X-Other", "https://me:made-up@x.example"),
        ("X-Other", "env:MADE_UP", "file:/secrets/x.X-Other", "env:MADE_UP"),
        ("X-Other", "plain", "plain", None),
        ("X-Token", "", None, None),
    ],
)
def test_what_is_secret_in_a_value_is_moved_whole(name: str, text: str, written: str | None, moved: str | None):
    made = planned(source(Found("x", "http", url="https://x.example/mcp", headers={name: text})))
    assert made.servers["x"].get("headers", {}).get(name) == written
    assert list(made.files.values()) == ([] if moved is None else [moved])


@pytest.mark.parametrize(
    "command",
    [
        ("docker", "run", "-e", "GITHUB_TOKEN", "image:tag"),
        ("tool", "--password-file", "/etc/p"),
        ("tool", "--token"),
        ("node", "C:\\x\\server.js"),
        ("tool", "https://x.example/a?b=c"),
    ],
)
def test_ordinary_arguments_are_taken(command: tuple[str, ...]):
    assert argument_flaw(command, "braced") == ""


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["on", "null", "~", "-1", "1e5", "0x1", ".5", "a: b", "a #b", "- a", "Bearer env:X", "'", '"', "\u2028", "😀", "a:"]
)


@pytest.mark.promise("import.keeps")
@given(st.lists(TEXTS, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=3), TEXTS)
def test_every_text_is_read_back_as_it_was(command: list[str], env: dict[str, str], cwd: str):
    entry: dict[str, Any] = {"kind": "stdio", "command": command, "cwd": cwd}
    if env and "<<" not in env:
        entry["env"] = env
    findings = Findings()
    root = parse(with_servers("", {"x": entry}), findings)
    assert root is not None, findings.error("x").findings
    assert root.plain() == {"version": 1, "servers": {"x": entry}}


FILES = {
    "nothing": "",
    "version": "version: 1\n",
    "no line end": "version: 1",
    "empty": "version: 1\nservers:\ngrants:\n",
    "braces": "version: 1\nservers: {}  # none yet\nteams: {a: }\n",
    "one": "version: 1\nservers:\n    a: {kind: echo}  # the first\n",
    "comments": (
        "# ours\nversion: 1\n\nservers:\n  # the first\n  a:\n    kind: echo\n    # of a\n\n"
        "  # to come: b\n\n# rights\ngrants:\n- everyone: true\n  allow: {servers: [a], tools: ['*']}\n# end\n"
    ),
    "windows": "version: 1\r\nservers:\r\n  a:\r\n    kind: echo\r\n\r\nteams:\r\n  x:\r\n",
    "block text": (
        "version: 1\nservers:\n  a:\n    kind: stdio\n    command:\n      - sh\n      - -c\n      - |\n        x\n\n\n"
        "keys:\n"
    ),
}


@pytest.mark.promise("import.keeps")
@pytest.mark.parametrize("before", FILES.values(), ids=list(FILES))
def test_entries_are_added_and_every_line_stays(before: str):
    after = with_servers(before, {"new": ECHO, "newer": ECHO})
    expected: dict[str, Any] = yaml.safe_load(before) or {"version": 1}
    expected["servers"] = {**(expected.get("servers") or {}), "new": ECHO, "newer": ECHO}
    assert yaml.safe_load(after) == expected
    granted = with_grant(after, "local", ["new"])
    rule = {"key": "local", "allow": {"servers": ["new"], "tools": ["*"], "prompts": ["*"], "resources": ["*"]}}
    assert yaml.safe_load(granted) == {**expected, "grants": [*(expected.get("grants") or []), rule]}
    kept = iter(granted.splitlines())
    assert all(line.replace(" {}", "") in kept for line in before.splitlines()), "lines stay, in their order"
    assert ("\r\n" in before) == ("\r\n" in granted)
    assert not before or granted.count("\r\n") in (0, granted.count("\n"))


@pytest.mark.parametrize(
    "before", ["version: 1\nservers: {a: {kind: echo}}\n", "{version: 1}", "- a\n", "servers: [\n", "servers: text\n"]
)
def test_what_cannot_be_added_to_is_refused(before: str):
    with pytest.raises(NoPlace):
        with_servers(before, {"new": ECHO})
