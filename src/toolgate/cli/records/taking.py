"""Commands that take a record's fields as FIELD=VALUE: their help lists the fields, and who types one as an option is
told how it is given."""

from typing import Any

import typer
from typer.core import TyperCommand

from toolgate.cli.records import fields
from toolgate.model.entities import Entity


def told(entity: type[Entity], what: str) -> str:
    """The help of a command: what it does, and which fields there are."""
    return f"{what}\n\nFields: {', '.join(fields.names(entity))}."


def taking(entity: type[Entity]) -> type[TyperCommand]:
    """The class of a command."""
    known = frozenset(fields.names(entity))

    class Taking(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            options = {option for param in self.params for option in (*param.opts, *param.secondary_opts)}
            for word in args[: args.index("--")] if "--" in args else args:
                option = word.partition("=")[0]
                field = option.lstrip("-").replace("-", "_")
                if option.startswith("--") and option not in options and field in known:
                    raise typer.BadParameter(f"{option} is no option: give the field as {field}=VALUE", ctx)
            return super().parse_args(ctx, args)

    return Taking
