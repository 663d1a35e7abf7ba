"""`toolgate binding`: gives and takes roles."""

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.model.entities import Binding

app = application()


@app.callback()
def binding() -> None:
    """Gives and takes roles."""


add_creation(app, Binding)
add_common(app, Binding, ("name", "subject", "role", "scope"))
add_change(app, Binding)
