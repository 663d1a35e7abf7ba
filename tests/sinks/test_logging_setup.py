"""The gateway's own log lines, through the standard logging that the whole program uses."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from toolgate.rules import keys
from toolgate.sinks.logging_setup import LogHandler, configure

KEY = keys.mint(bytes(range(37)))
log = logging.getLogger("toolgate.test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Puts pytest's own handlers back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def raise_with_secret() -> None:
    raise RuntimeError(f"could not send Bearer {KEY}\nsecond\x1b line")


def test_json_lines():
    stream = io.StringIO()
    configure("json", "info", stream)
    log.debug("not at this level")
    log.warning("server %s is down\n%s", "files", KEY, extra={"event": "upstream_down", "server": "files", "tries": 3})
    (text,) = stream.getvalue().splitlines()
    line = json.loads(text)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "warning",
        "event": "upstream_down",
        "logger": "toolgate.test",
        "msg": f"server files is down\ntg_{keys.key_id(KEY)}_***",
        "server": "files",
        "tries": 3,
    }


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_errors_are_told_without_the_secret_in_them(form: str):
    stream = io.StringIO()
    configure("json" if form == "json" else "pretty", "info", stream)
    try:
        raise_with_secret()
    except RuntimeError:
        log.exception("it failed")
    text = stream.getvalue()
    assert "it failed" in text
    assert "raise_with_secret" in text
    assert KEY.split("_")[2] not in text
    assert "\x1b" not in text
    assert (
        len(text.splitlines()) == 1
        if form == "json"
        else all(line.startswith("    ") for line in text.splitlines()[1:])
    )


def test_extra_members_cannot_replace_fixed_ones_and_are_redacted():
    stream = io.StringIO()
    configure("json", "info", stream)
    log.info("x", extra={"ts": "forged", "level": "forged", "header": f"Bearer {KEY}", "long": "y" * 9_999})
    line = json.loads(stream.getvalue())
    assert line["level"] == "info"
    assert line["ts"] != "forged"
    assert line["header"] == f"Bearer tg_{keys.key_id(KEY)}_***"
    assert len(line["long"]) == 512


def test_warnings_and_other_libraries_go_the_same_way_once():
    first, second = io.StringIO(), io.StringIO()
    configure("json", "info", first)
    configure("json", "info", second)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    logging.getLogger("uvicorn.error").info("started")
    assert first.getvalue() == ""
    assert [json.loads(text)["logger"] for text in second.getvalue().splitlines()] == ["py.warnings", "uvicorn.error"]


def test_a_broken_stream_is_counted_and_disturbs_nobody(capsys: pytest.CaptureFixture[str]):
    stream = io.StringIO()
    handler = configure("pretty", "info", stream)
    stream.close()
    log.info("into the void")
    assert isinstance(handler, LogHandler)
    assert handler.lost == 1
    assert capsys.readouterr().err == ""


def test_an_unknown_level_is_an_error():
    with pytest.raises(ValueError, match="LOUD"):
        configure("json", "loud", io.StringIO())
