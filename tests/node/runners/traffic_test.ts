import { assert, assertEquals, assertRejects } from "@std/assert";
import { readChunk } from "../../../src/flow/records/read_chunk.ts";
import { packetClient, packetServer, streamClient, streamServer } from "../../../src/node/runners/traffic.ts";
import { TineError } from "../../../src/base/errors.ts";
import { TestContext } from "./test_context.ts";

Deno.test("streamClient uploads to the address that streamServer has put into the feedback, and both measure", async () => {
  await using context = new TestContext();
  const feedback = await streamServer.run({ listenAddr: ":0", listenAddrKey: "server" }, context);
  const addr = feedback!.get("server")!;
  assert(/^127\.0\.0\.1:[1-9]\d*$/.test(addr), addr);
  context.feedback = feedback!;
  await streamClient.run({ addrKey: "server", upload: { flow: "up", length: 1_000_000 } }, context);
  await context.end();
  const infos = context.sent.flatMap((item) => item.type === "streamInfo" ? [item] : []);
  assertEquals(infos.map(({ flow, server }) => `${flow} ${server}`).sort(), ["up false", "up true"]);
  const [client] = infos.filter(({ server }) => !server);
  assertEquals([infos.map(({ values }) => values.path), JSON.parse(client.values.config as string)], [
    ["tests[0]", "tests[0]"],
    {
      ...{ protocol: "tcp", hmac: true, addrKey: "server" },
      upload: { flow: "up", length: 1_000_000, sampleIOInterval: 100, bufLen: 131_072 },
    },
  ]);
  const received = context.sent.filter((item) => item.type === "records").map(({ chunk }) => readChunk(chunk));
  const kinds = new Set(received.map(({ kind }) => kind));
  assertEquals([...kinds].sort(), ["streamIO", "tcpInfo"]);
});

Deno.test("streamClient says which feedback key nobody has set", async () => {
  await using context = new TestContext();
  await assertRejects(
    () => streamClient.run({ addrKey: "server", upload: { flow: "up", length: 1 } }, context),
    TineError,
    "no run before has set the feedback key server; set are: none",
  );
});

Deno.test("streamClient without the key of the run is refused", async () => {
  await using context = new TestContext();
  const feedback = await streamServer.run({ listenAddr: ":0", listenAddrKey: "server" }, context);
  const addr = feedback!.get("server")!;
  await assertRejects(
    () => streamClient.run({ addr, hmac: false, upload: { flow: "up", length: 1 } }, context),
    TineError,
  );
});

Deno.test("packetClient reports its configuration with defaults, save where it is very long", async () => {
  await using context = new TestContext();
  context.feedback = (await packetServer.run({ listenAddr: ":0", listenAddrKey: "server" }, context))!;
  const unresponsive = { duration: 1, wait: [1] };
  const client = { addrKey: "server", hmac: true };
  await packetClient.run({ ...client, flow: "short", sender: [{ unresponsive: { duration: 1 } }] }, context);
  const wait = Array<number>(10_000).fill(1);
  await packetClient.run({ ...client, flow: "long", sender: [{ unresponsive: { ...unresponsive, wait } }] }, context);
  await context.end();
  const configs = context.sent.flatMap((item) =>
    item.type === "packetInfo" && !item.server ? [[item.flow, item.values.path, item.values.config]] : []
  );
  assertEquals(configs.map(([, , config]) => config && JSON.parse(config as string)), [
    {
      ...{ protocol: "udp", maxPacketSize: 1480, dscp: 0, ecn: 0, addrKey: "server", hmac: true, flow: "short" },
      sender: [{ unresponsive: { wait: [200], length: [72], duration: 1 } }],
    },
    undefined,
  ]);
  assertEquals(configs.map(([flow, path]) => [flow, path]), [["short", "tests[0]"], ["long", "tests[0]"]]);
});
