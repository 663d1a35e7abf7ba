"""Where each kind of record stands in the API."""

from collections.abc import Mapping

from toolgate.model.entities import (
    Binding,
    Entity,
    Grant,
    GroupMapping,
    Key,
    Role,
    Secret,
    Server,
    ServiceAccount,
    Team,
    User,
    Virtual,
)

BASE = "/api/v1"

PLURALS: Mapping[type[Entity], str] = {
    Server: "servers",
    Virtual: "virtual-servers",
    Team: "teams",
    User: "users",
    ServiceAccount: "service-accounts",
    Role: "roles",
    Binding: "bindings",
    GroupMapping: "groups",
    Key: "keys",
    Grant: "grants",
    Secret: "secrets",
}
"""Collection name of every kind, as it stands in URLs."""

HIDDEN: Mapping[type[Entity], frozenset[str]] = {Key: frozenset({"digest"}), Secret: frozenset({"sealed"})}
"""Fields that no answer holds and no body may set."""
