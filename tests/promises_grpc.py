"""Promises of gRPC servers; a part of `tests.promises.PROMISES`."""

GRPC: dict[str, tuple[str, str]] = {
    "grpc.methods": (
        "docs/how-to/grpc.md",
        "Chosen unary methods of a server with reflection are tools; nothing is chosen unless somebody does.",
    ),
    "grpc.mapping": (
        "docs/how-to/grpc.md",
        "Arguments and results are the JSON form of protobuf, described by the tool's schema, and no number is lost.",
    ),
    "grpc.told": (
        "docs/how-to/grpc.md",
        "A status is told as an error to act on; an answer is bounded, and a call taken back is cancelled there.",
    ),
    "grpc.confined": (
        "docs/how-to/grpc.md",
        "Every address is judged before it is dialled, a certificate is checked, and a secret is in no result.",
    ),
}
