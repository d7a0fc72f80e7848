import { assert, assertEquals } from "@std/assert";
import { run } from "../../support/peers.ts";
import { tine } from "../../support/tine.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";

const PLAN = new URL("../../../examples/loopback.yaml", import.meta.url).pathname;
const SCRIPT = new URL("./figures_of_packets.py", import.meta.url).pathname;
/** Quantiles of the analysis are exact to 0.1%. */
const QUANTILES = ["rttMedianMicros", "rttP99Micros"];

/** What tine prints of a run of real traffic, and what Python computes from its packets. */
Deno.test({
  ...unless(
    whyNotInstalled("python3"),
    "figures of real traffic are those that plain Python computes from the exported packets",
  ),
  async fn() {
    const out = await Deno.makeTempDir({ prefix: "tine-figures-" });
    try {
      const ran = await tine(["run", PLAN, "--out", out]);
      assertEquals(ran.code, 0, ran.stderr);
      const test = `${out}/latest/name=loopback`;
      const packets = await tine(["export", test, "--table=packets", "--format=csv"]);
      assertEquals(packets.code, 0, packets.stderr);
      const { code, stdout, stderr } = await run("python3", [SCRIPT], new TextEncoder().encode(packets.stdout));
      assertEquals([code, stderr], [0, ""]);
      const computed: Record<string, Record<string, number>> = JSON.parse(new TextDecoder().decode(stdout));
      const results = await tine(["results", test, "--json"]);
      const flows = results.stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
        .filter(({ type, protocol }) => type === "flow" && protocol === "udp");
      assertEquals(flows.map(({ flow }) => flow).toSorted(), Object.keys(computed).toSorted());
      for (const flow of flows) {
        const { sent, received, lost, oneWayDelayMeanMicros } = flow.toServer;
        const printed: Record<string, number> = { ...flow, sent, received, lost, oneWayDelayMeanMicros };
        for (const [name, value] of Object.entries(computed[flow.flow])) {
          const tolerance = QUANTILES.includes(name) ? 0.001 * value : 0.001 + 1e-9 * value;
          assert(
            Math.abs(printed[name] - value) <= tolerance,
            `${flow.flow} ${name}: ${printed[name]}, Python ${value}`,
          );
        }
      }
      // The tables say the same as the lines.
      const table = await tine(["export", test, "--table=flows", "--format=jsonl", "--flow=voip.*"]);
      for (const line of table.stdout.trimEnd().split("\n")) {
        const row = JSON.parse(line);
        const flow = flows.find((flow) => flow.flow === row.flow);
        assertEquals([row.rtt_p99_us, row.to_server_lost_packets, row.goodput_bits_per_second], [
          flow.rttP99Micros,
          flow.toServer.lost,
          flow.goodputBitsPerSecond,
        ]);
      }
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});
