"""Atlassian's rich text in and out, and what else Jira and Confluence brought: links in a body, names of an object,
and constraints that a step fills in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.replay import Play, Replay
from tests.connectors.samples import paged, shop, tool, written
from tests.connectors.serving import serving
from toolgate.model.errors import ConfigError
from toolgate.upstreams.connector import adf, answers, expressions, markdown, reading
from toolgate.upstreams.connector.answers import Reply

MARKDOWN = """\
# Title

Some *em*, **strong**, ~~gone~~ and `code`, a [link](https://acme.example/a).

- one
  - below
- two

3. three
4. four

```py
x = 1
```

> said

| a | b |
| --- | --- |
| 1 | x\\|y |

---

first\\
second"""


def doc(*content: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "type": "doc", "content": list(content)}


def paragraph(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)}


def test_what_is_written_is_read_again():
    assert adf.markdown(markdown.document(MARKDOWN)) == MARKDOWN
    assert adf.markdown(json.dumps(markdown.document(MARKDOWN))) == MARKDOWN


def test_markdown_becomes_a_document():
    text = {"type": "text", "text": "b", "marks": [{"type": "strong"}]}
    assert markdown.document("a **b**") == doc(paragraph({"type": "text", "text": "a "}, text))
    assert markdown.document("") == doc()


@pytest.mark.parametrize(
    "text", ["- # head", "> # head", "- > said", "- a\n\n  ---", "-\n- a", "- | a | b |\n  | - | - |"]
)
def test_what_the_format_does_not_allow_within_another_is_a_paragraph(text: str):
    allowed = {"paragraph", "bulletList", "listItem", "blockquote", "codeBlock", "text", "doc"}

    def look(node: dict[str, Any]) -> None:
        assert node["type"] in allowed
        if node["type"] == "listItem":
            assert node["content"][0]["type"] == "paragraph"
        assert node.get("text") != ""
        for child in node.get("content", []):
            look(child)

    look(markdown.document(text))


def test_html_stays_text_and_code_has_no_other_mark():
    told = markdown.document("<b>x</b> [**`a`**](javascript:x) **`a`**")
    texts = told["content"][0]["content"]
    assert "<b>" in "".join(text["text"] for text in texts)
    assert all(mark["type"] != "link" for text in texts for mark in text.get("marks", []))
    assert texts[-1] == {"type": "text", "text": "a", "marks": [{"type": "code"}]}


READ = [
    (doc(paragraph({"type": "mention", "attrs": {"id": "1", "text": "@Ann"}})), "@Ann"),
    (doc(paragraph({"type": "date", "attrs": {"timestamp": "1700000000000"}})), "2023-11-14"),
    (doc(paragraph({"type": "date", "attrs": {"timestamp": "x"}})), "[date]"),
    (doc(paragraph({"type": "status", "attrs": {"text": "OPEN"}})), "[OPEN]"),
    (doc({"type": "extension", "attrs": {"extensionKey": "toc"}}), "[extension: toc]"),
    (doc({"type": "mediaSingle", "content": [{"type": "media", "attrs": {"alt": "a.png"}}]}), "[media: a.png]"),
    (doc({"type": "panel", "content": [paragraph({"type": "text", "text": "mind"})]}), "> mind"),
    (doc({"type": "taskList", "content": [{"type": "taskItem", "attrs": {"state": "DONE"}}]}), "- [x] "),
    ("no document", "no document"),
    (None, None),
    ({"content": "x"}, ""),
    ({"content": [{"type": [], "attrs": 1, "content": [{"type": {}, "marks": 1}]}]}, None),
    ({"content": [{"type": "paragraph", "content": [{"type": "text", "text": "a", "marks": 1}]}]}, "a"),
]


@pytest.mark.parametrize(("document", "wanted"), READ)
def test_what_markdown_has_no_words_for_is_named(document: Any, wanted: str | None):
    found = adf.markdown(document)
    assert found == wanted if wanted is not None or document is None else isinstance(found, str)


def test_a_document_nested_without_end_ends():
    node: dict[str, Any] = paragraph({"type": "text", "text": "deep"})
    for _ in range(200):
        node = {"type": "blockquote", "content": [node]}
    assert "[nested too deeply]" in (adf.markdown(doc(node)) or "")
    deep = "[" * 100_000
    assert adf.markdown(deep) == deep


def test_expressions_have_these_functions_and_no_unknown_ones():
    assert expressions.found("adf_to_markdown(a)", {"a": markdown.document("*x*")}) == "*x*"
    assert expressions.found("text_from(a, `2`)", {"a": "abc"}) == "c"
    assert expressions.found("text_from(a, `2`)", {}) is None
    assert expressions.flaw("a[?to_markdown(b)]") == "there is no function to_markdown"
    assert expressions.flaw("map_values(&sum(@), a)") is None


def test_a_moment_of_reset_may_be_written_in_iso(tmp_path: Path):
    made = {**shop(), "rate_limit": {"reset": "X-Reset"}}
    connector = reading.read(written(tmp_path, made))
    now = datetime(2027, 1, 31, tzinfo=UTC)
    headers = {"x-reset": (now + timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%MZ")}
    assert answers.wait(connector, Reply(429, headers, b""), now.timestamp()) == 60
    assert answers.wait(connector, Reply(429, {"x-reset": "2027-01-31T00:00"}, b""), now.timestamp()) is None


LINKED = {"style": "link_body", "next_link": "links.next", "size_param": "size", "position_params": ["cursor"]}


async def test_a_link_in_the_answer_leads_on_at_the_same_origin_only(tmp_path: Path):
    made = shop()
    made["tools"] = [paged("list_linked", {**LINKED, "rows": "items"}, result="items")]
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made))) as served:
        link = "/elsewhere?cursor=c1&size=50&admin=true"
        served.replay.plays.append(Play(body={"items": [1], "links": {"next": link}}))
        told = (await served.call("list_linked")).told
        served.replay.plays.append(Play(body={"items": [2], "links": {"next": "https://evil.example/?cursor=c2"}}))
        more = (await served.call("list_linked", page_token=told["next_page_token"])).told
        assert served.replay.seen[-1].path == "/list_linked"
        assert dict(served.replay.seen[-1].query) == {"size": "20", "cursor": "c1"}
        assert "next_page_token" not in more


def fields() -> dict[str, Any]:
    own = {"type": "object", "in": "body", "to": "fields", "keys": "own_[0-9]+"}
    text = {"type": "string", "in": "body", "to": "fields.text", "transform": "markdown_to_adf"}
    as_text = {"type": "string", "in": "body", "to": "fields.flat", "transform": "markdown_to_adf_json"}
    return tool(
        "send_fields",
        hints={"read_only": False},
        request={"method": "POST", "path": "/fields", "body": "json"},
        params={"text": text, "own": own, "flat": as_text},
    )


async def test_an_object_has_names_of_one_form_and_joins_what_is_there(tmp_path: Path):
    made = shop()
    made["tools"] = [fields()]
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, made))) as served:
        served.replay.plays.append(Play(body={"ok": True}))
        await served.call("send_fields", text="*a*", flat="b", own={"own_1": {"id": 2}})
        sent = json.loads(served.replay.seen[-1].body)["fields"]
        assert sent == {"text": markdown.document("*a*"), "flat": sent["flat"], "own_1": {"id": 2}}
        assert json.loads(sent["flat"]) == markdown.document("b")
        said = await served.wrong("send_fields", own={"own_1": 1, "project": {"id": "9"}})
        assert "own: 'project' does not have the form own_[0-9]+" in said
        assert len(served.replay.seen) == 1


@pytest.mark.parametrize(
    ("param", "said"),
    [
        ({"type": "string", "in": "body", "keys": "a"}, "is for objects"),
        ({"type": "object", "in": "body", "keys": "("}, "keys"),
        ({"type": "string", "in": "query", "transform": "markdown_to_adf"}, "in a body only"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, param: dict[str, Any], said: str):
    made = shop()
    request = {"method": "POST", "path": "/x", "body": "json"}
    made["tools"] = [tool("send_it", hints={"read_only": False}, request=request, params={"a": param})]
    with pytest.raises(ConfigError, match=said):
        reading.read(written(tmp_path, made))


def spaces() -> dict[str, Any]:
    """A shop whose things lie in rooms: a tool is given the room, a key that begins with it, or finds it out."""
    room = {"type": "string", "in": "none", "internal": True}
    thing = {"type": "string", "in": "path", "required": True}
    find = {"id": "thing", "request": {"method": "GET", "path": "/things/{thing}"}}
    bind = {"room": "thing.room"}
    more = {"id": "more", "request": {"method": "GET", "path": "/more"}, "bind": bind}
    sent = {"id": "sent", "request": {"method": "POST", "path": "/things/{thing}", "body": "json"}, "bind": bind}
    made = shop()
    made["constraints"] = {"rooms": {"help": "Rooms", "value": "{room}", "also": ["{key}"], "before": "-"}}
    made["tools"] = [
        tool("get_room", request={"method": "GET", "path": "/rooms/{room}"}, params={"room": thing}),
        tool("get_key", request={"method": "GET", "path": "/keys/{key}"}, params={"key": thing}),
        tool("get_any"),
        tool("get_thing", steps=[find, more], params={"thing": thing, "room": room}, result="{thing: thing.name}"),
        tool(
            "send_thing",
            hints={"read_only": False},
            steps=[find, sent],
            params={"thing": thing, "room": room},
            result="{sent: sent.id}",
        ),
    ]
    return json.loads(json.dumps(made))  # without parts that are shared, which YAML would write as aliases


async def test_a_constraint_counts_for_keys_and_for_what_a_step_finds(tmp_path: Path):
    allow = {"rooms": ("a",)}
    async with serving(tmp_path, Replay([]), path=str(written(tmp_path, spaces())), allow=allow) as served:
        played = served.replay.plays
        played.append(Play(body={"name": "x"}))
        assert not (await served.call("get_key", key="a-1")).failed
        for name, given in (("get_key", {"key": "b-1"}), ("get_key", {"key": "ab-1"}), ("get_room", {"room": "b"})):
            assert "not among the rooms" in await served.wrong(name, **given)
        assert len(served.replay.seen) == 1
        played.extend([Play(body={"name": "x", "room": "a"}), Play(body={})])
        assert (await served.call("get_thing", thing="1")).told == {"thing": "x"}
        for name, more in (("get_thing", [Play(body={})]), ("send_thing", [])):
            for elsewhere in ({"name": "secret", "room": "b"}, {"name": "secret"}):
                played.clear()
                played.extend([Play(body=elsewhere), *more])
                said = await served.wrong(name, thing="1")
                assert "not among the rooms" in said
                assert "secret" not in said
        assert not [request for request in served.replay.seen if request.method == "POST"]
