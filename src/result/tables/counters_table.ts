import { TineError } from "../../base/errors.ts";
import type { CounterSample } from "../../node/item.ts";
import { Kind, type Message } from "../../node/protocol/frame.ts";
import { decodeItem } from "../../node/protocol/kinds.ts";
import { readRecords } from "../read_records.ts";
import { columnsOf, SourceFlows, type TableSource, testValues } from "./source.ts";
import type { Column, RowChunk, Table } from "./table.ts";

/** Counters at a time, and the node that read them. */
interface NodeSample extends CounterSample {
  readonly nodeId: string;
}

const TAGS: readonly Column[] = [
  { name: "counter", type: "text", tag: true, definition: "What counts: qdisc, link, cpu or softnet." },
  {
    name: "device",
    type: "text",
    tag: true,
    definition: "Interface of a qdisc or link, processor of cpu or softnet: eth0, cpu1.",
  },
  {
    name: "queue",
    type: "text",
    tag: true,
    definition: "Of qdisc: its kind and handle, and whether it is the root of its interface: tbf 8001: root.",
  },
];

/** A column, and the value of a sample that it has; what several kinds count has one column. */
type Value = readonly [column: Column, keys: readonly string[]];

function whole(name: string, unit: string, definition: string, ...keys: readonly string[]): Value {
  return [{ name, type: "int", unit, definition }, keys];
}

function time(state: string, what: string): Value {
  const definition = `Of cpu: time that the processor has spent ${what} since the system started.`;
  return [{ name: `${state}_seconds`, type: "double", unit: "s", definition }, [`${state}Seconds`]];
}

const VALUES: readonly Value[] = [
  whole("backlog_bytes", "bytes", "Of qdisc: what waits in it now.", "backlogBytes"),
  whole("backlog_packets", "packets", "Of qdisc: packets that wait in it now.", "backlogPackets"),
  whole("bytes", "bytes", "Of qdisc: bytes that it has let out.", "bytes"),
  whole(
    "packets",
    "packets",
    "Of qdisc: packets that it has let out. Of softnet: packets that the processor has taken from network cards.",
    "packets",
  ),
  whole("drops_packets", "packets", "Of qdisc and softnet: packets that were dropped.", "drops"),
  whole(
    "marks_packets",
    "packets",
    "Of qdisc: packets that it marked (ECN) instead of dropping them; of red, codel and fq_codel.",
    "marks",
  ),
  whole("overlimits", "events", "Of qdisc: how often a packet had to wait for the rate.", "overlimits"),
  whole("requeues", "events", "Of qdisc: how often a packet went back, since the device was busy.", "requeues"),
  whole("rx_bytes", "bytes", "Of link: bytes received, with the headers of layer 2.", "rxBytes"),
  whole("rx_packets", "packets", "Of link: packets received.", "rxPackets"),
  whole("rx_drops_packets", "packets", "Of link: received packets that were dropped.", "rxDrops"),
  whole("tx_bytes", "bytes", "Of link: bytes sent, with the headers of layer 2.", "txBytes"),
  whole("tx_packets", "packets", "Of link: packets sent.", "txPackets"),
  whole("tx_drops_packets", "packets", "Of link: packets to be sent that were dropped.", "txDrops"),
  time("user", "in programs"),
  time("system", "in the kernel"),
  time("softirq", "on interrupts, such as those of the network"),
  time("steal", "on other guests of its host"),
  time("idle", "on nothing"),
  whole("squeezes", "events", "Of softnet: how often the processor had to stop with packets left.", "squeezes"),
];

/** Counters that nodes have read beside the flows, in the order in which they arrived; counts are since they were made. */
export function countersTable(source: TableSource): Table {
  return {
    name: "counters",
    row: "a reading of a counter",
    columns: columnsOf(source, ["node"], [...TAGS, ...VALUES.map(([column]) => column)]),
    async *rows() {
      const clocks = await SourceFlows.read(source);
      try {
        for await (const message of readRecords(source.test.path)) {
          const rows = rowsOf(message, clocks);
          if (rows !== undefined) yield rows;
        }
      } catch (error) {
        // A test that has recorded nothing has no counters.
        if (!(error instanceof TineError) || error.code !== "no-results") throw error;
      }
    },
    live: {
      of: "message",
      start: (clocks) => ({ add: (message) => rowsOf(message, clocks), end: () => undefined }),
    },
  };

  function rowsOf(message: Message, clocks: SourceFlows): RowChunk | undefined {
    if (message.kind !== Kind.counters) return undefined;
    const item = decodeItem(message);
    if (item.type !== "counters" || item.samples.length === 0) return undefined;
    const { nodeId } = item;
    const samples = item.samples.map((sample): NodeSample => ({ ...sample, nodeId }));
    const times = samples.map(({ time }) => clocks.clockOf(nodeId).rootTime(time));
    const [base] = times;
    return {
      count: samples.length,
      columns: [
        { type: "time", base, offsets: Float64Array.from(times, (time) => Number(time - base)) },
        ...testValues(source),
        { type: "constant", value: nodeId },
        { type: "text", values: samples.map(({ counter }) => counter) },
        { type: "text", values: samples.map(({ device }) => device) },
        { type: "text", values: samples.map(({ detail }) => detail === "" ? undefined : detail) },
        ...VALUES.map(([, keys]) => ({
          type: "number" as const,
          values: Float64Array.from(samples, ({ values }) => {
            for (const key of keys) if (values[key] !== undefined) return values[key];
            return NaN;
          }),
        })),
      ],
    };
  }
}
