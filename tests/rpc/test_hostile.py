"""Servers that describe themselves wrongly, and answer what they never described."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, json_format
from grpc_reflection.v1alpha import reflection_pb2

from tests.ports.speaking import spec
from tests.rpc.test_methods import serving
from toolgate.model.errors import UpstreamFailed

File = dict[str, Any]
LARGE = 100_000


def message(name: str, *fields: tuple[str, str], **more: Any) -> File:
    """A message whose fields are texts, or messages where a type is named."""
    made = [
        {
            "name": field, "number": number, "label": "LABEL_OPTIONAL",
            **({"type": "TYPE_MESSAGE", "typeName": kind} if kind else {"type": "TYPE_STRING"}),
        }
        for number, (field, kind) in enumerate(fields, 1)
    ]  # fmt: skip
    return {"name": name, "field": made, **more}


def file(name: str = "x.proto", *messages: File, **more: Any) -> bytes:
    """A file with a service X that has one method, Do, from In to Out."""
    service = {"name": "X", "method": [{"name": "Do", "inputType": ".x.In", "outputType": ".x.Out"}]}
    told = {"name": name, "package": "x", "syntax": "proto3", "messageType": list(messages), "service": [service]}
    return json_format.ParseDict({**told, **more}, descriptor_pb2.FileDescriptorProto()).SerializeToString()


GOOD = (message("In", ("text", "")), message("Out", ("text", "")))


@asynccontextmanager
async def describing(
    files: Callable[[str], list[bytes]], services: list[str] | None = None, answer: bytes = b""
) -> AsyncGenerator[str]:
    """HOST:PORT of a server whose reflection tells these files of every symbol and name, and whose one method answers
    these bytes."""

    async def reflect(requests: Any, context: Any) -> Any:
        async for request in requests:
            told = reflection_pb2.ServerReflectionResponse()
            if request.HasField("list_services"):
                for name in services or ["x.X"]:
                    told.list_services_response.service.add(name=name)
            else:
                found = files(request.file_by_filename or request.file_containing_symbol)
                told.file_descriptor_response.file_descriptor_proto.extend(found)
            yield told

    async def do(request: bytes, context: Any) -> bytes:
        return answer

    reflecting = grpc.stream_stream_rpc_method_handler(
        reflect,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server = grpc.aio.server()
    name = "grpc.reflection.v1.ServerReflection"
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": reflecting}),
            grpc.method_handlers_generic_handler("x.X", {"Do": grpc.unary_unary_rpc_method_handler(do)}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def using(*names: str) -> bytes:
    return file("x.proto", *GOOD, dependency=list(names))


PADDED = file("x.proto", *GOOD, message("Pad", ("x" * (LARGE * 2 // 3), "")))


@pytest.mark.promise("grpc.told")
@pytest.mark.parametrize(
    ("files", "services", "reason"),
    [
        ([b"\xff\xff\xff"], None, "in no way that can be read"),
        ([], None, "describes none of the services that it names"),
        ([file()], None, "'x.proto' is wrong"),
        ([using("y.proto")], None, "does not describe 'y.proto', which it uses"),
        (
            [using("y.proto"), file("y.proto", dependency=["x.proto"], service=[])],
            None,
            "describes types that use each other in a circle",
        ),
        ([PADDED], ["x.X", "x.Y"], "describes more than can be taken"),
        ([using()], [f"s{n}" for n in range(501)], "has 501 services, more than 500"),
        ([using()], ["x.Y"], "describes none of the services that it names"),
    ],
)
async def test_descriptions_that_are_wrong(files: list[bytes], services: list[str] | None, reason: str, tmp_path: Path):
    small = spec(kind="grpc", max_bytes=LARGE)
    async with (
        describing(lambda name: files, services) as target,
        serving(target, tmp_path, small, methods=("*",)) as served,
    ):
        with pytest.raises(UpstreamFailed) as caught:
            await served.definitions()
    assert reason in caught.value.message


async def test_a_service_that_is_not_described_is_passed_over(tmp_path: Path):
    good = [file("x.proto", *GOOD)]
    async with (
        describing(lambda name: good, ["x.Y", "x.X"]) as target,
        serving(target, tmp_path, methods=("*",)) as served,
    ):
        assert list(await served.definitions()) == ["do"]


async def test_types_that_would_grow_without_end_do_not(tmp_path: Path):
    wide = [
        message(name, *((f"f{n}", f".x.{following}") for n in range(60)))
        for name, following in (("In", "B"), ("B", "C"), ("C", "D"), ("D", "Out"))
    ]
    told = [file("x.proto", *wide, message("Out", ("again", ".x.Out"), ("text", "")))]
    async with describing(lambda name: told) as target, serving(target, tmp_path, methods=("*",)) as served:
        schema = (await served.definitions())["do"]["inputSchema"]
        assert len(json.dumps(schema)) < 100_000
        assert set(schema["properties"]) == {f"f{n}" for n in range(60)}
        assert await served.call("do", f0={"f1": {"f2": {"f3": {"again": {"text": "x"}}}}}) == {}


async def test_answers_that_were_never_described(tmp_path: Path):
    good = [file("x.proto", *GOOD)]
    async with (
        describing(lambda name: good, answer=b"\x0a\xff") as target,
        serving(target, tmp_path, methods=("*",)) as served,
    ):
        with pytest.raises(UpstreamFailed, match=r"answered x\.X/Do with another message"):
            await served.call("do", text="x")


async def test_types_of_protobuf_itself_are_ours(tmp_path: Path):
    false = file("google/protobuf/timestamp.proto", message("Timestamp"), package="google.protobuf", service=[])
    dated = file(
        "x.proto", message("In"), message("Out", ("at", ".google.protobuf.Timestamp")),
        dependency=["google/protobuf/timestamp.proto"],
    )  # fmt: skip
    told = [false, dated]
    second, never = b"\x0a\x02\x08\x01", b"\x0a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    async with (
        describing(lambda name: told, answer=second) as target,
        serving(target, tmp_path, methods=("*",)) as served,
    ):
        assert await served.call("do") == {"at": "1970-01-01T00:00:01Z"}
    async with (
        describing(lambda name: told, answer=never) as target,
        serving(target, tmp_path, methods=("*",)) as served,
    ):
        assert "its answer has no form in JSON" in await served.wrong("do")
