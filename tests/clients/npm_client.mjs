// Lists the tools of an MCP server and calls one, with the official npm SDK; prints one JSON object. Or does so for a
// list of requests, each with a client of its own, and prints a list.
//
//   echo REQUEST | node npm_client.mjs
//   REQUEST: {"modules": DIR, "url": URL, "era": "legacy" | "modern", "key": KEY?, "tool": NAME?, "arguments": {}?}
//
// legacy: @modelcontextprotocol/sdk, which begins with `initialize`. modern: @modelcontextprotocol/client, pinned to
// 2026-07-28. The request comes by stdin, so that a key is not seen in the process list.
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const requests = [JSON.parse(await text(process.stdin))].flat();
const { modules } = requests[0];
// The packages lie in a cache directory, not above this file, where Node would look for them.
const load = createRequire(join(modules, "anchor.js"));
const identity = { name: "toolgate-tests", version: "1.0.0" };

function legacy() {
  const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
  const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
  return { client: new Client(identity, { capabilities: {} }), Transport: StreamableHTTPClientTransport };
}

function modern() {
  const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");
  const options = { capabilities: {}, versionNegotiation: { mode: { pin: "2026-07-28" } } };
  return { client: new Client(identity, options), Transport: StreamableHTTPClientTransport };
}

function described(error) {
  const message = error.errorDescription ? `${error.message}: ${error.errorDescription}` : error.message;
  return { name: error.name, code: error.code ?? null, status: error.status ?? null, message };
}

async function visit(request) {
  const { client, Transport } = request.era === "modern" ? modern() : legacy();
  const headers = request.key ? { Authorization: `Bearer ${request.key}` } : {};
  const transport = new Transport(new URL(request.url), { requestInit: { headers } });
  const report = { tools: null, result: null, version: null, server: null, error: null };
  try {
    await client.connect(transport);
    report.server = client.getServerVersion() ?? null;
    report.version = transport.protocolVersion ?? client.getNegotiatedProtocolVersion?.() ?? null;
    report.tools = (await client.listTools()).tools;
    if (request.tool) {
      report.result = await client.callTool({ name: request.tool, arguments: request.arguments ?? {} });
    }
    if (request.era !== "modern") {
      await transport.terminateSession();
    }
  } catch (error) {
    report.error = described(error);
  } finally {
    await client.close().catch(() => undefined);
  }
  return report;
}

const reports = [];
for (const request of requests) {
  reports.push(await visit(request));
}
console.log(JSON.stringify(reports));
