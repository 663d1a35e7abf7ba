"""What `toolgate.yaml` may say of a GraphQL API, and of each operation that is a tool."""

from typing import Annotated, Any

import msgspec

from toolgate.rules import endpoints
from toolgate.upstreams.connector.format import Expression, Name, Plain, Told

Document = Annotated[str, msgspec.Meta(min_length=1, max_length=64 * 1024)]
SchemaText = Annotated[str, msgspec.Meta(min_length=1)]
MOST_TOGETHER = 512 * 1024
"""Characters of the documents of one server together, and of its schema where it stands beside them."""

Finding = tuple[str, str]
"""(path within the settings, what is wrong and what to do)."""


class Hints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of an operation instead of what its kind says: a query reads; a mutation may destroy."""

    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one variable beside its type. `pattern` (RE2) describes the whole text. `schema` is JSON Schema
    instead of what the type gives."""

    description: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    enum: tuple[Plain, ...] = ()
    pattern: str | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_length: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    max_items: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    schema: dict[str, Any] | None = None


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tool. `document` holds one query or mutation, with its fragments; an operation of `path` needs none.

    `result` is JMESPath over `data`. `constants` are variables that the model neither sees nor gives; a text may be a
    reference to a secret. `paginate: false` leaves `first` and `after` of a Relay connection to the model.
    """

    document: Document | None = None
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None
    description: Told | None = None
    hints: Hints = Hints()
    result: Expression | None = None
    variables: Annotated[dict[str, Variable], msgspec.Meta(max_length=200)] = {}
    constants: Annotated[dict[str, Any], msgspec.Meta(max_length=200)] = {}
    paginate: bool = True


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` is the API's one endpoint. `operations` are by the name of their tool; `path` is a folder, or a file, of
    `.graphql` documents, each of whose operations is a tool, too.

    `schema` (or the file `schema_file`) is the API's, in SDL or as the JSON of an introspection. `types` are JSON
    Schemas by the name of a GraphQL type: of scalars that are not built in and, without a schema, of all other types.
    `schema_bytes` is the most bytes of the schema.

    `max_depth`, `max_aliases`, `max_fields` and `max_roots` bound each document, its fragments included.
    `result_bytes` is the most bytes of one result, `result_values` the most values that are read for it. `plain_http`
    lets the address be `http` beyond this machine. `ca_file` is a PEM bundle to trust instead of the system's.
    """

    url: str
    path: str | None = None
    operations: Annotated[dict[Name, Operation], msgspec.Meta(max_length=150)] = {}
    schema: SchemaText | None = None
    schema_file: str | None = None
    schema_bytes: Annotated[int, msgspec.Meta(ge=1024, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    types: dict[str, dict[str, Any]] = {}
    max_depth: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    max_aliases: Annotated[int, msgspec.Meta(ge=0, le=500)] = 20
    max_fields: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 300
    max_roots: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    result_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1_000_000)] = 24_000
    result_values: Annotated[int, msgspec.Meta(ge=10_000, le=100_000_000)] = 1_000_000
    plain_http: bool = False
    ca_file: str | None = None

    def __post_init__(self) -> None:
        try:
            endpoints.split(self.url)
        except ValueError as flaw:
            raise ValueError(f"url: {flaw}") from None
        if self.path is None and not self.operations:
            raise ValueError("give `operations`, or `path`, a folder of .graphql documents")
        if self.schema is not None and self.schema_file is not None:
            raise ValueError("give `schema` or `schema_file`, and not both")
        if len(self.schema or "") > MOST_TOGETHER:
            raise ValueError(f"schema: more than {MOST_TOGETHER} characters do not stand here: give `schema_file`")
        if self.characters > MOST_TOGETHER:
            raise ValueError(f"the documents of `operations` are larger than {MOST_TOGETHER} characters together")

    @property
    def characters(self) -> int:
        """Of all documents that stand here."""
        return sum(len(one.document or "") for one in self.operations.values())
