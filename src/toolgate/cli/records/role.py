"""`toolgate role`: makes, changes and removes roles."""

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.model.entities import Role
from toolgate.rules.permissions import ROLES

app = application()


@app.callback()
def role() -> None:
    """Makes, changes and removes roles; `toolgate binding` gives them."""


add_creation(app, Role)
add_common(
    app, Role, ("name", "permissions", "description"),
    f"built in, and no records: {', '.join(ROLES)}; `toolgate binding add NAME subject=... role=...` gives one",
)  # fmt: skip
add_change(app, Role)
