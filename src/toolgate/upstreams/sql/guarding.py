"""Free queries are read by a parser, held to what is known to be harmless, and written anew: what reaches the database
is what was judged, never the text that came.

Nothing is looked for that is forbidden; what is not allowed is refused. This is the first of several layers: behind it
stand a transaction that cannot write, a role that may not, limits, and a connection that is wiped after each use.
"""

import logging
import re
from collections.abc import Iterator
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import TokenType

from toolgate.upstreams.sql.constructs import NODES, PLAIN_PARTS, ROOTS, TYPES
from toolgate.upstreams.sql.database import Trouble
from toolgate.upstreams.sql.functions import BEFORE_BRACKETS, FUNCTIONS
from toolgate.upstreams.sql.speech import Speech

MOST_CHARACTERS = 10_000
DEEPEST = {"(": 40, "[": 4, "{": 4}
"""Levels of nesting. The parser tries square brackets in two ways, so that each level doubles its work."""

MOST_UNKNOWN = 6
"""Words before brackets that are no functions: aliases with columns, or such (`STRUCT`) as double the work, too."""

# Says on the log what it could not parse, and with it what a model wrote.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_CLOSING = {")": "(", "]": "[", "}": "{"}
_CONDITIONAL_COMMENT = re.compile(r"/\*\s*M?!", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def judged(text: str, speech: Speech, functions: frozenset[str] = frozenset()) -> exp.Expr:
    """The tree of a free query that may be run. `functions` are allowed beside the built-in ones. Raises Trouble."""
    allowed = FUNCTIONS[speech.name] | functions
    _bounded(text, speech, allowed)
    if speech.name == "mysql" and _CONDITIONAL_COMMENT.search(text):
        raise Trouble("comments that the server would run (/*! ... */) are not allowed: leave them out")
    tree = _one(parsed(text, speech))
    _held(tree, allowed)
    written = write(tree, speech)
    again = _one(parsed(written, speech))
    if again != tree and write(again, speech) != written:
        raise Trouble("this query can be read in more than one way: write it more plainly")
    _held(again, allowed)
    _named(written, again, speech, allowed)
    return again


def parsed(text: str, speech: Speech) -> list[exp.Expr]:
    """The statements of a text. Raises Trouble where it is no SQL of this dialect."""
    if "\0" in text:
        raise Trouble("the query holds a NUL character")
    try:
        statements = sqlglot.parse(text, read=speech.dialect)
    except ParseError as error:
        raise Trouble(_told(error)) from None
    except TokenError:
        raise Trouble("the query cannot be read: a quote or comment is not closed") from None
    except RecursionError:
        raise Trouble("the query is nested too deeply") from None
    except (SqlglotError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise Trouble("the query cannot be read: write it more plainly") from None
    return [statement for statement in statements if statement is not None]


def write(tree: exp.Expr, speech: Speech) -> str:
    """The tree as text, without comments. Raises Trouble where that cannot be done exactly."""
    try:
        return tree.sql(dialect=speech.dialect, comments=False)
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, KeyError):
        raise Trouble("the query cannot be written for this database: write it more plainly") from None


def _bounded(text: str, speech: Speech, functions: frozenset[str]) -> None:
    """Refuses what would keep the parser busy for long."""
    if len(text) > MOST_CHARACTERS:
        raise Trouble(f"the query is longer than {MOST_CHARACTERS} characters: ask for less at a time")
    if not text.strip():
        raise Trouble("the query is empty")
    levels = dict.fromkeys(DEEPEST, 0)
    for char in text:
        if char in levels:
            levels[char] += 1
            if levels[char] > DEEPEST[char]:
                raise Trouble(f"more than {DEEPEST[char]} levels of `{char}`: nest less")
        elif char in _CLOSING:
            levels[_CLOSING[char]] = max(0, levels[_CLOSING[char]] - 1)
    unknown = [name for name in _called(text, speech) if name.lower() not in functions | BEFORE_BRACKETS]
    if len(unknown) > MOST_UNKNOWN:
        raise Trouble(f"the function {unknown[0][:60].lower()} is not allowed in a query here")


def _one(statements: list[exp.Expr]) -> exp.Expr:
    if len(statements) != 1:
        raise Trouble(f"exactly one statement is run at a time, and these are {len(statements)}: send one")
    root = statements[0]
    kind = type(root).__name__
    if kind not in ROOTS:
        if isinstance(root, exp.Condition | exp.Alias):
            raise Trouble("this is no query: one begins with SELECT, or with WITH")
        word = root.name.upper() if kind == "Command" and root.name else kind.upper()
        raise Trouble(f"only queries (SELECT, also with WITH, UNION and so on) are run here, not {word[:40]}")
    return root


def _held(tree: exp.Expr, functions: frozenset[str]) -> None:
    for node in tree.walk():
        kind = type(node).__name__
        if kind not in NODES:
            raise Trouble(f"{_plainly(node)} is not allowed in a query here")
        parts = PLAIN_PARTS.get(kind)
        if parts is not None:
            extra = [name for name, value in node.args.items() if value and name not in parts]
            if extra:
                raise Trouble(f"{_plainly(node)} with {extra[0].strip('_')} is not allowed in a query here")
        if isinstance(node, exp.Anonymous):
            _known_function(node, functions)
        elif isinstance(node, exp.DataType):
            _plain_type(node)
        elif isinstance(node, exp.Var) and not _WORD.fullmatch(node.name):
            raise Trouble(f"{node.name[:40]!r} is not allowed here")
        elif isinstance(node, exp.Table) and (node.args.get("catalog") or len(node.parts) > 2):
            raise Trouble("tables are named as table, or schema.table")


def _known_function(node: exp.Anonymous, functions: frozenset[str]) -> None:
    name = node.this
    if not isinstance(name, str) or name.lower() not in functions:
        shown = name if isinstance(name, str) else node.name
        raise Trouble(f"the function {shown[:60]} is not allowed in a query here")


def _plain_type(node: exp.DataType) -> None:
    kind = node.this
    if not isinstance(kind, exp.DType) or kind.value not in TYPES:
        raise Trouble(f"a conversion to {node.sql()[:40]} is not allowed in a query here")


def _named(written: str, tree: exp.Expr, speech: Speech, functions: frozenset[str]) -> None:
    """Whatever stands before a bracket in what is sent must be a word of the language, an allowed function, or an alias
    with its columns. Independent of what the parser made of it."""
    aliases = {alias.name for alias in tree.find_all(exp.TableAlias) if alias.args.get("columns")}
    for name in _called(written, speech):
        if name.lower() not in functions and name.lower() not in BEFORE_BRACKETS and name not in aliases:
            raise Trouble(f"the function {name[:60].lower()} is not allowed in a query here")


def _called(written: str, speech: Speech) -> Iterator[str]:
    try:
        tokens = sqlglot.tokenize(written, read=speech.dialect)
    except TokenError:
        raise Trouble("the query cannot be read: a quote or comment is not closed") from None
    for token, following in pairwise(tokens):
        is_word = token.token_type is TokenType.IDENTIFIER or _WORD.fullmatch(token.text) is not None
        if following.token_type is TokenType.L_PAREN and is_word and token.token_type is not TokenType.STRING:
            yield token.text


def _plainly(node: exp.Expr) -> str:
    """The construct, in the words of who wrote it as far as these are words."""
    return _PLAIN.get(type(node).__name__, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).upper())


_PLAIN = {
    "Into": "INTO (writing a result to a table, file or variable)",
    "Lock": "a lock (FOR UPDATE, FOR SHARE)",
    "Hint": "a hint for the optimiser",
    "Placeholder": "a placeholder (a free query has no parameters: write the value)",
    "Parameter": "a parameter or variable",
    "SessionParameter": "a variable of the server",
    "Dot": "a function or field named with a dot",
    "Command": "this statement",
    "Insert": "INSERT (data is changed by named queries only)",
    "Update": "UPDATE (data is changed by named queries only)",
    "Delete": "DELETE (data is changed by named queries only)",
    "Merge": "MERGE (data is changed by named queries only)",
    "PropertyEQ": "an assignment",
    "Table": "a table",
    "Select": "SELECT",
    "With": "WITH",
    "Join": "JOIN",
}


def _told(error: ParseError) -> str:
    """What the parser found, and where; without its colours."""
    first = error.errors[0] if error.errors else {}
    place = f" at line {first.get('line')}, column {first.get('col')}" if first.get("line") else ""
    near = str(first.get("highlight") or "")[:40]
    return f"the query cannot be read{place}" + (f", near {near!r}" if near else "")
