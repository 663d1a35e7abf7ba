"""What ends a tool call with a text that the model can act on."""


class Trouble(Exception):
    """`message` goes to the model and to records: it holds no secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AgentError(Exception):
    """The agent answered with a JSON-RPC error of this code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
