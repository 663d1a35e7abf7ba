"""From a function to a tool: schemas that say what is accepted, descriptions from docstrings, and what is refused."""

from __future__ import annotations

import datetime as dt
import enum
import json
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import jsonschema
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.functions import Caller, Context, Image, ToolError, answering, definitions, docstrings, loading, tool
from toolgate.functions.definitions import Findings
from toolgate.functions.keeping import Keeper


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Place:
    """Where something is."""

    street: str
    number: int | None = None


class Pair(NamedTuple):
    left: int
    right: str


class Weight(TypedDict):
    grams: int


class Shelf(msgspec.Struct):
    place: Place
    next: Shelf | None = None


class Model(pydantic.BaseModel):
    """One of pydantic's."""

    size: int = pydantic.Field(ge=1)
    where: Inner


class Inner(pydantic.BaseModel):
    name: str


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
PLACES = st.fixed_dictionaries({"street": st.text(max_size=5)}, optional={"number": st.none() | st.integers(0, 9)})
KINDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, st.text(max_size=5)),
    (int, st.integers(-(2**63), 2**63 - 1)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (Annotated[int, msgspec.Meta(ge=1, le=9)], st.integers(1, 9)),
    (Annotated[int, pydantic.Field(gt=0, le=9, description="Some")], st.integers(1, 9)),
    (Annotated[str, pydantic.Field(min_length=1, max_length=3, pattern="^a")], st.sampled_from(["a", "abc"])),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
    (Colour, st.sampled_from(["red", "blue"])),
    (int | None, st.none() | st.integers(0, 9)),
    (int | str | list[int], st.integers(0, 9) | st.text(max_size=3) | st.lists(st.integers(0, 9), max_size=2)),
    (list[Annotated[int, pydantic.Field(le=3)]], st.lists(st.integers(0, 3), max_size=3)),
    (dict[str, float], st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=2)),
    (tuple[int, str], st.tuples(st.integers(0, 9), st.text(max_size=2))),
    (set[int], st.lists(st.integers(0, 9), unique=True, max_size=3)),
    (Place, PLACES),
    (Weight, st.fixed_dictionaries({"grams": st.integers(0, 9)})),
    (Pair, st.tuples(st.integers(0, 9), st.text(max_size=2))),
    (Shelf, st.fixed_dictionaries({"place": PLACES}, optional={"next": st.fixed_dictionaries({"place": PLACES})})),
    (
        Model,
        st.builds(lambda size, name: {"size": size, "where": {"name": name}}, st.integers(1, 9), st.text(max_size=3)),
    ),
    (dt.datetime, st.datetimes().map(dt.datetime.isoformat)),
    (dt.date, st.dates().map(dt.date.isoformat)),
    (Decimal, st.decimals(-9, 9, places=2).map(str)),
    (UUID, st.uuids().map(str)),
    (Path, st.sampled_from(["a/b", "/srv"])),
    (bytes, st.sampled_from(["", "aGk="])),
    (Any, JSON),
]


def made(kind: Any) -> definitions.Tool:
    def take(value: Any) -> None: ...

    take.__annotations__["value"] = kind
    return definitions.tool(tool(take))


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(json.loads(json.dumps(value)))


def reads(made: definitions.Tool, value: Any) -> bool:
    try:
        made.read(json.dumps(value).encode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


@pytest.mark.promise("functions.schemas")
@given(st.data())
def test_schema_and_function_take_the_same(data: st.DataObject):
    kind, values = data.draw(st.sampled_from(KINDS))
    of_kind = made(kind)
    schema = of_kind.definition["inputSchema"]
    good = {"value": data.draw(values)}
    assert accepts(schema, good), (schema, good)
    assert reads(of_kind, good)
    # A set takes what is in it twice: that is no harm, and no reason to ask models for it.
    schema["properties"]["value"].pop("uniqueItems", None)
    other = {"value": data.draw(JSON), **data.draw(st.just({}) | st.just({"more": 1}))}
    assert not reads(of_kind, other) or accepts(schema, other), (schema, other)


@pytest.mark.promise("functions.schemas")
@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS], ids=str)
def test_every_kind_has_a_valid_schema_and_bounds_that_hold(kind: Any):
    of_kind = made(kind)
    schema = of_kind.definition["inputSchema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert not accepts(schema, {})
    assert not reads(of_kind, {})


def test_a_whole_definition():
    @tool(read_only=True, destructive=False, title="An order")
    def order(
        number: str,
        context: Context,
        size: Annotated[int, "How many"] = 3,
        colour: Colour = Colour.RED,
        where: Place | None = None,
    ) -> Place:
        """Where an order is.

        Args:
            number: Its number,
                as printed.
            size (int): not this one
        Raises:
            ToolError: never
        """
        return Place(number, size)

    found = definitions.tool(order)
    assert order("a", Context()) == Place("a", 3), "it stays the function that it was"
    schema = found.definition["inputSchema"]
    assert found.definition["description"] == "Where an order is."
    assert found.definition["title"] == "An order"
    assert found.definition["annotations"] == {"readOnlyHint": True, "destructiveHint": False}
    assert schema["required"] == ["number"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["number"] == {"type": "string", "description": "Its number, as printed."}
    assert properties["size"] == {"type": "integer", "description": "How many", "default": 3}
    assert properties["colour"] == {"$ref": "#/$defs/Colour", "default": "red"}
    assert "context" not in properties
    assert found.definition["outputSchema"]["required"] == ["street"]
    values = answering.arguments(found, b'{"number":"A"}', Context(Caller(user="ada")))
    assert set(values) == {"number", "context"}, "defaults are left to the function"
    assert json.loads(answering.result(found, order(**values)))["structuredContent"] == {"street": "A", "number": 3}


@pytest.mark.promise("functions.caller")
def test_a_context_cannot_be_set_by_the_model():
    @tool
    def mine(context: Context) -> str:
        return str(context.caller.user)

    found = definitions.tool(mine)
    assert found.definition["inputSchema"]["properties"] == {}
    with pytest.raises(answering.Refused, match="unknown field `context`"):
        answering.arguments(found, b'{"context":{"caller":{"user":"root"}}}', Context())


@pytest.mark.parametrize(
    ("text", "description", "parameters"),
    [
        ("Says hello.", "Says hello.", {}),
        (
            "Google.\n\nMore.\n\nArgs:\n    name: Who.\n        Or what.\n"
            "    size (int, optional): How: big.\n\nReturns:\n    A text.",
            "Google.\n\nMore.\n\nReturns:\n    A text.",
            {"name": "Who. Or what.", "size": "How: big."},
        ),
        (
            "NumPy.\n\nParameters\n----------\nname : str\n    Who.\nx, y : int\n    Where.\n\n"
            "Raises\n------\nValueError\n    Never.\n",
            "NumPy.",
            {"name": "Who.", "x": "Where.", "y": "Where."},
        ),
        (
            "reST.\n\n:param name: Who.\n    Or what.\n:param int size: How big.\n:type name: str\n"
            ":returns: A text.\n:raises X: never",
            "reST.",
            {"name": "Who. Or what.", "size": "How big."},
        ),
        ("Args: none of this is a section", "Args: none of this is a section", {}),
    ],
    ids=["plain", "google", "numpy", "rest", "no section"],
)
def test_docstrings(text: str, description: str, parameters: dict[str, str]):
    assert docstrings.read(text) == docstrings.Docstring(description, parameters)


@given(st.text(alphabet=st.sampled_from("aA:- \n*()Args,Parametrs"), max_size=200))
def test_no_docstring_breaks_the_reader(text: str):
    docstrings.read(text)


def untyped(number) -> str: ...
def strange(number: complex) -> str: ...
def two(first: str, second: range, third) -> str: ...
def many(*numbers: int) -> str: ...
def nameless(number: int, /) -> str: ...
def lost(number: Missing) -> str: ...  # noqa: F821 # pyright: ignore[reportUndefinedVariable]
def raw() -> bytes: ...
def odd() -> complex: ...


def steps() -> Any:
    yield 1


@pytest.mark.promise("functions.schemas")
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (untyped, ["untyped: parameter 'number' has no type: write one, as `number: str`"]),
        (strange, ["strange: parameter 'number' has no schema: the type complex is not supported"]),
        (two, ["two: parameter 'third' has no type: write one, as `third: str`"]),
        (many, ["many: parameter 'numbers' takes any number: name each parameter, or take a list"]),
        (nameless, ["nameless: parameter 'number' has no name to be given by: leave out the `/`"]),
        (lost, ["lost: a type in its signature cannot be found: name 'Missing' is not defined"]),
        (raw, ["raw: returns bytes: return an Image, an Audio, or a text"]),
        (odd, ["odd: what it returns has no schema: the type complex is not supported"]),
        (steps, ["steps: is a generator: return a list"]),
    ],
)
def test_what_has_no_schema_is_named(function: Any, said: list[str]):
    with pytest.raises(Findings) as caught:
        definitions.tool(tool(function))
    assert [line.rpartition(f"{__name__}.")[2] for line in caught.value.lines] == said


def test_results():
    @tool
    def anything() -> Any: ...

    found = definitions.tool(anything)
    pixel = Image(b"\x89PNG")

    def content(value: Any) -> list[Any]:
        return json.loads(answering.result(found, value))["content"]

    assert content(None) == []
    assert content("hi") == [{"type": "text", "text": "hi"}]
    assert content({"a": Path("b")}) == [{"type": "text", "text": '{"a":"b"}'}]
    assert content(pixel) == [{"type": "image", "data": "iVBORw==", "mimeType": "image/png"}]
    assert [block["type"] for block in content(["a", pixel])] == ["text", "image"]
    with pytest.raises(answering.WrongResult, match="a object is no JSON"):
        content(object())


def test_a_result_is_held_to_its_promise():
    @tool
    def weigh() -> Weight: ...

    found = definitions.tool(weigh)
    assert json.loads(answering.result(found, {"grams": 3}))["structuredContent"] == {"grams": 3}
    with pytest.raises(answering.WrongResult, match=r"Expected `int`, got `str` - at `\$.grams`"):
        answering.result(found, {"grams": "secret"})


def _fail_twice(value: str) -> None:
    try:
        int(value)
    except ValueError as first:
        raise RuntimeError(value) from first


@pytest.mark.promise("functions.silent")
def test_what_is_told_of_an_exception_holds_no_value():
    @tool
    def fails() -> str: ...

    found = definitions.tool(fails)
    assert answering.told(found, ToolError("try again"), "r1") == "fails: try again"
    assert answering.told(found, KeyError("s3cret"), "r1") == "fails failed: KeyError (reference r1)"
    assert json.loads(answering.failure("half of \ud83d"))["content"][0]["text"] == "half of ?"
    with pytest.raises(RuntimeError) as caught:
        _fail_twice("-".join(("s3", "cret")))
    places = answering.places(caught.value)
    assert "RuntimeError" in places
    assert "ValueError" in places
    assert "test_definitions.py" in places
    assert "s3-cret" not in places


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"bad.py": "def broken(:\n"}, "SyntaxError in bad.py, line 1"),
        ({"bad.py": "x = 1\nimport no_such_thing\n"}, "ModuleNotFoundError in bad.py, line 2: No module named"),
        ({"bad.py": "raise SystemExit('run me')\n"}, "SystemExit in bad.py, line 1: run me"),
        ({"bad.py": "x = 1\n"}, "bad.py has no tools: put `@tool`"),
        ({"queue.py": ""}, "queue.py is called as the module 'queue' that is there already"),
        ({"bad.txt": ""}, "bad.txt is no Python file"),
        ({"empty/readme.md": ""}, "empty is no package: it has no __init__.py"),
        (
            {
                "twice.py": "from toolgate.functions import tool\n@tool\ndef a() -> str: ...\n"
                "@tool(name='a')\ndef b() -> str: ...\n@tool(name='a b')\ndef c() -> str: ...\n"
            },
            "twice.b and twice.a are both called 'a'",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_loaded_is_told(tmp_path: Path, files: dict[str, str], said: str):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    first = tmp_path / next(iter(files))
    place = first.parent if first.parent != tmp_path else first
    known, finders = (set(sys.modules), list(sys.path)), list(sys.meta_path)
    try:
        with pytest.raises(loading.LoadError) as caught:
            loading.load(place, Keeper(str(place.parent), {}))
    finally:
        sys.path[:], sys.meta_path[:] = known[1], finders
        for name in set(sys.modules) - known[0]:
            del sys.modules[name]
    assert said in str(caught.value)


@pytest.mark.promise("functions.light")
def test_a_teams_file_needs_nothing_beyond_the_standard_library():
    program = (
        "import sys; before = set(sys.modules); import toolgate.functions;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)));"
        "print(*sorted(name for name in sys.modules if name.startswith('toolgate.')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    assert said.split() == ["toolgate", "toolgate.functions"]
