"""From a text to what is sent: free queries and named ones, each with the names of its values in order."""

from collections.abc import Mapping

import msgspec
from sqlglot import exp

from toolgate.upstreams.sql import guarding
from toolgate.upstreams.sql.database import Trouble
from toolgate.upstreams.sql.masking import veiled
from toolgate.upstreams.sql.schema import Schema, Table
from toolgate.upstreams.sql.settings import CALLER, CALLER_PREFIX, EFFECTS, Effect, Query, Type
from toolgate.upstreams.sql.speech import Speech, marked

_EFFECTS: dict[type[exp.Expr], Effect] = {
    exp.Insert: "create",
    exp.Update: "update",
    exp.Merge: "update",
    exp.Delete: "delete",
    exp.TruncateTable: "delete",
}
_WRITABLE = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


class Statement(msgspec.Struct, frozen=True):
    """`sql` has the database's own placeholders; `names` are their values' names in order. `tables` are those that it
    names, as far as they are in the schema."""

    sql: str
    names: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def free(text: str, schema: Schema, speech: Speech, functions: frozenset[str], rows: int) -> Statement:
    """A query that a model wrote, ending one row after those that are shown at most. Raises Trouble."""
    try:
        return _free(text, schema, speech, functions, rows)
    except RecursionError:
        raise Trouble("the query is nested too deeply") from None


def _free(text: str, schema: Schema, speech: Speech, functions: frozenset[str], rows: int) -> Statement:
    tree, tables = veiled(guarding.judged(text, speech, functions), schema, speech, free=True)
    if isinstance(tree, (exp.Select, exp.SetOperation)) and not tree.args.get("limit") and not tree.args.get("fetch"):
        tree = tree.limit(rows + 1, copy=False)
    return _bound(tree, speech, tables, {})


def named(query: Query, schema: Schema, speech: Speech) -> Statement:
    """A query of the operator's. Raises Trouble where it is no single statement, does more than it says, or names
    values that are not declared."""
    trees = guarding.parsed(query.sql, speech)
    if len(trees) != 1:
        raise Trouble(f"sql: expected one statement, found {len(trees)}")
    tree = trees[0]
    found = _effect(tree)
    if EFFECTS.index(found) > EFFECTS.index(query.effect):
        raise Trouble(f"sql: this statement is of effect {found}, and {query.effect} is declared")
    if EFFECTS.index(query.effect) > 0 and found == "read":
        raise Trouble(f"effect: {query.effect} is declared, and this statement changes nothing: leave it out")
    _check_placeholders(tree, query)
    tables: tuple[Table, ...] = ()
    if found == "read" and not query.unmasked:
        tree, tables = veiled(tree, schema, speech, free=False)
    return _bound(tree, speech, tables, {name: parameter.type for name, parameter in query.parameters.items()})


def sample(table: Table, schema: Schema, speech: Speech, count: int) -> Statement:
    """The first few rows of a table, as far as they may be seen."""
    name = exp.Table(this=exp.to_identifier(table.name, quoted=True), db=exp.to_identifier(table.schema, quoted=True))
    tree, tables = veiled(exp.select("*").from_(name).limit(count), schema, speech, free=True)
    return _bound(tree, speech, tables, {})


def _effect(tree: exp.Expr) -> Effect:
    """The worst that a statement does. Raises Trouble for statements of other kinds."""
    if not isinstance(tree, (exp.Query, *_WRITABLE)):
        raise Trouble("sql: expected SELECT, INSERT, UPDATE, DELETE or MERGE")
    worst: Effect = "read"
    for node in tree.walk():
        if isinstance(node, (exp.Command, exp.Into)):
            raise Trouble("sql: expected a statement that the parser understands, without INTO")
        found = _EFFECTS.get(type(node), "read")
        if found == "create" and _overwrites(node):
            found = "update"
        if EFFECTS.index(found) > EFFECTS.index(worst):
            worst = found
    if any(
        isinstance(when.args.get("then"), exp.Var) and "DELETE" in when.args["then"].name.upper()
        for when in tree.find_all(exp.When)
    ):
        worst = "delete"
    return worst


def _overwrites(node: exp.Expr) -> bool:
    """Whether an INSERT may change what is there (REPLACE, ON CONFLICT DO UPDATE, ON DUPLICATE KEY UPDATE)."""
    if node.args.get("overwrite") or node.args.get("alternative") or type(node).__name__ == "Replace":
        return True
    conflict = node.args.get("conflict")
    return conflict is not None and bool(conflict.args.get("expressions") or conflict.args.get("duplicate"))


def _check_placeholders(tree: exp.Expr, query: Query) -> None:
    if tree.find(exp.Parameter, exp.SessionParameter) is not None:
        raise Trouble("sql: values stand in it as :name, and variables are not supported")
    names = {node.name for node in tree.find_all(exp.Placeholder)}
    if "" in names or "?" in names:
        raise Trouble("sql: values stand in it as :name, not as ?")
    known = {CALLER_PREFIX + name for name in CALLER}
    unknown = sorted(names - set(query.parameters) - known)
    if unknown:
        raise Trouble(f"sql: `:{unknown[0]}` is not declared in parameters, nor known of a caller")
    unused = sorted(set(query.parameters) - names)
    if unused:
        raise Trouble(f"parameters.{unused[0]}: does not stand in sql as `:{unused[0]}`")


def _bound(tree: exp.Expr, speech: Speech, tables: tuple[Table, ...], types: Mapping[str, Type]) -> Statement:
    names: list[str] = []
    for node in list(tree.find_all(exp.Placeholder)):
        name = node.name
        if name not in names:
            names.append(name)
        value = marked(names.index(name))
        cast = speech.casts.get(types.get(name, "string"))
        node.replace(
            value if cast is None else exp.Cast(this=value, to=exp.DataType.build(cast, dialect=speech.dialect))
        )
    sql, order = speech.bind(guarding.write(tree, speech), names)
    return Statement(sql, order, tables)
