"""Functions in their workers: what one of them does hurts no other call, and nothing that it does is lost or leaks."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import venv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import pytest_asyncio

from tests.functions.samples import Serving, begun, gone, serving, until, written
from tests.ports.speaking import ALL, Ear
from toolgate.model.errors import ConfigError, UpstreamError, UpstreamFailed
from toolgate.model.identity import Principal

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and groups of processes"),
]

SECRET = "canary-7f3a-of-a-caller"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def work(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """One worker of four threads, so that every call is beside the others."""
    path = written(tmp_path_factory.mktemp("team"))
    async with serving(path, workers=1, concurrency=4, max_bytes=100_000) as one:
        yield one


async def until_replaced(work: Serving, pid: int | str) -> None:
    async def elsewhere() -> bool:
        return await work.text("pid") != str(pid)

    await until(elsewhere)


async def test_arguments_and_results(work: Serving):
    assert (await work.upstream.discover(ALL)).instructions == "Everything that a team's file may do."
    assert await work.text("add", a=40) == "42"
    assert await work.wrong("add", a="x") == "add: Expected `int`, got `str` - at `$.a`"
    assert await work.wrong("add", a=1, c=1) == "add: Object contains unknown field `c`; it takes a, b"
    assert await work.wrong("refuse") == "refuse: ask for something else"
    with pytest.raises(UpstreamError, match="unknown tool: nothing"):
        await work.result("nothing")


@pytest.mark.promise("functions.caller")
async def test_who_calls_and_what_they_hear(work: Serving):
    ear = Ear()
    owned = Principal("key:mine", "anything", ("red", "blue"), owner="user:ada", cost_center="made up")
    known = (await work.result("caller", principal=owned, ear=ear))["structuredContent"]
    assert known == {
        "id": "key:mine", "name": "ada", "owner": "user:ada", "user": "ada", "team": None, "teams": ["red", "blue"],
        "cost_center": None,
    }  # fmt: skip
    progress = {"progressToken": "mine", "progress": 1.0, "total": 2.0, "message": "half"}
    assert ear.said("notifications/progress") == [progress]
    assert ear.said("notifications/message") == [{"level": "warning", "data": "careful"}]
    assert (await work.result("caller"))["structuredContent"]["id"] is None


@pytest.mark.promise("functions.isolated")
async def test_what_blocks_stands_in_nobodys_way(work: Serving, tmp_path: Path):
    flag = tmp_path / "flag"
    held = asyncio.ensure_future(work.text("hold", flag=str(flag)))
    blocked = asyncio.ensure_future(work.text("block", flag=str(flag)))
    pid = await begun(flag)
    assert await work.text("add", a=1) == "3"
    assert not held.done()
    flag.touch()
    assert await held == await blocked == f"held in {pid}"


@pytest.mark.promise("functions.isolated")
@pytest.mark.parametrize(
    ("how", "said"), [("exit", "ended with exit status 3"), ("crash", "was ended by signal SIGSEGV")]
)
async def test_a_crash_ends_the_calls_in_its_worker_and_no_later_one(
    work: Serving, tmp_path: Path, how: str, said: str
):
    flag = tmp_path / "flag"
    beside = asyncio.ensure_future(work.text("hold", flag=str(flag)))
    again = asyncio.ensure_future(work.text("hold_again", flag=str(tmp_path / "again")))
    pid = await begun(flag)
    assert await begun(tmp_path / "again") == pid
    with pytest.raises(UpstreamFailed, match=f"the worker {said} while it ran die: it is not known how much"):
        await work.result("die", how=how)
    with pytest.raises(UpstreamFailed, match=f"{said} while it ran hold"):
        await beside
    (tmp_path / "again").touch()
    assert await again != f"held in {pid}", "what is read-only is done once more, elsewhere"
    assert await work.wrong("die", how="leave") == "die failed: SystemExit (reference 1)"


@pytest.mark.promise("functions.isolated")
async def test_a_worker_that_is_killed_takes_what_it_started_along(work: Serving, tmp_path: Path):
    child = int(await work.text("start"))
    flag = tmp_path / "flag"
    beside = asyncio.ensure_future(work.text("hold", flag=str(flag)))
    os.kill(await begun(flag), signal.SIGKILL)
    with pytest.raises(UpstreamFailed, match="was ended by signal SIGKILL while it ran hold"):
        await beside
    await gone(child)
    assert await work.text("add", a=1) == "3"


@pytest.mark.promise("functions.isolated")
async def test_a_call_that_does_not_end_costs_its_worker_and_no_call_beside_it(work: Serving, tmp_path: Path):
    flag, stuck = tmp_path / "flag", tmp_path / "stuck"
    beside = asyncio.ensure_future(work.text("hold", flag=str(flag)))
    pid = await begun(flag)
    never = asyncio.ensure_future(work.text("hold", flag=str(stuck)))
    assert await begun(stuck) == pid
    never.cancel()
    await until_replaced(work, pid)
    assert psutil.pid_exists(pid)
    flag.touch()
    assert await beside == f"held in {pid}"
    await gone(pid)


async def test_an_async_function_that_blocks_is_ended_with_its_worker(work: Serving, tmp_path: Path):
    stuck = tmp_path / "stuck"
    never = asyncio.ensure_future(work.text("block", flag=str(stuck)))
    pid = await begun(stuck)
    never.cancel()
    await gone(pid)
    assert await work.text("wait", seconds=0) == "waited"


@pytest.mark.parametrize("name", ["wait", "look"])
async def test_a_function_is_told_when_nobody_waits(work: Serving, tmp_path: Path, name: str):
    flag = tmp_path / "flag"
    before = await work.text("pid")
    given = {"seconds": 600} if name == "wait" else {}
    call = asyncio.ensure_future(work.text(name, flag=str(flag), **given))
    await until(Path(f"{flag}.begun").exists)
    call.cancel()
    await until(Path(f"{flag}.cancelled").exists)
    assert await work.text("pid") == before, "what ends in time costs no worker"


async def test_more_calls_than_places_wait_for_one(work: Serving, tmp_path: Path):
    flags = [tmp_path / str(place) for place in range(6)]
    calls = [asyncio.ensure_future(work.text("hold", flag=str(flag))) for flag in flags]
    await asyncio.gather(*(begun(flag) for flag in flags[:4]))
    assert not await asyncio.to_thread(Path(f"{flags[4]}.begun").exists)
    for flag in flags:
        flag.touch()
    assert len(await asyncio.gather(*calls)) == 6


@pytest.mark.promise("functions.isolated")
async def test_a_leak_is_ended_by_the_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    async with serving(written(tmp_path), workers=1, memory_mb=80) as work:
        leaking = await work.text("leak", megabytes=90)
        await until_replaced(work, leaking)
        assert "MB of memory, and may use 80" in caplog.text
        before = await work.text("pid")
        if sys.platform == "linux":
            assert await work.wrong("leak", megabytes=4000) == "leak failed: MemoryError (reference 1)"
            await until_replaced(work, before)
        assert await work.text("add", a=1) == "3"


@pytest.mark.promise("functions.silent")
async def test_what_fails_is_told_without_values(work: Serving, caplog: pytest.LogCaptureFixture):
    assert await work.wrong("fail", secret=SECRET) == "fail failed: ValueError (reference 1)"
    assert await work.wrong("lie") == "lie failed: WrongResult (reference 1)"
    assert await work.wrong("fail_badly") == "fail_badly failed (reference 1)"
    assert await work.wrong("misuse") == "misuse failed: ValueError (reference 1)"
    assert "fail failed (reference 1)" in caplog.text
    assert "raise ValueError(secret)" in caplog.text
    assert "in _run" not in caplog.text
    assert "Expected `int`, got `str`" in caplog.text
    assert SECRET not in caplog.text


async def test_what_is_printed_goes_to_the_log(work: Serving, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    assert await work.text("shout", text="hello") == "said"
    await until(lambda: "hello by a child" in caplog.text)
    assert "hello by descriptor" in caplog.text


async def test_an_answer_that_is_too_large_is_refused_by_name(work: Serving):
    assert await work.wrong("huge", characters=200_000) == "huge: the answer is larger than 100000 bytes: ask for less"
    assert len(await work.text("huge", characters=90_000)) == 90_000


@pytest.mark.promise("functions.silent")
async def test_the_environment_is_what_was_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("THE_SECRET", SECRET)
    monkeypatch.setenv("NOT_DECLARED", "x")
    caplog.set_level(logging.INFO)
    async with serving(written(tmp_path), workers=1, env={"TOKEN": "env:THE_SECRET"}) as work:
        seen = (await work.result("environment"))["structuredContent"]
        assert set(seen) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} == {"PATH", "TOKEN"}
        assert seen["TOKEN"] == SECRET
        await work.text("shout", text=SECRET)
        await until(lambda: "by a child" in caplog.text)
    assert "*** by descriptor" in caplog.text
    assert SECRET not in caplog.text
    monkeypatch.delenv("THE_SECRET")
    with pytest.raises(ConfigError, match=r"env\.TOKEN: env:THE_SECRET is not set"):
        async with serving(written(tmp_path), env={"TOKEN": "env:THE_SECRET"}):
            pass


async def test_an_interpreter_of_ones_own_needs_msgspec_alone(tmp_path: Path):
    venv.create(tmp_path / ".venv", symlinks=True)
    path = written(tmp_path)
    async with serving(path, python=".venv/bin/python") as work:
        with pytest.raises(
            UpstreamFailed, match=r"has no msgspec, which functions need: .*/python -m pip install msgspec"
        ):
            await work.upstream.discover(ALL)
    packages = next((tmp_path / ".venv" / "lib").glob("python*/site-packages"))
    assert msgspec.__file__ is not None
    (packages / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    async with serving(path, python=".venv/bin/python", workers=1) as work:
        assert await work.text("interpreter") == str(tmp_path / ".venv" / "bin" / "python")
        assert await work.text("add", a=1) == "3"


@pytest.mark.parametrize(
    ("text", "members", "said"),
    [
        ("def broken(:\n", {}, "SyntaxError in work.py, line 1"),
        ("from toolgate.functions import tool\n@tool\ndef f(x): ...\n", {}, "work.f: parameter 'x' has no type"),
        ("import os\nos._exit(9)\n", {}, "its worker ended with exit status 9 while it loaded the code"),
        ("import time\ntime.sleep(600)\n", {"start_timeout": 0.3}, "its code did not load within 0.3 s"),
        (
            "HELD = b'x' * (100 * 2**20)\nfrom toolgate.functions import tool\n@tool\ndef f() -> str: ...\n",
            {"memory_mb": 80},
            "MB of memory, and may use 80: raise memory_mb",
        ),
        ("from toolgate.functions import tool\n@tool('f')\ndef f() -> str: ...\n", {}, "as @tool(name=...)"),
        ("", {"python": "/no/such/python"}, "cannot be started: '/no/such/python': No such file or directory"),
    ],
)
async def test_code_that_cannot_be_served_is_told(tmp_path: Path, text: str, members: dict[str, Any], said: str):
    async with serving(written(tmp_path, text), **members) as work:
        with pytest.raises(UpstreamFailed) as caught:
            await work.upstream.discover(ALL)
    assert said in caught.value.message


async def test_a_large_answer_arrives_whole(tmp_path: Path):
    async with serving(written(tmp_path), workers=1, max_bytes=8 * 2**20) as work:
        assert len(await work.text("huge", characters=6 * 2**20)) == 6 * 2**20


async def test_a_package_is_all_of_its_modules_but_its_tests(tmp_path: Path):
    files = {
        "crm/__init__.py": "from toolgate.functions import tool\n@tool\ndef top() -> str: return 'top'\n",
        "crm/sales.py": "from . import top, tool\n@tool\ndef sold() -> str: return top()\n",
        "crm/tests/__init__.py": "raise RuntimeError('a test')\n",
        "crm/test_sales.py": "raise RuntimeError('a test')\n",
        "crm/__main__.py": "raise RuntimeError('run')\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    async with serving(tmp_path / "none" / "work.py") as work:
        with pytest.raises(UpstreamFailed, match=r"there is no directory '.*none'"):
            await work.upstream.discover(ALL)
    async with serving(tmp_path / "none.py") as work:
        with pytest.raises(UpstreamFailed, match=r"there is no file '.*none\.py'"):
            await work.upstream.discover(ALL)
    async with serving(tmp_path / "crm", workers=1) as work:
        assert [offer.name for offer in (await work.upstream.discover(ALL)).offers] == ["top", "sold"]
        assert await work.text("sold") == "top"


@pytest.mark.promise("functions.last-good")
@pytest.mark.parametrize("watch", [True, False])
async def test_a_worker_that_ends_after_a_refused_edit_runs_the_former_code_again(tmp_path: Path, watch: bool):
    """Also where more than one file is the code, and where it is gone."""
    written(tmp_path, "WORD = 'kept'\n", "helping.py")
    source = (
        "import os\nimport helping\nfrom toolgate.functions import tool\n"
        "@tool(read_only=True)\ndef word() -> str: return helping.WORD\n"
        "@tool(read_only=True)\ndef pid() -> str: return str(os.getpid())\n"
    )
    async with serving(written(tmp_path, source), workers=1, watch=watch) as work:
        assert await work.text("word") == "kept"

        async def warned() -> bool:
            return "SyntaxError in work.py" in ((await work.upstream.discover(ALL)).warning or "")

        written(tmp_path, source + "\ndef broken(:\n")
        (tmp_path / "helping.py").unlink()
        if watch:
            await until(warned)
        for _ in range(2):
            pid = await work.text("pid")
            os.kill(int(pid), signal.SIGKILL)
            await gone(int(pid))
            assert await work.text("word") == "kept"
            await until_replaced(work, pid)
        assert await warned()
        written(tmp_path, "WORD = 'mended'\n", "helping.py")
        written(tmp_path, source)
        if not watch:
            os.kill(int(await work.text("pid")), signal.SIGKILL)

        async def mended() -> bool:
            discovery = await work.upstream.discover(ALL)
            return discovery.warning is None and await work.text("word") == "mended"

        await until(mended)
