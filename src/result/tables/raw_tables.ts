import type { FlowInfo } from "../../node/item.ts";
import { declarationOf, type RecordKind } from "../../flow/records/format.ts";
import { type Chunk, ChunkReader } from "../../flow/records/read_chunk.ts";
import { warmUpOf } from "../read_flows.ts";
import type { IndexedFlow } from "../flow_index.ts";
import { RecordFile } from "../read_records.ts";
import {
  columnsOf,
  constantValue,
  senderValues,
  SourceFlows,
  type TableSource,
  testValues,
  WARMUP,
  warmupValues,
} from "./source.ts";
import type { Column, RowChunk, Table, Value, Values } from "./table.ts";

/** What was recorded of TCP flows' reads and writes. */
export const streamIoTable = (source: TableSource) =>
  rawTable(source, "streamIO", "stream_io", "the progress of one end of a TCP flow");

/** What the kernel reported of TCP flows. */
export const tcpInfoTable = (source: TableSource) =>
  rawTable(source, "tcpInfo", "tcp_info", "the kernel's view of one end of a TCP flow: its tcp_info");

/** Each packet that was recorded. */
export const packetsTable = (source: TableSource) =>
  rawTable(
    source,
    "packetIO",
    "packets",
    "a packet that was sent or received, or a burst that went through the kernel as one",
  );

/** Each transaction. */
export const transactionsTable = (source: TableSource) =>
  rawTable(source, "transactionIO", "transactions", "a request and its response, or one that was given up");

/** Columns that are among the tags. */
const TAGS: ReadonlySet<string> = new Set(["sender"]);

function rawTable(source: TableSource, kind: RecordKind, name: string, row: string): Table {
  const tags = kind === "packetIO" ? ["node", "flow", "sender"] as const : ["node", "flow"] as const;
  const declared = Object.entries(declarationOf(kind).columns);
  const own = declared.filter(([name]) => name !== "t" && !TAGS.has(name));
  const columns = columnsOf(source, tags, [
    ...own.map(([name, [unit, definition]]) => rawColumn(name, unit, definition)),
    WARMUP,
  ]);
  return {
    name,
    row,
    columns,
    async *rows() {
      const flows = await SourceFlows.read(source);
      using file = await RecordFile.open(source.test.path);
      for (const flow of flows.flows()) yield* rowsOfFlow(file, flow, flows);
    },
    live: { of: "chunk", rows: rowsOfChunk },
  };

  async function* rowsOfFlow(file: RecordFile, flow: IndexedFlow, flows: SourceFlows): AsyncGenerator<RowChunk> {
    const reader = new ChunkReader();
    for (const [node, places] of flow.places) {
      for await (const { payload } of file.readAll(places)) {
        const rows = rowsOfChunk(reader.read(payload), node, flow, flows);
        if (rows !== undefined) yield rows;
      }
    }
  }

  function rowsOfChunk(chunk: Chunk, node: string, flow: IndexedFlow, flows: SourceFlows): RowChunk | undefined {
    if (chunk.kind !== kind) return undefined;
    const all = chunk.columns as Readonly<Record<string, Float64Array>>;
    const info = isAtServer(flow, node, chunk) ? flow.server : flow.client;
    const times = flows.times(info, all.t);
    if (times === undefined) return undefined;
    const { sender, warmup } = warmUpValues(chunk, info);
    return {
      count: chunk.count,
      columns: [
        times,
        ...testValues(source),
        constantValue(node),
        constantValue(flow.flow),
        ...sender,
        ...own.map(([name, [unit]]) =>
          name === "scheduled" ? flows.times(info, all[name])! : rawValues(unit, all[name])
        ),
        warmup,
      ],
    };
  }
}

/** The columns of senders, of packets alone, and of the warm-up. */
function warmUpValues(
  chunk: Chunk,
  info: FlowInfo | undefined,
): { readonly sender: readonly Values[]; readonly warmup: Values } {
  const warmUp = warmUpOf(info);
  if (chunk.kind === "packetIO") {
    if (warmUp === undefined) {
      return { sender: [rawValues("number", chunk.columns.sender)], warmup: constantValue(undefined) };
    }
    const { sender, warmup } = senderValues(chunk.columns.sender, warmUp);
    return { sender: [sender], warmup };
  }
  const { t } = chunk.columns;
  return {
    sender: [],
    warmup: warmUp === undefined ? constantValue(undefined) : warmupValues(chunk.count, (i) => t[i] < warmUp.endNanos),
  };
}

/** Which end of a flow took the samples of a chunk: a chunk has those of one. */
function isAtServer(flow: IndexedFlow, node: string, chunk: Chunk): boolean {
  // The client alone records transactions.
  if (chunk.kind === "transactionIO") return false;
  if (chunk.kind !== "streamIO") return chunk.columns.server[0] === 1;
  if (flow.client?.nodeId !== flow.server?.nodeId) return flow.server?.nodeId === node;
  const direction = (flow.client ?? flow.server)?.values.direction;
  return (chunk.columns.sent[0] === 1) !== (direction === "upload");
}

/** A column of a kind of records, with its unit at the end of its name. */
function rawColumn(name: string, unit: string, definition: string): Column {
  if (name === "scheduled") return { name: "scheduled_time", type: "time", unit: "ns", definition };
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  switch (unit) {
    case "yes":
      return { name: snake, type: "bool", definition };
    case "number":
    case "bits":
      return { name: snake, type: "int", definition };
    case "bytes/s":
      return { name: `${snake}_bytes_per_second`, type: "int", unit, definition };
    default:
      return { name: /_?bytes(_|$)/.test(snake) ? snake : `${snake}_${unit}`, type: "int", unit, definition };
  }
}

function rawValues(unit: string, values: Float64Array): Values {
  const [first] = values;
  // Most columns of packets are alike in a whole chunk, which formats print at once.
  if (values.every((value) => value === first)) return constantValue(rawValue(unit, first));
  if (unit === "yes") {
    const flags = new Uint8Array(values.length);
    for (let i = 0; i < flags.length; i++) flags[i] = values[i] === 0 ? 0 : values[i] === 1 ? 1 : 2;
    return { type: "bool", values: flags };
  }
  // What the kernel did not report has no value.
  if (values.includes(-1)) return { type: "number", values: values.map((value) => value === -1 ? NaN : value) };
  return { type: "number", values };
}

/** A value by itself: what is neither yes nor no, or was not reported by the kernel, is absent. */
function rawValue(unit: string, value: number): Value {
  if (unit === "yes") return value === 0 || value === 1 ? value === 1 : undefined;
  return value === -1 || Number.isNaN(value) ? undefined : value;
}
