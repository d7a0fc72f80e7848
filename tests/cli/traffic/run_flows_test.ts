import { assertEquals } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { runFlows } from "../../../src/cli/traffic/run_flows.ts";
import { StreamFlow } from "../../../src/cli/traffic/stream_flow.ts";
import { chunkOf, endless, type Script, scriptedFlows } from "./scripted_flows.ts";

const log = () => {};

function flow(direction: "upload" | "download"): StreamFlow {
  return new StreamFlow({ label: direction, direction, server: "192.0.2.1:1", intervalMs: 1000, transfer: {} });
}

Deno.test("runFlows() ends the others when one fails, and reports why", async () => {
  const failure = new Error("reset");
  const flows = scriptedFlows({ upload: endless, download: () => Promise.reject(failure) });
  const { signal } = new AbortController();
  assertEquals(await runFlows(flows, [flow("upload"), flow("download")], { signal, log }), { error: failure });
});

Deno.test("runFlows() has the others come to their ends when the server's limit ends one", async () => {
  const failure = new TineError("server-limit", "flow upload was ended");
  let isAborted: boolean | undefined;
  const flows = scriptedFlows({
    upload: () => Promise.reject(failure),
    download: async (_flow, { signal }) => {
      await new Promise((resolve) => setTimeout(resolve));
      isAborted = signal.aborted;
    },
  });
  const { signal } = new AbortController();
  assertEquals(await runFlows(flows, [flow("upload"), flow("download")], { signal, log }), { error: failure });
  assertEquals(isAborted, false);
});

Deno.test("runFlows() ends all of them when it is aborted", async () => {
  const control = new AbortController();
  const running = runFlows(scriptedFlows({ upload: endless }), [flow("upload")], { signal: control.signal, log });
  const reason = new Error("interrupted");
  control.abort(reason);
  assertEquals(await running, { error: reason });
});

Deno.test("runFlows() has flows count their intervals from the start of the first", async () => {
  const script = (tinit: bigint): Script => (id, { events }) => {
    events.info({ type: "streamInfo", flow: id, server: false, tinit, values: {} });
    events.records!(id, chunkOf("streamIO", [{ t: 0, total: 0 }, { t: 1e9, total: 1000 }]));
    return Promise.resolve();
  };
  const [up, down] = [flow("upload"), flow("download")];
  const { signal } = new AbortController();
  let opened = 0;
  const flows = scriptedFlows({ upload: script(5_000_000_000n), download: script(5_500_000_000n) });
  assertEquals(await runFlows(flows, [up, down], { signal, log, onOpen: () => opened++ }), {});
  assertEquals([opened, up.lastNanos, down.lastNanos], [1, 1e9, 1.5e9]);
  assertEquals([up.takeInterval(0, 1000).bytes, up.takeInterval(1, 1000).bytes], [1000, 0]);
  assertEquals([down.takeInterval(0, 1000).bytes, down.takeInterval(1, 1000).bytes], [500, 500]);
});
