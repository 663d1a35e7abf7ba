"""A shop over gRPC, with server reflection; see `shop.proto` beside it.

    python tests/servers/grpc_shop.py [--reflection v1alpha|v1|none] [--certificate FILE --private-key FILE]

It prints `READY HOST:PORT` when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

sys.path.insert(0, str(Path(__file__).parent))
protos, services = grpc.protos_and_services("shop.proto")

CATALOG, ORDERS = "shop.v1.Catalog", "shop.v1.Orders"


class Catalog(services.CatalogServicer):
    """`Wait` never ends by itself; how it ended is told by `Metadata`."""

    def __init__(self) -> None:
        self.products: dict[str, Any] = {"p1": protos.Product(product_id="p1", title="Lamp", cents=2**60)}
        self.waited: list[str] = []

    async def GetProduct(self, request: Any, context: Any) -> Any:
        if request.product_id not in self.products:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no product {request.product_id!r}")
        return self.products[request.product_id]

    async def PutProduct(self, request: Any, context: Any) -> Any:
        self.products[request.product_id] = request
        return request

    async def DeleteProduct(self, request: Any, context: Any) -> Any:
        self.products.pop(request.product_id, None)
        return empty_pb2.Empty()

    async def ListProducts(self, request: Any, context: Any) -> Any:
        found = [protos.Product(product_id=f"p{n}", title=request.text or "x") for n in range(request.count)]
        return protos.Products(products=found, next="more")

    async def Everything(self, request: Any, context: Any) -> Any:
        return request

    async def Fail(self, request: Any, context: Any) -> Any:
        code = next(code for code in grpc.StatusCode if code.value[0] == request.code)
        broken = error_details_pb2.BadRequest.FieldViolation(field="cents", description="must not be negative")
        told = status_pb2.Status(code=request.code, message=request.message)
        told.details.add().Pack(error_details_pb2.BadRequest(field_violations=[broken]))
        more = (("grpc-status-details-bin", told.SerializeToString()),) if request.detailed else ()
        await context.abort(code, request.message, more)

    async def Wait(self, request: Any, context: Any) -> Any:
        self.waited.append("began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.waited.append("cancelled")
            raise

    async def Metadata(self, request: Any, context: Any) -> Any:
        told = struct_pb2.Struct()
        told.update({key: value for key, value in context.invocation_metadata() if isinstance(value, str)})
        told.update({"waited": self.waited, "has_deadline": context.time_remaining() is not None})
        return told

    async def Now(self, request: Any, context: Any) -> Any:
        return timestamp_pb2.Timestamp(seconds=1)

    async def Watch(self, request: Any, context: Any) -> Any:
        yield self.products["p1"]


class Orders(services.OrdersServicer):
    async def ListProducts(self, request: Any, context: Any) -> Any:
        return protos.Products(next="orders")


def reflect(server: Any, version: str) -> None:
    """The package of gRPC has v1alpha only; v1 is the same service under another name."""
    names = (CATALOG, ORDERS, f"grpc.reflection.{version}.ServerReflection")
    if version == "v1alpha":
        reflection.enable_server_reflection(names, server)
    elif version == "v1":
        handler = grpc.stream_stream_rpc_method_handler(
            reflection.aio.ReflectionServicer(names).ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        generic = grpc.method_handlers_generic_handler(names[-1], {"ServerReflectionInfo": handler})
        server.add_generic_rpc_handlers((generic,))


async def serve(options: argparse.Namespace, pair: tuple[bytes, bytes] | None) -> None:
    server = grpc.aio.server()
    services.add_CatalogServicer_to_server(Catalog(), server)
    services.add_OrdersServicer_to_server(Orders(), server)
    reflect(server, options.reflection)
    if pair is not None:
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"READY 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--reflection", default="v1alpha", choices=("v1alpha", "v1", "none"))
    parser.add_argument("--certificate")
    parser.add_argument("--private-key")
    given = parser.parse_args()
    secured = given.certificate and (Path(given.private_key).read_bytes(), Path(given.certificate).read_bytes())
    asyncio.run(serve(given, secured))
