"""The policies of tests/conftest.py: a missing real part skips here and fails in CI; unknown promises are errors."""

import pytest

from tests.conftest import require


def test_a_missing_part_skips_on_a_persons_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"missing on this machine: Node\.js"):
        require(False, "Node.js")


def test_a_missing_part_fails_in_ci(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"missing in CI.*: Node\.js"):
        require("", "Node.js")


def test_a_present_part_passes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "true")
    require("/usr/bin/node", "Node.js")


def test_an_unknown_promise_is_an_error(pytester: pytest.Pytester):
    pytester.makeini("[pytest]\nmarkers = promise: kept\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(
        "import pytest\n@pytest.mark.promise('house.never-made')\ndef test_x(): ...\n",
        conftest="from tests.conftest import pytest_collection_modifyitems as pytest_collection_modifyitems\n",
    )
    done = pytester.runpytest_inprocess("-p", "no:randomly")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*no such promise in tests/promises.py: *house.never-made*"])
