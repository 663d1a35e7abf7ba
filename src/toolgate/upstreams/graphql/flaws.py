"""What is wrong with a document, a schema or a setting."""


class Flaw(Exception):
    """Says what is wrong and what to do. `place` is where, as `orders.graphql:3`; empty where that is plain."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
