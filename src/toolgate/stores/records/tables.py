"""The tables, as the newest migration leaves them. The same on both databases; tests compare them with what the
migrations made.

Times are whole microseconds of Unix time in UTC. Texts are ordered by code point on both databases. JSON is kept as
text, byte for byte as it was written, so that large integers and the order of fields survive.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text, UniqueConstraint

LONG = BigInteger().with_variant(Integer(), "sqlite")
NAME = Text().with_variant(Text(collation="C"), "postgresql")

METADATA = MetaData()

RECORD = Table(
    "record",
    METADATA,
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", NAME, nullable=False),
    Column("version", LONG, nullable=False),
    Column("managed_by", Text),
    Column("body", Text, nullable=False),
    Column("created_at", LONG, nullable=False),
    Column("updated_at", LONG, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("owned", Text),
    PrimaryKeyConstraint("kind", "id", name="record_pk"),
    UniqueConstraint("kind", "name", name="record_name"),
    sqlite_strict=True,
)
"""Every record of every kind, as it is now. `body` is the entity without its stamp; `owned` is its `stamp.owned` as a
JSON object."""

CHANGE = Table(
    "change",
    METADATA,
    Column("seq", LONG, nullable=False, autoincrement=False),
    Column("at", LONG, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", NAME, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("request", Text, nullable=False),
    PrimaryKeyConstraint("seq", name="change_pk"),
    sqlite_strict=True,
)
"""The audit and the feed of changes in one; rows are only ever added."""

Index("change_of_record", CHANGE.c.kind, CHANGE.c.name, CHANGE.c.seq)

IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("principal", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", LONG, nullable=False),
    PrimaryKeyConstraint("principal", "key", name="idempotency_pk"),
    sqlite_strict=True,
)
"""What was answered to a request that carried an idempotency key, so that its repetition changes nothing."""

Index("idempotency_at", IDEMPOTENCY.c.at)

META = Table(
    "meta",
    METADATA,
    Column("installation", Text, nullable=False),
    Column("schema", LONG, nullable=False),
    Column("seq", LONG, nullable=False),
    Column("created_at", LONG, nullable=False),
    Column("pepper", Text),
    PrimaryKeyConstraint("installation", name="meta_pk"),
    sqlite_strict=True,
)
"""One row. `schema` is the number of migrations that were made, `seq` that of the last change. Whoever writes holds a
lock on this row until the end of the transaction: so there is one writer, and `seq` grows in the order of commits.
`pepper` is the fingerprint (`rules.keys`) of the one that keys the digests of API keys; none before the first start."""

KEY_USE = Table(
    "key_use",
    METADATA,
    Column("name", NAME, nullable=False),
    Column("at", LONG, nullable=False),
    PrimaryKeyConstraint("name", name="key_use_pk"),
    sqlite_strict=True,
)
"""When a key was last used, by its name: no change of a record, and in no audit."""
