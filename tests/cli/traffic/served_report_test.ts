import { assertEquals } from "@std/assert";
import { servedJson, servedLine } from "../../../src/cli/traffic/served_report.ts";
import type { FlowInfoEvent } from "../../../src/flow/flows.ts";

const info: FlowInfoEvent = {
  type: "packetInfo",
  flow: "up.1",
  server: true,
  tinit: 0n,
  values: { client: "192.0.2.2:1000" },
};
const values = { received: 25, sent: 24, elapsedNanos: 5e8, complete: 1 };
const LINE = "192.0.2.2:1000 up.1: received 25 packets, sent 24";

Deno.test("servedLine() tells of packets that were twice, bad and dropped, if there are any", () => {
  assertEquals(servedLine(info, values), `${LINE} in 0.50 s`);
  assertEquals(
    servedLine(info, { ...values, duplicates: 1, bad: 1234, socketDrops: 2 }),
    `${LINE}, 1 twice, 1,234 bad, 2 dropped by this socket in 0.50 s`,
  );
});

Deno.test("servedLine() and servedJson() say that a flow was not closed", () => {
  const open = { ...values, complete: 0, unclosed: 1 };
  assertEquals(servedLine(info, open), `${LINE} in 0.50 s, ended without a close`);
  const complete = (values: Record<string, number>) => (servedJson(info, values) as { complete: boolean }).complete;
  assertEquals([complete(values), complete(open)], [true, false]);
});

Deno.test("servedJson() counts bad packets", () => {
  assertEquals((servedJson(info, { ...values, bad: 3 }) as { bad: number }).bad, 3);
});
