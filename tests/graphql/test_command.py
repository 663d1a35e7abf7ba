"""`toolgate server add --graphql`: which options belong together, and what goes into the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from tests.graphql.shop import SDL
from toolgate.cli.records import server_graphql
from toolgate.model.errors import ConfigError

URL = "https://shop.example/graphql"


@pytest.mark.parametrize(
    ("given", "others", "reason"),
    [
        ((None, "operations", None), (None,), "--operations and --schema are for an API"),
        ((None, None, "shop.graphql"), ("https://x.example/mcp",), "--operations and --schema are for an API"),
        ((URL, "operations", None), (None, "https://x.example/mcp"), "give no other URL or program"),
    ],
)
def test_options_that_do_not_belong_together(given: Any, others: Any, reason: str):
    with pytest.raises(typer.BadParameter, match=reason):
        server_graphql.judge(*given, others=others)


@pytest.mark.parametrize("text", ["Authorization", "Authorization:", ": Bearer s3cret", "Bearer-s3cret", ""])
def test_a_header_without_its_form_is_refused_and_not_repeated(text: str):
    with pytest.raises(typer.BadParameter) as caught:
        server_graphql.headers(["X-Good: 1", text])
    assert "'NAME: TEXT'" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_headers_are_names_and_texts():
    given = ["Authorization: Bearer env:SHOP_TOKEN", "X-Edition:2027-01"]
    assert server_graphql.headers(given) == {"Authorization": "Bearer env:SHOP_TOKEN", "X-Edition": "2027-01"}


@pytest.mark.promise("graphql.recorded")
def test_the_record_names_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("shop.graphql").write_text(SDL)
    document = "query Echo($text: String) { echo(text: $text) }\nmutation C { cancelOrder(number: 1) { id } }"
    Path("it.graphql").write_text(document)
    made = server_graphql.settings(URL, "it.graphql", "shop.graphql", {"max_depth": 3})
    assert set(made) == {"url", "operations", "schema", "max_depth"}
    assert made["operations"]["echo"]["document"].startswith("query Echo($text: String) {")
    assert str(tmp_path) not in str(made)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("2 operations, about ")
    assert [line.split()[:2] for line in said[1:]] == [["echo", "query"], ["c", "mutation"]]


def test_what_is_wrong_is_told_before_anything_is_registered(tmp_path: Path):
    (tmp_path / "it.graphql").write_text("query Echo { ecco }\nquery Other { order(x: 1) { id } }")
    (tmp_path / "shop.graphql").write_text(SDL)
    with pytest.raises(ConfigError) as caught:
        server_graphql.settings(URL, str(tmp_path / "it.graphql"), str(tmp_path / "shop.graphql"), {})
    assert caught.value.findings[0] == "it.graphql:1: Cannot query field 'ecco' on type 'Query'. Did you mean 'echo'?"
    assert all(finding.startswith("it.graphql:") for finding in caught.value.findings)
    with pytest.raises(ConfigError, match="no such file or folder"):
        server_graphql.settings(URL, str(tmp_path / "nowhere"), None, {})
    with pytest.raises(typer.BadParameter, match="--graphql needs --operations"):
        server_graphql.settings(URL, None, None, {})
