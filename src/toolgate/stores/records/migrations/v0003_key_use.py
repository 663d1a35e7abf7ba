"""When keys were last used, and by which pepper their digests are keyed: `key_use`, `meta.pepper`."""

import sqlalchemy as sa
from alembic.operations import Operations

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade(op: Operations) -> None:
    op.add_column("meta", sa.Column("pepper", sa.Text))
    op.create_table(
        "key_use",
        sa.Column("name", NAME, nullable=False),
        sa.Column("at", LONG, nullable=False),
        sa.PrimaryKeyConstraint("name", name="key_use_pk"),
        sqlite_strict=True,
    )
