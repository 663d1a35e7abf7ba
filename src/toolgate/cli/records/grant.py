"""`toolgate grant`: allows and denies calls."""

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.model.entities import Grant

app = application()


@app.callback()
def grant() -> None:
    """Allows and denies calls."""


add_creation(app, Grant)
add_common(app, Grant, ("name", "subject", "effect", "servers", "tools"))
add_change(app, Grant)
