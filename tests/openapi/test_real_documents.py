"""Documents as they are: GitHub's, and thirty of other styles, from packages of npm and PyPI."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.openapi.imports import from_file, loaded, made, read, size
from tests.openapi.packages import GITHUB, NPM, PYPI
from toolgate.cli.records.openapi_fetching import Source
from toolgate.cli.records.openapi_importing import imported
from toolgate.control.openapi import selection
from toolgate.control.openapi.making import Plan
from toolgate.control.openapi.selection import Choice

WANTED = (
    "users/get-authenticated", "search/repos", "search/code", "search/issues-and-pull-requests", "repos/get",
    "repos/list-languages", "repos/get-contributors-stats", "repos/get-commit-activity-stats", "repos/get-content",
    "repos/list-commits", "issues/list-for-repo", "issues/get", "issues/create", "issues/update",
    "issues/create-comment", "pulls/list", "pulls/get", "pulls/list-files", "pulls/create", "pulls/merge",
    "git/create-ref", "repos/create-or-update-file-contents", "actions/list-workflow-runs-for-repo",
)  # fmt: skip
"""The operations behind the tools that people want of GitHub."""

NAMES = {
    "get_user_authenticated", "search_repos", "search_code", "search_issues_and_pull_requests", "get_repo",
    "get_repo_languages", "list_contributors_stats", "list_commit_activity_stats", "get_repo_content",
    "list_repo_commits", "list_issues_for_repo", "get_issue", "create_issue", "update_issue", "create_issue_comment",
    "list_pulls", "get_pull", "list_pull_files", "create_pull", "merge_pull", "create_git_ref",
    "create_or_update_file_contents", "list_workflow_runs_for_repo",
}  # fmt: skip

UPLOADS = "uploads.json"
"""Takes nothing but files."""

ALL = sorted(name for package in (*NPM, *PYPI) for name in package.members.values())


@pytest.mark.promise("openapi.github")
@pytest.mark.timeout(120)
def test_githubs_document_becomes_a_small_server_of_23_tools_within_ten_seconds(real_documents: dict[str, Path]):
    begun = time.monotonic()
    path = real_documents[GITHUB]
    found = read(path)
    chosen = selection.chosen(found, Choice(operations=WANTED))
    result = imported(Source(found, path.name), Plan("github", path.name, "https://api.github.com", chosen, token=True))
    connector = loaded(result)
    took = time.monotonic() - begun
    assert len(found.operations) > 1000
    assert {one.name for one in connector.tools} == NAMES
    assert size(connector) <= 8000
    assert took < 10, f"{took:.1f} s"
    assert result.left_out == {}
    pulls = next(one for one in connector.tools if one.name == "list_pulls")
    assert (pulls.paginate, pulls.hints.read_only) == (True, True)
    assert {"owner", "repo", "state"} <= set(pulls.params)
    assert not {"page", "per_page"} & set(pulls.params)
    assert "number: number" in pulls.result
    merge = next(one for one in connector.tools if one.name == "merge_pull")
    assert (merge.hints.read_only, merge.hints.destructive) == (False, True)
    assert connector.auth[0].headers == {"Authorization": "Bearer {token}"}


@pytest.mark.promise("openapi.real")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ALL)
def test_a_real_document_becomes_a_connector_that_passes_every_lint(real_documents: dict[str, Path], name: str):
    found = read(real_documents[name])
    operations = random.Random(name).sample(found.operations, min(40, len(found.operations)))
    result = made(found, operations)
    assert len(result.connector["tools"]) + len(result.left_out) == len(operations)
    if name == UPLOADS:
        assert all("file" in reason or "image/png" in reason for reason in result.left_out.values())
        assert result.connector["tools"] == []
        return
    assert len(result.left_out) <= len(operations) * 0.5, result.left_out
    connector = loaded(result)
    assert from_file(result) == result.connector
    assert len({one.name for one in connector.tools}) == len(connector.tools)
    starters = selection.starters(found)
    assert all(one.method == "GET" for one in starters)
    for tag, tagged in list(selection.by_tag(found).items())[:5]:
        assert {one.key for one in tagged} == {one.key for one in selection.chosen(found, Choice(tags=(tag,)))}


@pytest.mark.promise("openapi.real")
def test_the_documents_are_of_every_version(real_documents: dict[str, Path]):
    assert len(ALL) >= 20
    small = [name for name in ALL if real_documents[name].stat().st_size < 1_000_000]
    assert {read(real_documents[name]).version for name in small} == {"2.0", "3.0", "3.1"}


@pytest.mark.promise("openapi.names")
def test_names_do_not_move_when_the_document_grows_or_others_are_chosen(real_documents: dict[str, Path]):
    found = read(real_documents["jupyter.yaml"])
    whole = {
        tool["request"]["path"] + tool["request"]["method"]: tool["name"] for tool in made(found).connector["tools"]
    }
    for operation in found.operations[:10]:
        result = made(found, [operation])
        for tool in result.connector["tools"]:
            assert whole[tool["request"]["path"] + tool["request"]["method"]] == tool["name"]
