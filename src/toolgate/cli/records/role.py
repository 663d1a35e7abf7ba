"""`toolgate role`: makes, changes and removes roles."""

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.model.entities import Role

app = application()


@app.callback()
def role() -> None:
    """Makes, changes and removes roles; `toolgate binding` gives them."""


add_creation(app, Role)
add_common(app, Role, ("name", "description", "permissions"))
add_change(app, Role)
