"""The libraries of gRPC and protobuf (the extra `grpc`), which carry no types."""

import os
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # the library writes to standard error by itself; errors come as such

try:
    import grpc as _grpc  # pyright: ignore[reportMissingTypeStubs]
    from google.protobuf import (
        any_pb2,
        api_pb2,
        descriptor_pb2,
        descriptor_pool,
        duration_pb2,
        empty_pb2,
        field_mask_pb2,
        message_factory,
        source_context_pb2,
        struct_pb2,
        timestamp_pb2,
        type_pb2,
        unknown_fields,
        wrappers_pb2,
    )
    from google.protobuf import json_format as _json_format
    from google.protobuf import message as _message

    _modules: tuple[Any, ...] = (_grpc, descriptor_pb2, descriptor_pool, message_factory, unknown_fields)
    _well_known: tuple[Any, ...] = (
        *(descriptor_pb2, any_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2),
        *(struct_pb2, timestamp_pb2, wrappers_pb2, type_pb2, api_pb2),
    )
except ImportError:
    _modules = (None,) * 5
    _json_format = _message = None
    _well_known = ()

grpc, descriptors, pools, factory, unknown = _modules
json_format: Any = _json_format
messages: Any = _message
well_known: tuple[Any, ...] = _well_known
"""The modules of protobuf's own types, each after those that it imports."""
