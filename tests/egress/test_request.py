"""Request heads: what is written, and that nothing can be smuggled into one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.egress.request import RequestWriter
from toolgate.model.errors import UpstreamFailed

HUSH = "hush"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("x", f"{HUSH}\r\nhost: evil", "'x' holds a line break"),
        ("x", f"{HUSH}\n", "'x' holds a line break"),
        ("x", f"{HUSH}\r", "'x' holds a line break"),
        ("x", f"{HUSH}\0", "'x' holds a line break"),
        ("x", f"{HUSH} ☃", "'x' holds a line break"),
        ("x y", HUSH, "'x y' is no HTTP header name"),
        ("x:", HUSH, "is no HTTP header name"),
        ("x\r\ny", HUSH, "is no HTTP header name"),
        ("", HUSH, "'' is no HTTP header name"),
        ("Host", HUSH, "'Host' is set by the connection"),
        ("content-length", HUSH, "is set by the connection"),
        ("Transfer-Encoding", HUSH, "is set by the connection"),
        ("Accept-Encoding", HUSH, "is set by the connection"),
        ("connection", HUSH, "is set by the connection"),
    ],
)
def test_a_bad_header_is_named_and_its_value_kept_secret(name: str, value: str, what: str):
    with pytest.raises(UpstreamFailed) as caught:
        RequestWriter("weather", "h").block([("ok", "1"), (name, value), ("ok", "2")])
    assert "'weather'" in caught.value.message
    assert what in caught.value.message
    assert HUSH not in caught.value.message


@pytest.mark.parametrize("path", ["", "mcp", "/a b", "/a\r\nx: y", "/ä", "/a#b", "/\0", "http://evil/"])
def test_a_bad_path_is_refused(path: str):
    with pytest.raises(UpstreamFailed, match="path"):
        RequestWriter("weather", "h").request("GET", path, b"", [], b"")


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "get", "GET /", ""])
def test_a_bad_method_is_refused(method: str):
    with pytest.raises(UpstreamFailed, match="method"):
        RequestWriter("weather", "h").request(method, "/", b"", [], b"")


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4))
def test_as_many_lines_are_written_as_headers_given(headers: list[tuple[str, str]]):
    """Whatever the names and values are: either all of them are refused, or each is one line."""
    try:
        block = RequestWriter("weather", "h").block(headers)
    except UpstreamFailed:
        return
    lines = block.decode("latin-1").split("\r\n")
    assert lines.pop() == ""
    assert lines == [f"{name}: {value}" for name, value in headers]
    assert block.count(b"\r") == block.count(b"\n") == len(headers)


def test_many_paths_and_names_do_not_pile_up():
    writer = RequestWriter("weather", "h")
    for number in range(2000):
        data = writer.request("GET", f"/{number}", b"", [(f"x{number}", "1")], b"")
        assert data == f"GET /{number} HTTP/1.1\r\nhost: h\r\nx{number}: 1\r\n\r\n".encode()
