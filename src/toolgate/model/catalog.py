"""What upstreams offer: tools, prompts, resources and resource templates, as discovered."""

from enum import StrEnum

import msgspec


class OfferKind(StrEnum):
    """The four kinds of offers; the value is the wire's list member (`tools/list` answers `{"tools": [...]}`)."""

    TOOL = "tools"
    PROMPT = "prompts"
    RESOURCE = "resources"
    TEMPLATE = "resourceTemplates"


class Offer(msgspec.Struct, frozen=True, gc=False):
    """One definition, verbatim. `name` is the upstream's own: a tool's or prompt's name, a URI, or a URI template."""

    kind: OfferKind
    name: str
    definition: dict[str, msgspec.Raw]


class Discovery(msgspec.Struct, frozen=True):
    """What one upstream said it is: the set of eras it serves, its capabilities (a JSON object), its offers.

    `eras` holds values of `model.call.Era`; `versions` the protocol versions it named. `warning` is what is wrong with
    it although it answers.
    """

    eras: frozenset[str]
    versions: tuple[str, ...]
    capabilities: bytes
    server_info: bytes | None
    instructions: str | None
    offers: tuple[Offer, ...]
    warning: str | None = None


class ChangeKind(StrEnum):
    """What an upstream announces on its own: its lists changed, or one resource did."""

    LISTS = "lists"
    RESOURCE = "resource"


class Change(msgspec.Struct, frozen=True):
    """One announcement. `uri` is set for a resource; for lists, None."""

    kind: ChangeKind
    uri: str | None = None
