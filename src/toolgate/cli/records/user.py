"""`toolgate user`: adds, changes and removes people."""

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.model.entities import User

app = application()


@app.callback()
def user() -> None:
    """Adds, changes and removes people."""


add_creation(app, User)
add_common(app, User, ("name", "display", "email", "active"))
add_change(app, User)
