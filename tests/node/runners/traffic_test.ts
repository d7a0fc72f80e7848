import { assert, assertEquals, assertRejects } from "@std/assert";
import { readChunk } from "../../../src/flow/records/read_chunk.ts";
import { streamClient, streamServer } from "../../../src/node/runners/traffic.ts";
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
