"""What a status tells beside its text: which fields are wrong (google.rpc.Status with google.rpc.BadRequest, in the
trailing metadata `grpc-status-details-bin`)."""

from typing import Any

from toolgate.upstreams.grpc.library import descriptors, factory, json_format, messages, pools

_KEY = "grpc-status-details-bin"
_BAD_REQUEST = "google.rpc.BadRequest"
_MOST, _LONGEST = 10, 200


def _text(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "number": number, "type": "TYPE_STRING", "label": "LABEL_OPTIONAL"}


def _many(name: str, number: int, of: str) -> dict[str, Any]:
    kind = f".toolgate.status.{of}"
    return {"name": name, "number": number, "type": "TYPE_MESSAGE", "label": "LABEL_REPEATED", "typeName": kind}


_FILE: dict[str, Any] = {
    "name": "toolgate/status.proto",
    "package": "toolgate.status",
    "syntax": "proto3",
    "messageType": [
        {"name": "Status", "field": [_many("details", 3, "Detail")]},
        {"name": "Detail", "field": [_text("type_url", 1), {**_text("value", 2), "type": "TYPE_BYTES"}]},
        {"name": "BadRequest", "field": [_many("field_violations", 1, "Violation")]},
        {"name": "Violation", "field": [_text("field", 1), _text("description", 2)]},
    ],
}
"""The members of google/rpc/status.proto and error_details.proto that are used here."""


def violations(error: Any) -> str:
    """`email: must hold an @; ...`; empty where nothing is told."""
    raw = next((value for key, value in error.trailing_metadata() or () if key == _KEY), None)
    if not isinstance(raw, bytes):
        return ""
    pool = pools.DescriptorPool()
    pool.Add(json_format.ParseDict(_FILE, descriptors.FileDescriptorProto()))
    status, bad = (
        factory.GetMessageClass(pool.FindMessageTypeByName(f"toolgate.status.{name}"))
        for name in ("Status", "BadRequest")
    )
    try:
        details = [one for one in status.FromString(raw).details if one.type_url.rpartition("/")[2] == _BAD_REQUEST]
        found = [violation for one in details for violation in bad.FromString(one.value).field_violations]
    except messages.DecodeError:
        return ""
    return "; ".join(f"{one.field[:_LONGEST]}: {one.description[:_LONGEST]}" for one in found[:_MOST])
