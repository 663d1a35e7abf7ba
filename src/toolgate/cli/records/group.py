"""`toolgate group`: maps external groups to teams."""

from toolgate.cli.records.commands import add_change, add_common, add_creation, application
from toolgate.model.entities import GroupMapping

app = application()


@app.callback()
def group() -> None:
    """Maps external groups to teams."""


add_creation(app, GroupMapping)
add_common(app, GroupMapping, ("name", "teams"))
add_change(app, GroupMapping)
