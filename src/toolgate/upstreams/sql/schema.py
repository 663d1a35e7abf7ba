"""What is in a database, as far as a server shows it: tables, columns, keys, indexes, comments. Frozen values."""

from collections.abc import Iterable, Mapping

import msgspec

from toolgate.rules.names import closest


class Column(msgspec.Struct, frozen=True):
    """`mask` is how its values are shown; None for as they are. `key` is its place in the primary key, from 1; 0 for
    none."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    comment: str | None = None
    key: int = 0
    mask: str | None = None


class ForeignKey(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]


class Index(msgspec.Struct, frozen=True):
    name: str
    columns: tuple[str, ...]
    unique: bool


class Table(msgspec.Struct, frozen=True):
    """`name` is as the database spells it. `rows` is the database's own estimate, None where it has none. `hidden` are
    columns that nobody is shown; `condition` is the row filter, as SQL. Of one that is `guarded` only the columns are
    shown that are known: one that is added later could be such as is to be hidden."""

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    comment: str | None = None
    rows: int | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    hidden: frozenset[str] = frozenset()
    condition: str | None = None
    guarded: bool = False

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def veiled(self) -> bool:
        """Whether anything of it is masked, hidden or filtered, or could be."""
        return bool(self.guarded or self.hidden or self.condition or any(column.mask for column in self.columns))


class Schema(msgspec.Struct, frozen=True):
    """Every table that may be seen, in order. `defaults` are the schemas in which a name without one is looked for;
    `folds` says whether case does not count (SQLite, MySQL)."""

    tables: tuple[Table, ...]
    defaults: tuple[str, ...]
    folds: bool
    by_name: Mapping[tuple[str, str], Table] = {}

    @classmethod
    def of(cls, tables: Iterable[Table], defaults: tuple[str, ...], *, folds: bool) -> "Schema":
        listed = tuple(sorted(tables, key=lambda table: (table.schema, table.name)))
        names = {_key(table.schema, table.name, folds): table for table in listed}
        return cls(listed, defaults, folds, names)

    def find(self, schema: str | None, name: str) -> Table | None:
        """The table of this name, as the database would find it; None when there is none that may be seen."""
        for place in self.defaults if schema is None else (schema,):
            found = self.by_name.get(_key(place, name, self.folds))
            if found is not None:
                return found
        return None

    def spelled(self, text: str) -> Table | None:
        """The table that a person or model means: `table` or `schema.table`, and case does not count where it is
        plain."""
        schema, _, name = text.strip().rpartition(".")
        found = self.find(schema or None, name) or self.find(None, text)
        if found is not None:
            return found
        alike = [table for table in self.tables if text.casefold() in (table.name.casefold(), table.full.casefold())]
        return alike[0] if len(alike) == 1 else None

    def near(self, name: str) -> str:
        """The end of a sentence about a table that is not there."""
        plain = {table.name: table for table in self.tables} | {table.full: table for table in self.tables}
        word = closest(name, plain)
        return f"; did you mean {word}?" if word else "; list_tables shows what is there"

    def near_column(self, name: str, tables: Iterable[Table]) -> str:
        """The same of a column, in the tables that a statement names."""
        owners = {column.name: table for table in tables for column in table.columns}
        word = closest(name, owners)
        return f"; did you mean {owners[word].name}.{word}?" if word else "; describe_table shows the columns"


def _key(schema: str, name: str, folds: bool) -> tuple[str, str]:
    return (schema.casefold(), name.casefold()) if folds else (schema, name)
