"""Style and types: ruff's rules and format over everything, pyright strict over the source, on Linux and on Windows."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYRIGHT_SECONDS = 400  # the first run on a machine installs pyright itself, and other tests run beside it


def run(*command: str, text: str | None = None, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        input=text,
        check=False,
        capture_output=True,
        text=True,
        timeout=PYRIGHT_SECONDS,
    )


def test_ruff_finds_nothing():
    done = run("ruff", "check", "--quiet", "--output-format=concise", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_is_formatted():
    done = run("ruff", "format", "--quiet", "--check", "--diff", ".")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("PLC0415", '"""S."""\n\n\ndef f() -> None:\n    import json\n\n    json.dumps(1)\n'),
        ("D100", "x = 1\n"),
        ("BLE001", '"""S."""\n\ntry:\n    x = 1\nexcept Exception:\n    x = 2\n'),
        ("T201", '"""S."""\n\nprint(1)\n'),
        ("TID252", '"""S."""\n\nfrom . import call as call\n'),
        ("E501", f'"""{"S " * 65}"""\n'),
    ],
)
def test_ruff_can_fail(rule: str, text: str):
    name = "src/toolgate/model/sample.py"
    done = run("ruff", "check", "--quiet", "--output-format=concise", "--stdin-filename", name, "-", text=text)
    assert done.returncode == 1
    assert rule in done.stdout


@pytest.mark.timeout(PYRIGHT_SECONDS + 10)
@pytest.mark.parametrize("where", [(), ("--pythonplatform", "Windows", "src")], ids=["here", "windows"])
def test_types_hold(where: tuple[str, ...]):
    done = run("pyright", *where)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(PYRIGHT_SECONDS + 10)
def test_types_can_fail(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "src").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "src" / "loose.py").write_text(
        "import signal\n\n\ndef f(x):\n    return signal.SIGHUP\n", encoding="utf-8"
    )
    done = run("pyright", "--pythonplatform", "Windows", folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "reportMissingParameterType" in done.stdout, "the source is not under strict"
    assert "SIGHUP" in done.stdout, "what Windows lacks is not noticed"
