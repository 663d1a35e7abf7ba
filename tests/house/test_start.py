"""A quick start, told by what is imported rather than by a clock: commands load what they use and nothing else."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

HELP = {"toolgate", "typer", "click", "rich", "shellingham", "typing_extensions", "annotated_doc", "msgspec"}
BRIDGE = {"toolgate", "msgspec", "typing_extensions", "httptools", "cython_runtime"}
DATABASES = {"sqlalchemy", "alembic", "aiosqlite", "asyncpg", "aiomysql", "sqlglot"}
TELL = "import atexit, sys; atexit.register(lambda: sys.stderr.write('\\nloaded: ' + ' '.join(sys.modules)))\n"
PLAINLY = """
import sys, typer
from toolgate.cli import program
program.run(["--help"]), program.run(["user", "add", "--help"])
print("=====")
del sys.modules["typer.rich_utils"]
import typer.rich_utils
for words in (["--help"], ["user", "add", "--help"]):
    try:
        typer.main.get_command(program.app).main(words, prog_name="toolgate")
    except SystemExit:
        pass
"""


def packages(program: str, *arguments: str) -> set[str]:
    """The top-level packages, beyond the standard library, that a program has loaded when it ends. It must end well."""
    done = subprocess.run(
        [sys.executable, "-c", TELL + program, *arguments], check=False, capture_output=True, text=True, timeout=30
    )
    said, _, loaded = done.stderr.rpartition("\nloaded: ")
    assert done.returncode == 0, said
    found = {name.partition(".")[0] for name in loaded.split()} - set(sys.stdlib_module_names)
    return {name for name in found if not name.startswith("_cython_")}  # what Cython's modules bring, by its version


def loaded_by(*arguments: str) -> set[str]:
    """What the command `toolgate` itself loads, beyond what the interpreter's own start does."""
    return packages("from toolgate.cli.main import main; main()", *arguments) - packages("pass")


@pytest.mark.promise("start.light-help")
@pytest.mark.parametrize("arguments", [("--help",), ("--version",)], ids=" ".join)
def test_help_loads_no_server(arguments: tuple[str, ...]):
    assert loaded_by(*arguments) - HELP == set()


def test_help_looks_as_typer_draws_it():
    """What is not loaded for it draws nothing of it, and is there for whoever wants it."""
    drawn = subprocess.run(
        [sys.executable, "-c", PLAINLY + "\nfrom rich.traceback import Traceback; Traceback.from_exception"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lightly, plainly = drawn.stdout.split("=====\n")
    assert "Commands" in lightly
    assert lightly == plainly


@pytest.mark.promise("start.light-bridge")
def test_the_bridge_loads_no_more_than_it_needs():
    assert loaded_by("bridge", "--help") - BRIDGE == set()


@pytest.mark.promise("start.light-file-alone")
def test_a_gateway_without_records_loads_no_database(tmp_path: Path):
    program = TELL + "from toolgate.cli.main import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "up", "--state", "none", "--port", "0", "--data-dir", str(tmp_path / "data")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any("Endpoint" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    loaded = {name.partition(".")[0] for name in said.rpartition("\nloaded: ")[2].split()}
    assert process.returncode == 0, said
    assert "uvicorn" in loaded
    assert loaded & DATABASES == set()


@pytest.mark.promise("start.light-file-alone")
def test_stdio_loads_no_database():
    assert packages("import toolgate.cli.stdio") & DATABASES == set()


def test_a_heavy_import_is_noticed():
    assert packages("import msgspec, yaml") - packages("pass") >= {"msgspec", "yaml"}
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        packages("import toolgate.never_there")
