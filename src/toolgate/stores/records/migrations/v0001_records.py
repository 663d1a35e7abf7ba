"""Records, changes, idempotency keys and the row about the installation."""

import sqlalchemy as sa
from alembic.operations import Operations

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade(op: Operations) -> None:
    _record(op)
    _change(op)
    _idempotency(op)
    _meta(op)


def _record(op: Operations) -> None:
    op.create_table(
        "record",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("version", LONG, nullable=False),
        sa.Column("managed_by", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", LONG, nullable=False),
        sa.Column("updated_at", LONG, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="record_pk"),
        sa.UniqueConstraint("kind", "name", name="record_name"),
        sqlite_strict=True,
    )


def _change(op: Operations) -> None:
    op.create_table(
        "change",
        sa.Column("seq", LONG, nullable=False, autoincrement=False),
        sa.Column("at", LONG, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("request", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="change_pk"),
        sqlite_strict=True,
    )
    op.create_index("change_of_record", "change", ["kind", "name", "seq"])


def _idempotency(op: Operations) -> None:
    op.create_table(
        "idempotency",
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("at", LONG, nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name="idempotency_pk"),
        sqlite_strict=True,
    )
    op.create_index("idempotency_at", "idempotency", ["at"])


def _meta(op: Operations) -> None:
    op.create_table(
        "meta",
        sa.Column("installation", sa.Text, nullable=False),
        sa.Column("schema", LONG, nullable=False),
        sa.Column("seq", LONG, nullable=False),
        sa.Column("created_at", LONG, nullable=False),
        sa.PrimaryKeyConstraint("installation", name="meta_pk"),
        sqlite_strict=True,
    )
