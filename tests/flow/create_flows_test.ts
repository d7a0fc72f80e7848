import { assert, assertEquals, assertRejects } from "@std/assert";
import { createFlows } from "../../src/flow/create_flows.ts";
import { packetWarmUp } from "../../src/flow/packet/packet_warm_up.ts";
import { availability } from "../../src/sys/libc.ts";
import { TineError } from "../../src/base/errors.ts";
import { RecordedEvents } from "./stream/recorded_events.ts";

const { signal } = new AbortController();

Deno.test({
  name: "createFlows() takes raw sockets where they are available",
  ignore: !availability().available,
  async fn() {
    await using flows = createFlows();
    assertEquals(flows.kind, "ffi");
  },
});

Deno.test({
  name: "createFlows() gives flows of packets whose workers have warmed up",
  ignore: !availability().available,
  async fn() {
    await using flows = createFlows();
    const events = new RecordedEvents();
    // Workers are there now.
    await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    const start = performance.now();
    await flows.packetServer({ listenAddr: ":0" }, { events, signal });
    const first = performance.now() - start;
    const nanos = packetWarmUp.rounds.length * packetWarmUp.roundNanos;
    assert(first >= nanos / 1e6, `the first server listened after ${first} ms`);
    assertEquals(events.infos, []);
  },
});

Deno.test({
  name: "createFlows() takes Deno's network API without the permission for raw sockets, and says so",
  permissions: { net: true, ffi: false },
  async fn() {
    const events = new RecordedEvents();
    const flows = createFlows();
    assertEquals(flows.kind, "portable");
    const server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    const config = { upload: { flow: "a", length: 5 } };
    assertEquals((await flows.streamClient(server.address, config, { events, signal })).bytes, 5);
    assertEquals(events.infos.map(({ values }) => values.engine), ["portable", "portable"]);
    assertEquals(events.notices.length, 1);
    assert(events.notices[0].includes(Deno.build.os === "linux" ? "--allow-ffi" : "not linux"), events.notices[0]);

    const endless = flows.streamClient(server.address, { upload: { flow: "b" } }, { events, signal });
    const ended = assertRejects(() => endless, TineError, "closed");
    await flows[Symbol.asyncDispose]();
    await ended;
    await server.ended;
  },
});
