"""Patterns: those of ignore files held against git itself, those of searches against their meaning."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import require
from toolgate.upstreams.filesystem.globs import GlobError, ignoring, lenient, matcher
from toolgate.upstreams.filesystem.searching import is_excluded

PATHS = (
    "a.txt",
    "b.log",
    "A.TXT",
    ".env",
    ".env.local",
    "build/x.o",
    "build/deep/y.o",
    "src/build/z.o",
    "src/a.txt",
    "src/b.log",
    "src/deep/er/c.py",
    "src/deep/er/d.txt",
    "docs/a/b/c/e.md",
    "docs/e.md",
    "x[1].txt",
    "x1.txt",
    "x-.txt",
    "#hash",
    "!bang",
    "space end ",
    "sub/foo/bar",
    "foo/bar",
    "foobar",
    "foo",
    "deep/foo/x",
    "abc/def/ghi",
    "abc/ghi",
    "tmp/keep/x",
)
RULES = (
    ["*.txt"],
    ["/a.txt"],
    ["build/"],
    ["/build/"],
    ["build"],
    ["*.log", "!b.log"],
    ["src/*.log"],
    ["src/**/c.py"],
    ["**/deep"],
    ["**/deep/**"],
    ["docs/**/e.md"],
    ["docs/**"],
    ["abc/**/ghi"],
    ["x[1].txt"],
    ["x[0-9].txt"],
    ["x[!0-9].txt"],
    ["x\\[1\\].txt"],
    ["\\#hash"],
    ["#hash"],
    ["\\!bang"],
    ["space end"],
    ["space end\\ "],
    ["foo"],
    ["foo/"],
    ["/foo"],
    ["foo/bar"],
    ["/foo/*"],
    ["foo*"],
    ["*bar"],
    ["f*r"],
    [".env*"],
    [".env.*"],
    ["?.txt"],
    ["*"],
    ["*", "!*/", "!*.py"],
    ["tmp/*", "!tmp/keep"],
    ["src/", "!src/a.txt"],
    ["**/"],
    ["**"],
    ["a.*", "!a.txt", "a.txt"],
    ["deep/*/x"],
    ["*.t?t"],
    ["er/"],
    ["[ab].*"],
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("git"), "git")
    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True, timeout=30)
    for path in PATHS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if not (root / path).is_dir():
            (root / path).touch()
    return root


@pytest.mark.parametrize("lines", RULES, ids=" ".join)
def test_ignore_files_mean_what_they_mean_to_git(repository: Path, lines: list[str]):
    files = [path for path in PATHS if (repository / path).is_file()]
    (repository / ".gitignore").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=repository,
        input="\0".join(files),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    theirs = {path for path in done.stdout.split("\0") if path}
    rules = ignoring(lines)
    assert {path for path in files if is_excluded(rules, path, False)} == theirs


@pytest.mark.parametrize(
    ("pattern", "fits", "not_fits"),
    [
        ("*.md", ["a.md", ".md"], ["x/a.md", "a.mdx"]),
        ("**/*.md", ["a.md", "x/a.md", "x/y/.a.md"], ["a.txt"]),
        ("**", ["a", "a/b"], []),
        ("src/**", ["src/a", "src/a/b"], ["src", "a/src/b"]),
        ("src/**/x", ["src/x", "src/a/b/x"], ["x", "src/xx"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("*.{md,txt}", ["a.md", "a.txt"], ["a.mdtxt", "a.{md,txt}"]),
        ("{a,b/{c,d}}/*", ["a/x", "b/c/x", "b/d/x"], ["b/x", "c/x"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "/x"]),
        ("[!a]x", ["bx"], ["ax", "/x"]),
        ("a.b", ["a.b"], ["aXb"]),
        ("(a|b)+$^", ["(a|b)+$^"], ["a"]),
    ],
)
def test_patterns_of_searches(pattern: str, fits: list[str], not_fits: list[str]):
    matches = matcher(pattern)
    assert [path for path in fits if not matches(path)] == []
    assert [path for path in not_fits if matches(path)] == []


@pytest.mark.parametrize("pattern", ["", "x" * 401, "{a,b}" * 20])
def test_patterns_that_cannot_be_used(pattern: str):
    with pytest.raises(GlobError):
        matcher(pattern)


def test_no_pattern_runs_for_long():
    began = time.process_time()
    rules = lenient(["*a*a*a*a*a*a*a*a*a*b", "**/**/**/**/x/**/**/y", "[", "]", "\\", "a" * 10_000])
    for path in ("a" * 255, "/".join("a" * 200), "x/" * 300):
        is_excluded(rules, path, False)
    assert time.process_time() - began < 2
