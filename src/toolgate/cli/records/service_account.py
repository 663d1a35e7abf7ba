"""`toolgate service`: makes, changes and removes service accounts."""

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.model.entities import ServiceAccount

app = application()


@app.callback()
def service() -> None:
    """Makes, changes and removes service accounts."""


add_creation(app, ServiceAccount)
add_common(app, ServiceAccount, ("name", "owner", "active", "description"))
add_change(app, ServiceAccount)
