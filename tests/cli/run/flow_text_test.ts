import { assertEquals } from "@std/assert";
import { FlowTracker } from "../../../src/flow/analysis/mod.ts";
import { flowEndLines, flowLine } from "../../../src/cli/run/flow_text.ts";
import { packetReport, servedPackets, streamProgress, streamReport } from "../../flow/reports.ts";

const lines = (flows: FlowTracker) => flows.flows.values().map(flowLine).toArray();

Deno.test("FlowTracker takes bytes from the receiver of a stream, and the kernel's figures from its sender", () => {
  const flows = new FlowTracker();
  flows.take("bulk", streamProgress({ bytes: 5e6, goodputBitsPerSecond: 4e6, rttMicros: 1500, retransmits: 2 }));
  assertEquals(lines(flows), ["bulk: 4.00 Mbit/s, 5.00 MB so far, RTT 1.500 ms, 2 resent"]);
  flows.take("bulk", streamProgress({ role: "receiver", bytes: 4e6, goodputBitsPerSecond: 3e6 }));
  flows.take("bulk", streamProgress({ bytes: 9e6, goodputBitsPerSecond: 9e6, rttMicros: 1600, retransmits: 1234 }));
  assertEquals(lines(flows), ["bulk: 3.00 Mbit/s, 4.00 MB so far, RTT 1.600 ms, 1,234 resent"]);
});

Deno.test("FlowTracker takes the last words of a stream from its client, whatever comes late", () => {
  const flows = new FlowTracker();
  flows.take("bulk", {
    ...{ kind: "servedStream", complete: true, bytes: 1e6, durationNanos: 1e9, goodputBitsPerSecond: 8e6 },
  });
  flows.take("bulk", streamReport({ bytes: 1e6, goodputBitsPerSecond: 8e6, fctNanos: 1.1e9 }));
  flows.take("bulk", streamProgress({ role: "receiver", bytes: 5e5, goodputBitsPerSecond: 4e6 }));
  assertEquals(lines(flows), ["bulk: 8.00 Mbit/s, 1.00 MB in 1.1s"]);
});

Deno.test("flowLine() names the RTT of a stream that has ended the last one: its median is another", () => {
  const flows = new FlowTracker();
  flows.take("bulk", streamProgress({ bytes: 1e6, goodputBitsPerSecond: 8e6, rttMicros: 1500 }));
  flows.take("bulk", streamReport({ bytes: 1e6, goodputBitsPerSecond: 8e6, fctNanos: 1e9, rttMicros: 1700 }));
  assertEquals(lines(flows), ["bulk: 8.00 Mbit/s, 1.00 MB in 1.0s, last RTT 1.700 ms"]);
});

Deno.test("FlowTracker takes packets from the client: the server knows half of it", () => {
  const flows = new FlowTracker();
  flows.take("voip", servedPackets({ received: 7 }));
  assertEquals(flows.flows.size, 0);
  const values = {
    sent: 100,
    serverSent: 0,
    lostToServer: 1,
    lostFromServer: 2,
  };
  const rtt = { smoothedMicros: 250, minMicros: 100, meanMicros: 200, maxMicros: 900, lastMicros: 150 };
  const rates = { sentBitsPerSecond: 64_000, receivedBitsPerSecond: 1 };
  flows.take("voip", packetReport({ ...values, rtt, rates, complete: false }));
  assertEquals(lines(flows), ["voip: 64.0 kbit/s, 100 packets, 3 lost, RTT 0.250 ms"]);
  flows.take("voip", packetReport({ ...values, rtt }));
  assertEquals(lines(flows), ["voip: 100 packets, 3 lost, RTT 0.100 / 0.200 / 0.900 ms (min, mean, max)"]);
  const down = { serverSent: 10, received: 10, rates: { sentBitsPerSecond: 0, receivedBitsPerSecond: 8000 } };
  flows.take("down", packetReport({ ...down, complete: false }));
  assertEquals(lines(flows)[1], "down: 8.00 kbit/s, 10 packets, 0 lost");
});

Deno.test("FlowTracker has apart what a socket had no room for, as results have", () => {
  const flows = new FlowTracker();
  const values = { sent: 90_000, lostToServer: 76_601, serverSocketDrops: 76_601 };
  const flood = packetReport(values);
  flows.take("flood", flood);
  flows.take(
    "both",
    packetReport({ ...values, lostToServer: 5, serverSocketDrops: 3, lostFromServer: 2, socketDrops: 9 }),
  );
  // Of two senders, it is not known whose packets they were, but that they were of this flow.
  flows.take("two", { ...flood, senders: [...flood.senders, ...packetReport().senders] });
  assertEquals(lines(flows), [
    "flood: 90,000 packets, 0 lost, 76,601 dropped by a socket",
    "both: 90,000 packets, 2 lost, 5 dropped by a socket",
    "two: 90,000 packets, 0 lost, 76,601 dropped by a socket",
  ]);
});

Deno.test("flowEndLines() sums up many flows, and has others one by one", () => {
  const flows = new FlowTracker();
  for (let i = 1; i <= 40; i++) {
    const common = { goodputBitsPerSecond: 1e6, rttMicros: 10, retransmits: 1 };
    const report = i < 40
      ? streamReport({ ...common, bytes: 1000, fctNanos: i * 1e6 })
      : streamProgress({ ...common, bytes: 500 });
    flows.take(`s${i}`, report);
  }
  for (let i = 0; i < 20; i++) flows.take(`p.${i}`, packetReport({ sent: 5, lostToServer: 1 }));
  flows.take("voip", packetReport({ sent: 5 }));
  assertEquals(flowEndLines(flows.flows.values()), [
    "voip: 5 packets, 0 lost",
    "p: 20 UDP flows: 100 packets, 20 lost",
    "s: 40 TCP flows, 39 of them to their end: 39.5 kB, 40 resent; they took 1.000 / 20.00 / 39.00 ms (min, median, max)",
  ]);
});
