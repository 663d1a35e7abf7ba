"""Mirrored headers: the official SDK's own codec and checks are the other party of every property."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared import inbound

from toolgate.model.errors import HeaderMismatch, InvalidParams
from toolgate.protocol import mirror

TEXTS = st.one_of(
    st.text(max_size=12),
    st.text("=?base64 \t", max_size=14),
    st.binary(max_size=6).map(lambda raw: mirror.encode_value(raw.decode("latin-1"))),
)


@given(TEXTS)
def test_values_are_written_as_the_sdk_writes_them(value: str):
    assert mirror.encode_value(value) == inbound.encode_header_value(value)
    assert inbound.decode_header_value(mirror.encode_value(value)) == value
    assert mirror.decode_value(mirror.encode_value(value)) == value


@given(
    st.one_of(
        TEXTS.map(lambda text: text.strip(" \t")),
        st.text("=AQ4zg/+-_", max_size=8).map(lambda payload: f"=?base64?{payload}?="),
    ).filter(lambda text: "\n" not in text)
)
def test_values_are_read_as_the_sdk_reads_them(header: str):
    expected = inbound.decode_header_value(header)
    if expected is None:
        with pytest.raises(HeaderMismatch, match="base64"):
            mirror.decode_value(header)
    else:
        assert mirror.decode_value(header) == expected


# Annotations of schemas ----------------------------------------------------------------------------------------------

TOKENS = st.sampled_from(["Region", "region", "Zone", "X-Y", "", "a b", "Ä", 5, None])
KEYWORDS = ["items", "not", "if", "additionalProperties", "default", "const", "enum", "$ref", "contentSchema", "else"]
LISTS = ["anyOf", "allOf", "prefixItems", "examples"]
MAPS = ["properties", "properties", "properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]
LEAVES = st.builds(
    lambda kind, token: {
        **({} if kind is ... else {"type": kind}),
        **({} if token is ... else {"x-mcp-header": token}),
    },
    st.sampled_from(["string", "integer", "boolean", "number", "object", ["string"], ...]),
    st.one_of(st.just(...), st.just(...), TOKENS),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda leaf, keyword, names: {**leaf, keyword: names},
            LEAVES,
            st.sampled_from(MAPS),
            st.dictionaries(st.sampled_from(["p", "q", "r.s"]), inner, max_size=2),
        ),
        st.builds(lambda keyword, value: {keyword: value}, st.sampled_from(KEYWORDS), inner),
        st.builds(lambda keyword, values: {keyword: values}, st.sampled_from(LISTS), st.lists(inner, max_size=2)),
    ),
    max_leaves=6,
)


@given(SCHEMAS)
def test_annotations_are_found_and_refused_as_the_sdk_does(schema: dict[str, Any]):
    if inbound.find_invalid_x_mcp_header(schema) is not None:
        with pytest.raises(ValueError, match="x-mcp-header"):
            mirror.annotations(schema)
    else:
        found = {param.path: param.token for param in mirror.annotations(schema)}
        assert found == inbound.x_mcp_header_map(schema)


# Headers and arguments -----------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {
        "s": {"type": "string", "x-mcp-header": "Str"},
        "n": {"type": "integer", "x-mcp-header": "Num"},
        "b": {"type": "boolean", "x-mcp-header": "Bool"},
        "deep": {"type": "object", "properties": {"x": {"type": "string", "x-mcp-header": "Deep"}}},
    },
}
PARAMS = mirror.annotations(SCHEMA)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.sampled_from([42, 42.0, -0.0, 0, 1e22, 1.5, 2**53]),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.lists(st.integers(), max_size=1),
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["s", "n", "b", "deep"]), st.one_of(VALUES, VALUES.map(lambda value: {"x": value}))
)


@given(ARGUMENTS)
def test_headers_that_we_make_pass_the_sdks_check(arguments: dict[str, Any]):
    raw = msgspec.Raw(msgspec.json.encode(arguments))
    headers = dict(mirror.headers_for(PARAMS, raw))
    assert inbound.validate_mcp_param_headers(SCHEMA, msgspec.json.decode(raw), headers) is None
    mirror.check_params({name.lower().encode(): value.encode() for name, value in headers.items()}, PARAMS, raw)


@pytest.mark.promise("headers.mirrored")
@given(
    ARGUMENTS,
    st.dictionaries(
        st.sampled_from(["Mcp-Param-Str", "Mcp-Param-Num", "Mcp-Param-Bool", "Mcp-Param-Deep", "Mcp-Param-Other"]),
        st.one_of(
            st.sampled_from(
                ["42", "42.0", "42.5", "042", "-0", "0", "true", "false", "1e3", "", "=?base64?YQ==?=", "a"]
            ),
            st.integers().map(str),
            st.floats(allow_nan=False, allow_infinity=False).map(str),
        ),
    ),
    st.booleans(),
)
def test_headers_are_judged_as_the_sdk_judges_them(arguments: dict[str, Any], headers: dict[str, str], honest: bool):
    raw = msgspec.Raw(msgspec.json.encode(arguments))
    arguments = msgspec.json.decode(raw)
    if honest:
        headers = {
            **inbound.mcp_param_headers(inbound.x_mcp_header_map(SCHEMA), arguments),
            **dict(list(headers.items())[:1]),
        }
    lower = {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}
    if inbound.validate_mcp_param_headers(SCHEMA, arguments, headers) is None:
        mirror.check_params(lower, PARAMS, raw)
    else:
        with pytest.raises(HeaderMismatch, match=r"Mcp-Param|base64"):
            mirror.check_params(lower, PARAMS, raw)


@given(
    st.sampled_from([("s", "Str"), ("n", "Num"), ("b", "Bool")]),
    VALUES,
    st.one_of(st.sampled_from(["42", "42.0", "42.5", "042", "-0", "0", "1e3", "true", "True", ""]), VALUES.map(str)),
)
def test_one_header_is_judged_as_the_sdk_judges_it(where: tuple[str, str], value: Any, header: str):
    raw = msgspec.Raw(msgspec.json.encode({where[0]: value}))
    header = mirror.encode_value(header)
    headers = {f"Mcp-Param-{where[1]}": header}
    expected = inbound.validate_mcp_param_headers(SCHEMA, msgspec.json.decode(raw), headers)
    try:
        mirror.check_params({f"mcp-param-{where[1].lower()}".encode(): header.encode()}, PARAMS, raw)
    except HeaderMismatch:
        assert expected is not None
    else:
        assert expected is None


def test_arguments_that_cannot_be_read_are_refused():
    with pytest.raises(InvalidParams, match="cannot be read"):
        mirror.check_params({}, PARAMS, msgspec.Raw(b'{"n":1e999}'))


@pytest.mark.parametrize(
    ("header", "expected", "agrees"),
    [
        ("find", "find", True),
        (" find ", "find", True),
        ("Find", "find", False),
        (None, "find", False),
        ("=?base64?w7w=?=", "ü", True),
        ("=?base64?w7x=?=", "ü", False),
        ("=?base64?find", "=?base64?find", True),
    ],
)
def test_the_name_must_be_the_one_of_the_body(header: str | None, expected: str, agrees: bool):
    if agrees:
        mirror.check_name(header, expected)
    else:
        with pytest.raises(HeaderMismatch):
            mirror.check_name(header, expected)
