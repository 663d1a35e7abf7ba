"""Which fields of a record the source owns that made it: `record.owned`."""

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    op.add_column("record", sa.Column("owned", sa.Text))
