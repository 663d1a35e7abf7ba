"""How child processes end, and what surrounds them: none is left behind, none is told more than was declared."""

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.ports.hostility import ME, ROOT, SECRET, begun, call, gone, hostile, posix
from tests.ports.speaking import ALL, Ear, spec, text, tool, toolbox
from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.upstreams import stdio


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOSTILE_SECRET", SECRET)
    return SECRET


# Ends ----------------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(("name", "reason"), [("exit", "exited with status 7"), ("kill", "SIGKILL")])
async def test_a_crash_fails_what_runs_and_the_next_call_finds_a_new_child(tmp_path: Path, name: str, reason: str):
    async with hostile(tmp_path) as upstream:
        process = await call(upstream, "process")
        running = await begun(upstream, "silent")
        with pytest.raises(UpstreamFailed, match=f"server 'it' .*{reason}"):
            await call(upstream, name)
        with pytest.raises(UpstreamFailed, match=reason):
            await running
        assert await call(upstream, "process") != process


async def test_what_keeps_crashing_is_refused_for_a_while(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        others = tool("fine", ME, grant=Grant("other"))
        for _ in range(2):
            with pytest.raises(UpstreamFailed, match="exited"):
                await call(upstream, "exit")
        with pytest.raises(UpstreamFailed, match="2 times in a row; it is tried again in"):
            await call(upstream, "fine")
        assert text(await upstream.call(others, Ear())) == "fine", "only who broke it waits"


async def test_changes_end_with_the_child(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        await upstream.discover(ALL)
        changes = upstream.changes(ALL)
        ended = asyncio.ensure_future(anext(changes, None))  # type: ignore[arg-type]
        while not ended.done():
            with pytest.raises(UpstreamFailed):
                await call(upstream, "exit")
        assert await ended is None


@pytest.mark.parametrize(
    ("command", "cwd", "reason"),
    [
        (["no-such-program-here"], None, "there is no program 'no-such-program-here'"),
        ([sys.executable], "/no/such/directory", "is no directory"),
        ([sys.executable, "-c", "raise SystemExit(9)"], None, "exited with status 9"),
        ([str(Path(__file__).parent)], None, "cannot be started"),
    ],
)
async def test_what_cannot_be_started_says_why(tmp_path: Path, command: list[str], cwd: str | None, reason: str):
    settings = stdio.Settings(command, cwd=cwd)
    async with stdio.open(spec(), settings, toolbox(tmp_path)) as upstream:
        with pytest.raises(UpstreamFailed, match=reason):
            await upstream.discover(ALL)


async def test_a_server_that_refuses_to_initialize_is_not_waited_for(tmp_path: Path):
    async with hostile(tmp_path, "--refuse") as upstream:
        with pytest.raises(UpstreamFailed, match="exited with status 4"):
            await call(upstream, "fine")


@posix
@pytest.mark.parametrize("flags", [(), ("--stubborn",)], ids=["willing", "stubborn"])
async def test_nothing_is_left_behind(tmp_path: Path, flags: tuple[str, ...]):
    async with hostile(tmp_path, *flags) as upstream:
        child, grandchild = int(await call(upstream, "process")), int(await call(upstream, "spawn"))
        assert psutil.pid_exists(child)
        assert psutil.pid_exists(grandchild)
    await gone(child)
    await gone(grandchild)


@posix
async def test_what_a_crashed_child_started_is_ended_too(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        grandchild = int(await call(upstream, "spawn"))
        with pytest.raises(UpstreamFailed):
            await call(upstream, "kill")
        await gone(grandchild)


@posix
async def test_a_child_that_closes_its_output_is_ended(tmp_path: Path):
    async with hostile(tmp_path) as upstream:
        child = int(await call(upstream, "process"))
        with pytest.raises(UpstreamFailed, match="closed its output"):
            await call(upstream, "close_output")
        await gone(child)


@posix
async def test_children_end_when_the_gateway_is_killed(tmp_path: Path):
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.ports import hostility as it\n"
        "async def main():\n"
        "    async with it.hostile(Path(sys.argv[1])) as upstream:\n"
        "        print(await it.call(upstream, 'process'), flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert gateway.stdout is not None
    child = int(await gateway.stdout.readline())
    os.kill(gateway.pid, signal.SIGKILL)
    await gateway.wait()
    await gone(child)


# Surroundings --------------------------------------------------------------------------------------------------------


async def test_the_environment_is_what_was_declared_and_a_path(tmp_path: Path, secret: str):
    async with hostile(tmp_path) as upstream:
        environment = json.loads(await call(upstream, "environment"))
    environment.pop("LC_CTYPE", None)  # Python's own
    assert environment == {"SECRET": secret, "PATH": os.environ["PATH"]}


async def test_what_the_child_mutters_is_logged_harmless_and_without_secrets(
    tmp_path: Path, secret: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    async with hostile(tmp_path) as upstream:
        await call(upstream, "mutter", text=f"token={secret} \x1b[2J\u202e!")
        while "token" not in caplog.text:
            await call(upstream, "fine")
    assert "server 'it': token=*** \\x1b[2J\\u202e!" in caplog.text
    assert secret not in caplog.text


async def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path):
    settings = stdio.Settings([sys.executable], {"TOKEN": "env:NO_SUCH_VARIABLE_HERE"})
    with pytest.raises(ConfigError, match=r"server it: env\.TOKEN: .*NO_SUCH_VARIABLE_HERE"):
        async with stdio.open(spec(), settings, toolbox(tmp_path)):
            pass


async def test_line_ends_inside_a_request_do_not_end_it(tmp_path: Path):
    request = tool("mutter", ME)
    pretty = msgspec.Raw(b'{\n  "text":\r\n  "two\\nlines"\n}')
    request = msgspec.structs.replace(request, params={**request.params, "arguments": pretty})
    async with hostile(tmp_path) as upstream:
        assert text(await upstream.call(request, Ear())) == "muttered"
