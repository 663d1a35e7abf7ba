"""Platforms: every module of ours can be imported where POSIX-only modules do not exist."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
# Hidden from our own modules only: the standard library and other packages look after themselves.
IMPORT_ALL = """
import builtins, importlib, pkgutil, sys

HIDDEN = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "uvloop"}
real = builtins.__import__

def importing(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__") or ""
    if importer.split(".")[0] == package_name and name.split(".")[0] in HIDDEN:
        raise ModuleNotFoundError(f"No module named {name!r} (hidden by this test)", name=name)
    return real(name, globals, locals, fromlist, level)

package_name = sys.argv[1]
builtins.__import__ = importing
package = importlib.import_module(package_name)
names = [module.name for module in pkgutil.walk_packages(package.__path__, package_name + ".", onerror=lambda _: None)]
for name in names:
    if not name.endswith("__main__"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as problem:
            sys.exit(f"{name}: {problem}")
print(len(names))
"""


def import_all(package: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, package], cwd=folder, check=False, capture_output=True, text=True, timeout=50
    )


@pytest.mark.promise("platforms.import")
def test_every_module_imports_without_posix():
    done = import_all("toolgate", SOURCE)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= len(list(SOURCE.rglob("*.py"))) - 2, "not every module was reached"


@pytest.mark.parametrize("hidden", ["fcntl", "uvloop", "pwd"])
def test_a_hidden_module_is_noticed(tmp_path: Path, hidden: str):
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "__init__.py").touch()
    (tmp_path / "sample" / "bound.py").write_text(f"import {hidden}\n", encoding="utf-8")
    done = import_all("sample", tmp_path)
    assert done.returncode == 1
    assert f"sample.bound: No module named '{hidden}'" in done.stderr


def test_a_guarded_import_passes(tmp_path: Path):
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "__init__.py").touch()
    text = "try:\n    import uvloop\nexcept ImportError:\n    uvloop = None\n"
    (tmp_path / "sample" / "free.py").write_text(text, encoding="utf-8")
    done = import_all("sample", tmp_path)
    assert done.returncode == 0, done.stderr
