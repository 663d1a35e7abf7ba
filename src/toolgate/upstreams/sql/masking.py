"""Every table of a statement is looked up in the schema. What is masked, hidden or filtered is put in the table's place
as a subquery, so that no part of the statement, its conditions included, can see more than that subquery gives."""

from collections.abc import Callable

import sqlglot
from sqlglot import exp

from toolgate.upstreams.sql.database import Trouble
from toolgate.upstreams.sql.schema import Column, Schema, Table
from toolgate.upstreams.sql.speech import Speech

_RESERVED = ("pg_", "sqlite_", "information_schema", "mysql", "performance_schema")


def veiled(tree: exp.Expr, schema: Schema, speech: Speech, *, free: bool) -> tuple[exp.Expr, tuple[Table, ...]]:
    """The tree with every table in its full name, or behind its subquery; and the tables. In a `free` query a table
    that is not in the schema is Trouble; in a named one it stays as it was written. The tree is changed in place."""
    used: dict[str, Table] = {}
    _check_names(tree, schema, free)
    _refuse_bare_tables(tree)
    for node in list(tree.find_all(exp.Table)):
        if not isinstance(node.this, exp.Identifier):
            continue
        cte = _cte(node)
        if cte is not None:
            if node.name != cte.alias and _looked_up(node, schema, speech) is not None:
                raise Trouble(f"WITH {cte.alias}: a table is called alike: choose another name")
            _spell_alike(node, cte)
            continue
        table = _looked_up(node, schema, speech)
        if table is None:
            if not free:
                continue
            raise Trouble(f"there is no table {_written(node)} here{schema.near(node.name)}", table=node.name)
        used[table.full] = table
        node.replace(_placed(node, table, speech, fenced=free))
    for column in tree.find_all(exp.Column):
        # The table's alias is its bare name now.
        column.set("db", None)
        column.set("catalog", None)
    return tree, tuple(used.values())


def _check_names(tree: exp.Expr, schema: Schema, free: bool) -> None:
    """A WITH that takes the name of a table could make one of them stand for the other."""
    if not free:
        return
    taken = {table.name.casefold() for table in schema.tables}
    for cte in tree.find_all(exp.CTE):
        name = cte.alias.casefold()
        if name in taken or name.startswith(_RESERVED):
            raise Trouble(f"WITH {cte.alias}: this is the name of a table: choose another")


def _refuse_bare_tables(tree: exp.Expr) -> None:
    """SQLite takes `x IN table`, where the table is no node of its own and would be seen as it is."""
    for node in tree.find_all(exp.In):
        if node.args.get("field") is not None:
            raise Trouble("after IN, write a list or a query in brackets: IN (SELECT column FROM table)")


def _cte(node: exp.Table) -> exp.Expr | None:
    """The query of a WITH around it that the name means, by the strictest reading of all databases: one of an enclosing
    statement, one before it in the same WITH, or itself where it is RECURSIVE. None for a table."""
    if node.args.get("db"):
        return None
    name = node.name.casefold()
    inner: exp.Expr = node
    outer = node.parent
    while outer is not None:
        found: list[exp.Expr] = []
        if isinstance(outer, exp.With):
            found = _before(outer, inner)
        else:
            clause = outer.args.get("with_")
            if isinstance(clause, exp.With) and clause is not inner:
                found = clause.expressions
        for cte in found:
            if cte.alias.casefold() == name:
                return cte
        inner, outer = outer, outer.parent
    return None


def _before(clause: exp.With, inner: exp.Expr) -> list[exp.Expr]:
    place = next(place for place, cte in enumerate(clause.expressions) if cte is inner)
    return clause.expressions[: place + 1 if clause.args.get("recursive") else place]


def _spell_alike(node: exp.Table, cte: exp.Expr) -> None:
    """Where case counts, `WITH "USERS" AS (...) SELECT * FROM users` names a table: written as the WITH has it, the
    name can mean nothing else."""
    named = cte.args["alias"].this
    if node.this == named:
        return
    if node.args.get("alias") is None:
        node.set("alias", exp.TableAlias(this=node.this.copy()))
    node.set("this", named.copy())


def _looked_up(node: exp.Table, schema: Schema, speech: Speech) -> Table | None:
    place = node.args.get("db")
    spelled = _spelling(speech)
    return schema.find(None if place is None else spelled(place), spelled(node.this))


def _spelling(speech: Speech) -> Callable[[exp.Expr], str]:
    """A name as the database reads it: PostgreSQL puts what is not quoted into lower case."""
    if speech.name != "postgres":
        return lambda name: name.name
    return lambda name: name.name if name.args.get("quoted") else name.name.lower()


def _written(node: exp.Table) -> str:
    return f"{node.db}.{node.name}"[-120:] if node.db else node.name[:120]


def _placed(node: exp.Table, table: Table, speech: Speech, *, fenced: bool) -> exp.Expr:
    """What stands in the table's place: its full name, or the subquery that shows what may be seen of it."""
    alias = node.args.get("alias") or exp.TableAlias(this=node.this.copy())
    full = exp.Table(this=_quoted(table.name), db=_quoted(table.schema))
    placed: exp.Expr
    if table.veiled:
        placed = exp.Subquery(this=_shown(full, table, speech, fenced), alias=alias)
    else:
        full.set("alias", alias)
        placed = full
    for part in ("joins", "laterals"):
        if node.args.get(part):
            placed.set(part, node.args[part])
    return placed


def _shown(full: exp.Table, table: Table, speech: Speech, fenced: bool) -> exp.Expr:
    columns = ", ".join(_column(column, speech) for column in table.columns if column.name not in table.hidden)
    where = f" WHERE {table.condition}" if table.condition else ""
    fence = f" {speech.fence}" if fenced and table.condition else ""
    # Names are quoted by the library, conditions are the operator's.
    text = f"SELECT {columns or 'NULL'} FROM {full.sql(dialect=speech.dialect)}{where}{fence}"  # noqa: S608
    return sqlglot.parse_one(text, read=speech.dialect)


def _column(column: Column, speech: Speech) -> str:
    name = _quoted(column.name).sql(dialect=speech.dialect)
    if column.mask is None:
        return name
    return f"{speech.masks[column.mask].replace('{c}', name)} AS {name}"


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)
