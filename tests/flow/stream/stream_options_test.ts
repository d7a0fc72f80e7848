import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamClientConfig, TransferConfig } from "../../../src/flow/config.ts";
import { congestionControls } from "../../../src/sys/socket_options.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { TineError } from "../../../src/base/errors.ts";
import { RecordedEvents } from "./recorded_events.ts";
import { makers } from "./stream_makers.ts";
import { needsProcessors } from "../../support/quiet.ts";

const { signal } = new AbortController();
const ignore = !("ffi" in makers);

/** Runs a flow; returns what both ends report. */
async function run(flows: Flows, config: StreamClientConfig) {
  const atClient = new RecordedEvents(), atServer = new RecordedEvents();
  const server = await flows.streamServer({ listenAddr: ":0" }, { events: atServer, signal });
  try {
    const result = await flows.streamClient(server.address, config, { events: atClient, signal });
    return { atClient, atServer, result };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function errorOf(flows: Flows, direction: string, more: Partial<TransferConfig>): Promise<TineError> {
  const config = { [direction]: { flow: "a", length: 10, ...more } } as StreamClientConfig;
  return await assertRejects(() => run(flows, config), TineError);
}

Deno.test({
  ...needsProcessors("streamClient() samples tcp_info at the sender: each interval, and at the end", async () => {
    await using flows = makers.ffi();
    for (const direction of ["upload", "download"]) {
      for (const [tcpInfoInterval, least] of [[50, 10], [undefined, 1]] as const) {
        const config = { [direction]: { flow: "a", duration: 600, tcpInfoInterval } } as StreamClientConfig;
        const { atClient, atServer, result } = await run(flows, config);
        const [sender, receiver] = direction === "upload" ? [atClient, atServer] : [atServer, atClient];
        const samples = sender.tcpInfo("a");
        assertEquals(receiver.tcpInfo("a"), []);
        assert(least === 1 ? samples.length === 1 : samples.length >= least && samples.length <= 14);
        assert(samples.every(({ server }) => server === (direction === "upload" ? 0 : 1)));
        // The kernel counts the messages before the transfer too.
        assert(samples.at(-1)!.bytesAcked >= result.bytes);
        // None comes before it is due, however late the one before was.
        const start = sender.io("a")[0].t;
        assert(least === 1 || samples.slice(0, -1).every(({ t }, i) => t >= start + (i + 1) * 50e6));
        assert(result.rttMicros! > 0 && result.cwndBytes! > 0 && result.retransmits! >= 0);
        // What limited either direction is known at the client.
        assert(result.busyMicros! > 0 && result.receiveWindowMicros! >= 0 && result.sendBufferMicros! >= 0);
        assert(result.serverCpuNanos! > 0 && result.serverCpuNanos! <= result.durationNanos * 1.2);
      }
    }
  }),
  ignore,
});

Deno.test({
  name: "streamClient() uses the congestion control that was asked for, at the sender",
  ignore,
  async fn() {
    await using flows = makers.ffi();
    for (const cca of congestionControls(Deno.uid() === 0)) {
      const up = await run(flows, { upload: { flow: "a", length: 10, cca } });
      assertEquals(up.atClient.infos[0].values.cca, cca);
      const down = await run(flows, { download: { flow: "a", length: 10, cca } });
      assertEquals(down.atServer.infos[0].values.cca, cca);
    }
  },
});

Deno.test({
  name: "streamClient() lists the congestion controls that can be used when one cannot",
  ignore,
  async fn() {
    await using flows = makers.ffi();
    for (const direction of ["upload", "download"]) {
      const { code, message } = await errorOf(flows, direction, { cca: "tribble" });
      assertEquals(code, "unknown-cca");
      const usable = congestionControls(Deno.uid() === 0).join(", ");
      assert(message.includes("ENOENT") && message.includes(usable), message);
      assertEquals(message.includes("refused"), direction === "download");
    }
  },
});

const noDelay = { type: "int", level: 6, opt: 1, name: "TCP_NODELAY", value: 1 } as const;
const priority = { type: "int", level: 1, opt: 12, name: "SO_PRIORITY", value: 3 } as const;
const device = { type: "string", level: 1, opt: 25, name: "SO_BINDTODEVICE", value: "lo" } as const;
const mtuDiscover = { type: "int", level: 0, opt: 10, name: "IP_MTU_DISCOVER", value: 2 } as const;
const nonsense = { type: "int", level: 6, opt: 9999, name: "NONSENSE", value: 1 } as const;

Deno.test({
  name: "streamClient() sets the options of its own socket, whatever a server would refuse",
  ignore: ignore || Deno.uid() !== 0,
  async fn() {
    await using flows = makers.ffi();
    const mark = { type: "int", level: 1, opt: 36, name: "SO_MARK", value: 7 } as const;
    const own = [device, mark, mtuDiscover, noDelay];
    // An upload's are those of the sender, which is the client.
    await run(flows, { upload: { flow: "a", length: 1000, dscp: 46, sockopt: own } });
    const sockopt = own.map((option) => ({ ...option, side: "client" as const }));
    await run(flows, { download: { flow: "a", length: 1000, sockopt } });
  },
});

Deno.test({
  name: "streamClient() has the server set the options of its side, and only harmless ones",
  ignore,
  async fn() {
    await using flows = makers.ffi();
    for (const [direction, side] of [["download", undefined], ["upload", "server"], ["upload", "both"]] as const) {
      const { code, message } = await errorOf(flows, direction, { sockopt: [priority, { ...device, side }] });
      assertEquals(code, "forbidden-socket-option");
      assert(message.includes("SO_BINDTODEVICE") && message.includes("TCP_NODELAY"), message);
      await run(flows, { [direction]: { flow: "a", length: 1000, sockopt: [{ ...priority, side }, noDelay] } });
    }
  },
});

Deno.test({
  name: "streamClient() names the option that the kernel of a side refuses",
  ignore,
  async fn() {
    await using flows = makers.ffi();
    for (const direction of ["upload", "download"]) {
      const side = direction === "upload" ? undefined : "client";
      const { message } = await errorOf(flows, direction, { sockopt: [{ ...nonsense, side }] });
      assert(message.includes("NONSENSE = 1") && !message.includes("refused"), message);
    }
  },
});

Deno.test("streams over Deno's API refuse options that need raw sockets, at the side that has them", async () => {
  await using flows = makers.portable();
  for (const direction of ["upload", "download"]) {
    for (const more of [{ cca: "cubic" }, { dscp: 1 }, { sockopt: [noDelay] }]) {
      const { code, message } = await errorOf(flows, direction, more);
      assertEquals(code, "ffi-unavailable");
      assert(message.includes(Object.keys(more)[0]), message);
      // The server refuses what concerns it alone.
      assertEquals(message.includes("refused"), direction === "download" && !("dscp" in more), message);
    }
  }
});
