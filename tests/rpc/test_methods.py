"""Methods of a real gRPC server as tools, called as dispatch calls them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import trustme

from tests.ports.speaking import ALL, BOUND, Ear, modern, out, spec, tool, toolbox
from tests.servers.launching import launched_script
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import ConfigError, UpstreamFailed
from toolgate.ports import Upstream
from toolgate.upstreams import grpc
from toolgate.upstreams.grpc import library

CATALOG = "shop.v1.Catalog"
SECRET = "shops-token-0123456789"


@dataclass(frozen=True)
class Serving:
    upstream: Upstream

    async def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        result = await self.upstream.call(tool(name, modern(), **arguments), Ear())
        told = json.loads(result.body)
        assert SECRET not in result.body.decode()
        assert not result.is_error, told
        assert json.loads(told["content"][0]["text"]) == told["structuredContent"]
        return told["structuredContent"]

    async def wrong(self, name: str, /, **arguments: Any) -> str:
        """What the model is told of a call that must fail."""
        result = await self.upstream.call(tool(name, modern(), **arguments), Ear())
        assert result.is_error, result
        assert SECRET not in result.body.decode()
        return json.loads(result.body)["content"][0]["text"]

    async def definitions(self) -> dict[str, dict[str, Any]]:
        offers = (await self.upstream.discover(ALL)).offers
        return {
            offer.name: {key: msgspec.json.decode(raw) for key, raw in offer.definition.items()} for offer in offers
        }


@asynccontextmanager
async def serving(shop: str, data: Path, declared: ServerSpec | None = None, **members: Any) -> AsyncGenerator[Serving]:
    settings = grpc.Settings(shop, **{"tls": False, "methods": (f"{CATALOG}/*",), **members})
    async with grpc.open(declared or spec(kind="grpc"), settings, toolbox(data)) as upstream:
        yield Serving(upstream)


@pytest.mark.promise("grpc.methods")
async def test_nothing_is_served_unless_it_is_chosen(shop: str, tmp_path: Path):
    chosen: dict[str, Any]
    for chosen, reason in (
        ({"methods": ()}, "none of its methods is chosen: name some in `methods`"),
        ({"methods": ("shop.v1.Catalog/Buy*",)}, "`methods` and `services` match none of its methods"),
        ({"methods": (f"{CATALOG}/Watch",)}, "match none of its methods"),
    ):
        async with serving(shop, tmp_path, **chosen) as served:
            with pytest.raises(UpstreamFailed) as caught:
                await served.definitions()
        assert reason in caught.value.message
        assert f"it has {CATALOG}/GetProduct, {CATALOG}/ListProducts, " in caught.value.message
        assert "Watch, " not in caught.value.message


@pytest.mark.promise("grpc.methods")
async def test_methods_are_tools(shop: str, tmp_path: Path):
    described = {f"{CATALOG}/GetProduct": "One product, by its id."}
    chosen: dict[str, Any] = {
        "methods": (f"{CATALOG}/*Product",),
        "services": ("shop.v1.Orders",),
        "read_only": ("*/List*",),
    }
    async with serving(shop, tmp_path, descriptions=described, **chosen) as served:
        tools = await served.definitions()
        assert list(tools) == ["get_product", "put_product", "delete_product", "list_products"]
        hints = {
            name: [one["annotations"].get(f"{hint}Hint") for hint in ("readOnly", "idempotent", "destructive")]
            for name, one in tools.items()
        }
        assert hints == {
            "get_product": [True, True, None],
            "put_product": [False, True, False],
            "delete_product": [False, False, True],
            "list_products": [True, True, None],
        }
        assert tools["get_product"]["description"] == "One product, by its id."
        assert tools["delete_product"]["description"] == (
            "Deprecated. Calls DeleteProduct of shop.v1.Catalog: takes GetProductRequest, answers Empty."
        )
        product = {"productId": "p7", "title": "Ämter", "cents": str(2**60), "replacedBy": {"productId": "p1"}}
        assert await served.call("put_product", **product) == product
        assert await served.call("get_product", product_id="p7") == product
        assert await served.call("delete_product", productId="p7") == {}
        assert await served.call("list_products") == {"next": "orders"}
    both = ("shop.v1.*/ListProducts",)
    async with serving(shop, tmp_path, methods=both) as served:
        assert list(await served.definitions()) == ["catalog_list_products", "orders_list_products"]


EVERYTHING = {
    "large": str(-(2**63)), "unsigned": str(2**64 - 1), "small": -1, "number": 1.5, "flag": True, "raw": "AP8=",
    "color": "COLOR_RED", "counts": {"a": "1"}, "colors": ["COLOR_RED"], "byProduct": {"productId": "p"}, "maybe": "",
    "at": "2026-01-02T03:04:05Z", "during": "1.500s", "mask": "a,b", "free": {"x": [1.0, None]}, "wrapped": "7",
    "any": {"@type": "type.googleapis.com/shop.v1.Product", "productId": "in"}, "byNumber": {"4": {"title": "t"}},
    "ratio": 0.25,
}  # fmt: skip


@pytest.mark.promise("grpc.mapping")
async def test_arguments_and_results_are_the_json_form_of_protobuf(shop: str, tmp_path: Path):
    async with serving(shop, tmp_path) as served:
        schema = (await served.definitions())["everything"]["inputSchema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(EVERYTHING, schema)
        assert await served.call("everything", **EVERYTHING) == EVERYTHING
        for wrong, reason in (
            ({"large": "many"}, "large"),
            ({"color": "COLOR_BLUE"}, "COLOR_BLUE"),
            ({"nothing": 1}, 'no field named "nothing"'),
            ({"byName": "x", "byProduct": {}}, "way"),
            ({"small": 2**40}, "small"),
            ({"at": "yesterday"}, "timestamp"),
            ({"any": {"@type": "type.googleapis.com/shop.v1.Nothing"}}, "shop.v1.Nothing"),
        ):
            told = await served.wrong("everything", **wrong)
            assert told.startswith("everything: arguments: ")
            assert reason in told
        assert await served.call("now") == {"value": "1970-01-01T00:00:01Z"}
        properties = schema["properties"]
        assert properties["byName"]["description"] == "At most one of `byName`, `byProduct`."
        assert properties["byProduct"]["properties"]["replacedBy"] == {
            "type": "object",
            "description": "A shop.v1.Product.",
        }


@pytest.mark.promise("grpc.told")
async def test_a_status_is_told_as_what_to_do(shop: str, tmp_path: Path):
    async with serving(shop, tmp_path) as served:
        for code, told in (
            (3, "fail: invalid_argument: bad id; check the arguments"),
            (5, "fail: not_found: bad id; there is no such thing, or the credential may not see it"),
            (16, "fail: unauthenticated: bad id; the credential was refused: an administrator must set `metadata`"),
            (8, "fail: resource_exhausted: bad id; too much was asked for, or too often: ask for less, or later"),
            (13, "fail: internal: the server failed; it is not the arguments: try again later"),
            (2, "fail: unknown: the server failed; it is not the arguments: try again later"),
        ):
            assert (await served.wrong("fail", code=code, message="bad id.")).startswith(told)
        told = await served.wrong("fail", code=3, message="bad product", detailed=True)
        assert told == "fail: invalid_argument: bad product; cents: must not be negative; check the arguments"
        with pytest.raises(UpstreamFailed, match="is not available: going down"):
            await served.wrong("fail", code=14, message="going down")
        assert await served.call("now")


@pytest.mark.promise("grpc.told")
async def test_time_and_cancellation_reach_the_server(shop: str, tmp_path: Path):
    async with serving(shop, tmp_path) as served, asyncio.timeout(BOUND):
        before = (await served.call("metadata"))["waited"]
        call = asyncio.ensure_future(served.upstream.call(tool("wait", modern()), Ear()))
        while len((await served.call("metadata"))["waited"]) == len(before):
            assert not call.done()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        while (told := await served.call("metadata"))["waited"] != [*before, "began", "cancelled"]:
            pass
        assert told["has_deadline"] is True
    async with serving(shop, tmp_path, spec(kind="grpc", timeout=0.3)) as served:
        assert (await served.wrong("wait")).startswith("wait: deadline_exceeded: ")


@pytest.mark.promise("grpc.told")
async def test_answers_are_bounded(shop: str, tmp_path: Path):
    async with serving(shop, tmp_path, result_bytes=2000) as served:
        told = await served.call("list_products", count=1000, text="y" * 50)
        assert told["truncated"] is True
        assert told["note"] == f"{len(told['products'])} of 1000 rows of products: more do not fit into one answer"
        assert len(json.dumps(told)) < 2500
        assert told["next"] == "more"
        told = await served.call("list_products", count=1, text="y" * 5000)
        assert told["note"] == "long texts are cut to fit one answer"
        assert told["products"][0]["title"].endswith("y... (cut, 5000 characters)")
    async with serving(shop, tmp_path, spec(kind="grpc", max_bytes=20_000)) as served:
        assert "resource_exhausted" in await served.wrong("list_products", count=1000, text="y" * 50)


@pytest.mark.promise("grpc.confined")
async def test_metadata_is_shown_and_never_told(shop: str, tmp_path: Path):
    (tmp_path / "token").write_text(SECRET, encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    shown = {"authorization": f"Bearer file:{tmp_path / 'token'}", "x-team": "sales"}
    async with serving(shop, tmp_path, metadata=shown) as served:
        told = await served.call("metadata")
        assert (told["authorization"], told["x-team"]) == ("Bearer ***", "sales")
        assert "***" in await served.wrong("fail", code=3, message=f"what is {SECRET}?")
    with pytest.raises(ConfigError, match="MISSING"):
        async with serving(shop, tmp_path, metadata={"authorization": "Bearer env:MISSING_TOKEN"}):
            pass


@pytest.mark.promise("grpc.confined")
async def test_addresses_are_judged(shop: str, tmp_path: Path):
    for target, declared, reason in (
        (shop, spec(kind="grpc", private=False), r"may not be dialled \(127.0.0.1 is loopback\)"),
        (f"localhost:{shop.partition(':')[2]}", spec(kind="grpc", private=False), r"localhost may not be dialled"),
        ("169.254.169.254:80", None, r"may not be dialled \(169.254.169.254 is link-local"),
        ("no-such-host.invalid:443", None, "cannot be resolved"),
        ("127.0.0.1:1", None, r"cannot connect to 127.0.0.1 port 1 \(127.0.0.1: Connection refused\)"),
    ):
        async with serving(target, tmp_path, declared) as served:
            with pytest.raises(UpstreamFailed, match=reason):
                await served.definitions()
    async with serving(f"localhost:{shop.partition(':')[2]}", tmp_path) as served:
        assert "get_product" in await served.definitions()
    async with serving(shop, tmp_path, tls=True) as served:
        with pytest.raises(UpstreamFailed, match="it seems to speak without TLS"):
            await served.definitions()
    for target in ("shop", "shop:0", "shop:99999", "dns:///shop:443", "unix:/tmp/x:1", "a b:1"):
        with pytest.raises(ValueError, match="target: must be HOST:PORT"):
            grpc.Settings(target)
    for key in ("Authorization", "grpc-timeout", "token-bin", ""):
        with pytest.raises(ValueError, match="is no name of a text"):
            grpc.Settings(shop, metadata={key: "x"})


@pytest.mark.promise("grpc.confined")
async def test_certificates_are_checked_and_either_reflection_will_do(tmp_path: Path):
    authority, other = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("localhost")
    files = {name: tmp_path / f"{name}.pem" for name in ("own", "key", "ca", "other")}
    issued.cert_chain_pems[0].write_to_path(files["own"])
    issued.private_key_pem.write_to_path(files["key"])
    authority.cert_pem.write_to_path(files["ca"])
    other.cert_pem.write_to_path(files["other"])
    secured = ("--certificate", str(files["own"]), "--private-key", str(files["key"]), "--reflection", "v1")
    with launched_script("grpc_shop", *secured) as launched:
        trusted = {"tls": True, "ca_file": str(files["ca"])}
        named = f"localhost:{launched.url.partition(':')[2]}"
        async with serving(named, tmp_path, **trusted) as served:
            assert (await served.call("get_product", productId="p1"))["title"] == "Lamp"
            probe = out("server/discover", {}, modern())
            assert json.loads((await served.upstream.call(probe, Ear())).body) == {"resultType": "complete"}
        for target, members, told in (
            (named, {"tls": True, "ca_file": str(files["other"])}, "name its authority as `ca_file`"),
            (named, {"tls": True}, "name its authority as `ca_file`"),
            (named, {"tls": False}, "is not available"),
            (launched.url, trusted, "is not available"),
        ):
            async with serving(target, tmp_path, spec(kind="grpc", timeout=5), **members) as served:
                with pytest.raises(UpstreamFailed, match=told):
                    await served.definitions()


async def test_a_server_without_reflection_is_told(tmp_path: Path):
    with launched_script("grpc_shop", "--reflection", "none") as launched:
        async with serving(launched.url, tmp_path) as served:
            with pytest.raises(UpstreamFailed, match="has no server reflection"):
                await served.definitions()
            target = launched.url
    async with serving(target, tmp_path) as served:
        with pytest.raises(UpstreamFailed, match="cannot connect"):
            await served.definitions()


async def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "grpc", None)
    with pytest.raises(ConfigError, match=r'pip install "toolgate\[grpc\]"'):
        async with serving("127.0.0.1:1", tmp_path):
            pass
