"""`toolgate virtual`: makes, changes and removes virtual servers, and moves them from state to state."""

from toolgate.cli.records.bundles import add_bundles
from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.cli.records.states import add_states
from toolgate.model.entities import Virtual

app = application()


@app.callback()
def virtual() -> None:
    """Makes, changes and removes virtual servers."""


add_creation(app, Virtual)
add_common(app, Virtual, ("name", "state", "owner", "environment", "description"))
add_change(app, Virtual)
add_states(app, Virtual)
add_bundles(app)
