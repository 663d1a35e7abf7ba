"""The tree: git tracks no secret, nothing of one machine, no address of a registry; every dependency is pinned."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEVER_TRACKED = re.compile(
    r"(^|/)(uv\.lock|package-lock\.json|node_modules|\.venv|\.env|local\.key|\.DS_Store)(/|$)|\.pyc$"
)
LARGEST = 1_000_000

# Each pattern is written so that it does not find itself.
PATTERNS = {
    "a path of one machine": re.compile(r"(?<![\w.:/-])/(work|root|farm|home/\w+|Users/\w+|tm[p]/[\w.-]+)(/|\b)(?!\w)"),
    "the address of a registry": re.compile(
        r"(registry\.npm[j]s|files\.python[h]osted|pyp[i]\.org|static\.crate[s]|proxy\.golan[g]|repo\.mave[n])"
        r'|"resolved"\s*:\s*"http|^registry = "http|index-ur[l]',
        re.MULTILINE,
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KE[Y]-----"),
    "a key of a provider": re.compile(
        r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abpr]-[A-Za-z0-9-]{20,}|sk-[A-Za-z0-9_-]{32,}|AIza[\w-]{35})\b"
    ),
    "a word about who wrote it": re.compile(
        r"\b(AI|LLM|machine)-(made|generated|written)\b|Co-Authored-B[y]", re.IGNORECASE
    ),
}


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=30)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def findings(name: str, content: bytes) -> Iterator[str]:
    if NEVER_TRACKED.search(name):
        yield f"{name}: is not to be tracked"
    if len(content) > LARGEST:
        yield f"{name}: {len(content)} bytes, at most {LARGEST}"
    if b"\0" in content:
        return
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        for what, pattern in PATTERNS.items():
            if pattern.search(line):
                yield f"{name}:{number}: {what}"


@pytest.mark.promise("house.clean-tree")
def test_tracked_files_are_clean():
    names = tracked()
    assert "pyproject.toml" in names, "the list of files is broken"
    found = [line for name in names for line in findings(name, (ROOT / name).read_bytes())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("uv.lock", ""),
        ("tests/npm/package-lock.json", ""),
        ("src/toolgate/__pycache__/x.pyc", ""),
        ("docs/large.svg", "x" * (LARGEST + 1)),
        ("a.py", "open('/ro" + "ot/.ssh/id')"),
        ("a.md", "see /wo" + "rk/main"),
        ("a.sh", "cd /t" + "mp/probe && ls"),
        ("a.md", "/ho" + "me/jane/x"),
        ("a.toml", "index-u" + 'rl = "https://x"'),
        ("a.json", '"resol' + 'ved": "https://x"'),
        ("a.txt", "https://py" + "pi.org/simple"),
        ("a.pem", "-----BEGIN EC PRIVATE " + "KEY-----"),
        ("a.py", "AK" + "IA" + "A1B2C3D4E5F6G7H8"),
        ("a.py", "gh" + "p_" + "a1" * 18),
        ("a.md", "this was AI-" + "generated"),
    ],
)
def test_each_rule_of_the_tree_can_fail(name: str, content: str):
    assert len(list(findings(name, content.encode()))) == 1


@pytest.mark.parametrize(
    "content", ["https://host/work/item", "POST /homes", "frameworks/", "a/root/b", "Disk-generated"]
)
def test_ordinary_text_passes(content: str):
    assert list(findings("docs/page.md", content.encode())) == []


def unpinned(lock: str, project: str) -> list[str]:
    """What the lock resolved to but pyproject.toml does not pin."""
    pins = {pin.split(" ;")[0] for pin in tomllib.loads(project)["tool"]["uv"]["constraint-dependencies"]}
    resolved = {
        f"{package['name']}=={package['version']}"
        for package in tomllib.loads(lock)["package"]
        if "editable" not in package["source"]
    }
    return sorted(resolved - pins)


@pytest.mark.promise("house.pinned")
def test_every_dependency_is_pinned():
    lock, project = ((ROOT / name).read_text(encoding="utf-8") for name in ("uv.lock", "pyproject.toml"))
    assert unpinned(lock, project) == [], "run scripts/pin"


def test_a_dependency_without_a_pin_is_noticed():
    lock = '[[package]]\nname = "h11"\nversion = "0.16.0"\nsource = { registry = "x" }\n'
    assert unpinned(lock, "[tool.uv]\nconstraint-dependencies = []\n") == ["h11==0.16.0"]
    assert unpinned(lock, '[tool.uv]\nconstraint-dependencies = ["h11==0.16.0"]\n') == []
