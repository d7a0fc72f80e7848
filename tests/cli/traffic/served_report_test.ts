import { assertEquals } from "@std/assert";
import { servedJson, servedLine, type ServedReport } from "../../../src/cli/traffic/served_report.ts";
import type { FlowInfoEvent } from "../../../src/flow/flows.ts";
import { servedPackets } from "../../flow/reports.ts";

const info: FlowInfoEvent = {
  type: "packetInfo",
  flow: "up.1",
  server: true,
  tinit: 0n,
  values: { client: "192.0.2.2:1000" },
};
const report = servedPackets({ received: 25, sent: 24, elapsedNanos: 5e8 });
const LINE = "192.0.2.2:1000 up.1: received 25 packets, sent 24";

Deno.test("servedLine() reports packets that were twice, bad and dropped, if there are any", () => {
  assertEquals(servedLine(info, report), `${LINE} in 0.50 s`);
  assertEquals(
    servedLine(info, { ...report, duplicates: 1, bad: 1234, socketDrops: 2 }),
    `${LINE}, 1 twice, 1,234 bad, 2 dropped by this socket in 0.50 s`,
  );
});

Deno.test("servedLine() and servedJson() say that a flow was not closed", () => {
  const open = servedPackets({ ...report, state: "unclosed" });
  assertEquals(servedLine(info, open), `${LINE} in 0.50 s, ended without a close`);
  const complete = (report: ServedReport) => (servedJson(info, report) as { complete: boolean }).complete;
  assertEquals([complete(report), complete(open)], [true, false]);
});

Deno.test("servedJson() counts bad packets", () => {
  assertEquals((servedJson(info, { ...report, bad: 3 }) as { bad: number }).bad, 3);
});
