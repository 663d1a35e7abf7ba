"""The official JSON schemas of every served revision, and the check of a message against them.

The files `<revision>.json` are those of the Model Context Protocol's specification (MIT licence), unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

HERE = Path(__file__).parent

RESULTS = {
    "initialize": "InitializeResult",
    "ping": "EmptyResult",
    "server/discover": "DiscoverResult",
    "subscriptions/listen": "SubscriptionsListenResult",
    "tools/list": "ListToolsResult",
    "tools/call": "CallToolResult",
    "prompts/list": "ListPromptsResult",
    "prompts/get": "GetPromptResult",
    "resources/list": "ListResourcesResult",
    "resources/templates/list": "ListResourceTemplatesResult",
    "resources/read": "ReadResourceResult",
    "resources/subscribe": "EmptyResult",
    "resources/unsubscribe": "EmptyResult",
    "completion/complete": "CompleteResult",
    "logging/setLevel": "EmptyResult",
}
"""The definition of each method's result."""

ERROR_RESPONSES = ("JSONRPCErrorResponse", "JSONRPCError")
RESULT_RESPONSES = ("JSONRPCResultResponse", "JSONRPCResponse")


class Schemas:
    """The schemas of one revision."""

    def __init__(self, revision: str) -> None:
        self.revision = revision
        self._schema: dict[str, Any] = json.loads((HERE / f"{revision}.json").read_text("utf-8"))
        self._key = "$defs" if "$defs" in self._schema else "definitions"
        self._validators: dict[str, Validator] = {}
        self._by_method = {
            definition["properties"]["method"]["const"]: name
            for name, definition in self._definitions.items()
            if "const" in definition.get("properties", {}).get("method", {})
        }

    @property
    def _definitions(self) -> dict[str, Any]:
        return self._schema[self._key]

    def check(self, value: object, definition: str) -> None:
        """Raises AssertionError, saying where, unless `value` is one of `definition`."""
        validator = self._validators.get(definition)
        if validator is None:
            schema = {**self._schema, "$ref": f"#/{self._key}/{definition}"}
            validator = self._validators[definition] = validator_for(self._schema)(schema)
        flaws = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]  # type: ignore[arg-type]
        assert not flaws, f"not a {definition} of {self.revision}: {flaws}; it was {json.dumps(value)[:2000]}"

    def check_message(self, message: Mapping[str, Any], asked: str | None = None) -> None:
        """One JSON-RPC message from a server. `asked` is the method that a response answers."""
        if "method" in message:
            assert message["method"] in self._by_method, f"{self.revision} has no {message['method']}"
            self.check(message, self._by_method[message["method"]])
            self.check(message, "JSONRPCRequest" if "id" in message else "JSONRPCNotification")
        elif "error" in message:
            self.check(message, next(name for name in ERROR_RESPONSES if name in self._definitions))
        else:
            self.check(message, next(name for name in RESULT_RESPONSES if name in self._definitions))
            assert asked is not None, f"a response that nobody asked for: {message}"
            waits = message["result"].get("resultType") == "input_required"
            self.check(message["result"], "InputRequiredResult" if waits else RESULTS[asked])


@cache
def schemas(revision: str) -> Schemas:
    """Those of one revision, read once."""
    return Schemas(revision)
