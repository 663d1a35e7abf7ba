"""The shape of the house: floors, small files and functions, no hidden imports, names that say something."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES = 400
FUNCTION_LINES = 50
VAGUE = re.compile(r"^(.*_)?(utils?|helpers?|common|misc|base|core|managers?|services?|shared)$")
READ_BY_PEOPLE = {".py", ".js", ".mjs", ".ts", ".css", ".html", ".c", ".h", ".sh"}
# The only places that load code by a name: optional kinds, the lazy command table, and people's own servers.
BY_NAME = (
    "src/toolgate/extensions",
    "src/toolgate/cli/",
    "src/toolgate/upstreams/python",
    "src/toolgate/functions/",  # a worker process, which loads a team's own modules
    "src/toolgate/upstreams/filesystem/documents",  # a process that limits itself first, and takes one library of six
)
FLOORS = (
    "cli assembly client edge upstreams identity credentials sinks stores egress pipeline control protocol rules model"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def written_files() -> Iterator[Path]:
    """Every file that a person reads and writes, tracked or about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30).stdout
    for name in listed.split("\0"):
        path = ROOT / name
        if path.suffix in READ_BY_PEOPLE and path.is_file() and "golden" not in path.parts:
            yield path


def length(function: Function) -> int:
    """The lines of a function from `def` to its end, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        text = function.body[0]
        lines -= (text.end_lineno or text.lineno) - text.lineno + 1
    return lines


def hidden_imports(tree: ast.AST, name: str) -> Iterator[str]:
    """Imports inside functions, and imports by name outside the places that may."""
    for function in ast.walk(tree):
        if isinstance(function, Function | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield f"{name}:{node.lineno}: an import inside a function"
    if name.startswith("src/") and not name.startswith(BY_NAME):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "__import__",
                "import_module",
                "importlib.import_module",
            }:
                yield f"{name}:{node.lineno}: an import by name, which only {', '.join(BY_NAME)} may do"


def findings(name: str, text: str) -> list[str]:
    """What is wrong with the file `name` (relative to the root, with slashes), one line each."""
    found: list[str] = []
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    if lines > FILE_LINES:
        found.append(f"{name}: {lines} lines, at most {FILE_LINES}")
    path = Path(name)
    vague = [part for part in (*path.parts[:-1], path.stem) if VAGUE.match(part)]
    if vague:
        found.append(f"{name}: {', '.join(vague)} says nothing about what it holds")
    if path.suffix != ".py":
        return found
    tree = ast.parse(text, name)
    if not ast.get_docstring(tree):
        found.append(f"{name}: no docstring that introduces the module")
    long = [node for node in ast.walk(tree) if isinstance(node, Function) and length(node) > FUNCTION_LINES]
    found += [f"{name}:{node.lineno}: {node.name} has {length(node)} lines, at most {FUNCTION_LINES}" for node in long]
    return [*found, *dict.fromkeys(hidden_imports(tree, name))]


@pytest.mark.promise("house.small-pieces")
def test_files_and_functions_are_small_introduced_and_well_named():
    files = list(written_files())
    assert len(files) > 20, "the list of files is broken"
    found = [
        line for path in files for line in findings(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


LONG_BODY = "\n".join(["    x = 1"] * 50)
LONG_TEXT = "\n".join(["    more words"] * 60)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("src/toolgate/rules/big.py", '"""Big."""\n' + "x = 1\n" * 400, "401 lines"),
        ("src/toolgate/rules/long.py", f'"""Long."""\n\n\ndef f():\n{LONG_BODY}\n', "f has 51 lines"),
        ("src/toolgate/rules/long.py", f'"""Long."""\n\n\nasync def f():\n{LONG_BODY}\n', "f has 51 lines"),
        ("src/toolgate/rules/mute.py", "x = 1\n", "no docstring"),
        ("src/toolgate/rules/lazy.py", '"""Lazy."""\n\n\ndef f():\n    import json\n', "an import inside a function"),
        (
            "src/toolgate/edge/name.py",
            '"""N."""\nimport importlib\nx = importlib.import_module("a")\n',
            "an import by name",
        ),
        ("src/toolgate/edge/name.py", '"""N."""\nx = __import__("a")\n', "an import by name"),
        ("src/toolgate/edge/http_utils.py", '"""U."""\n', "says nothing"),
        ("src/toolgate/helpers/text.py", '"""H."""\n', "says nothing"),
        ("benchmarks/load.c", "int x;\n" * 401, "401 lines"),
    ],
)
def test_each_rule_of_size_and_name_can_fail(name: str, text: str, expected: str):
    found = findings(name, text)
    assert len(found) == 1, found
    assert expected in found[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/toolgate/rules/big.py", '"""Big."""\n' + "x = 1\n" * 399),
        (
            "src/toolgate/rules/told.py",
            f'"""Told."""\n\n\ndef f():\n    """Says much.\n{LONG_TEXT}\n    """\n    x = 1\n',
        ),
        ("src/toolgate/extensions.py", '"""E."""\nimport importlib\nx = importlib.import_module("a")\n'),
    ],
)
def test_what_is_within_the_limits_passes(name: str, text: str):
    assert findings(name, text) == []


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=False, capture_output=True, text=True, timeout=60
    )


@pytest.mark.promise("house.floors")
def test_floors_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def sketch(tmp_path: Path) -> Path:
    """A house of the same floors under the same contracts, with nothing in it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = tmp_path / "toolgate"
    for floor in FLOORS.split():
        (package / floor).mkdir(parents=True)
        (package / floor / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "ports.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "0 broken"),
        ({"model/call.py": "import toolgate.ports"}, "never beside or above BROKEN"),
        ({"edge/http.py": "import toolgate.upstreams"}, "never beside or above BROKEN"),
        ({"control/registry.py": "import toolgate.pipeline"}, "never beside or above BROKEN"),
        ({"unplaced.py": ""}, "never beside or above BROKEN"),
        ({"pipeline/front_door.py": "import httpx2"}, "or HTTP client BROKEN"),
        ({"rules/a.py": "import toolgate.rules.b", "rules/b.py": "import toolgate.rules.a"}, "any package BROKEN"),
    ],
)
def test_each_contract_of_the_floors_can_break(sketch: Path, files: dict[str, str], expected: str):
    for name, text in files.items():
        (sketch / "toolgate" / name).write_text(text, encoding="utf-8")
    done = lint_imports(sketch)
    assert expected in done.stdout, done.stdout + done.stderr
    assert done.returncode == (1 if files else 0)
