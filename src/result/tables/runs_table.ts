import { TineError } from "../../base/errors.ts";
import type { RunTime } from "../../node/item.ts";
import { Kind, type Message } from "../../node/protocol/frame.ts";
import { decodeItem } from "../../node/protocol/kinds.ts";
import { readRecords } from "../read_records.ts";
import { columnsOf, SourceFlows, type TableSource, testValues } from "./source.ts";
import type { Column, RowChunk, Table } from "./table.ts";

/** Runs that are put into one chunk. */
const CHUNK_ROWS = 1024;

/** A run, and the node that ran it. */
interface NodeRun extends RunTime {
  readonly nodeId: string;
}

const OWN: readonly Column[] = [
  {
    // Ids of tests often have a key "name".
    name: "run_name",
    type: "text",
    tag: true,
    definition:
      "What ran: serial, parallel, schedule or child, or the runner such as sleep; of a command, the name of its program.",
  },
  {
    name: "path",
    type: "text",
    definition: "Place in the plan of the run's folder, plan.json: tests[0].serial[2].child.serial[0].",
  },
  {
    name: "end_time",
    type: "time",
    unit: "ns",
    definition:
      "When it ended, as time. A server and a command in the background end here once they have started. Absent where the run had not ended when the records did.",
  },
  { name: "duration_seconds", type: "double", unit: "s", definition: "From its start, which is time, to its end." },
  {
    name: "error",
    type: "text",
    definition: "What it failed with, or why it was canceled; that of a run inside it counts as well.",
  },
];

/** When the runs of the tree started and ended: those that ended, in the order in which nodes reported it, then the others. */
export function runsTable(source: TableSource): Table {
  return {
    name: "runs",
    row: "a run of the tree that has started",
    columns: columnsOf(source, ["node"], OWN),
    async *rows() {
      const clocks = await SourceFlows.read(source);
      let runs: NodeRun[] = [];
      for await (const run of readRuns(source.test.path)) {
        runs.push(run);
        if (runs.length < CHUNK_ROWS) continue;
        yield chunkOf(runs, clocks);
        runs = [];
      }
      if (runs.length > 0) yield chunkOf(runs, clocks);
    },
    live: {
      of: "message",
      start(clocks) {
        const open = new OpenRuns();
        const rows = (runs: readonly NodeRun[]) => runs.length === 0 ? undefined : chunkOf(runs, clocks);
        return { add: (message) => rows(open.add(message)), end: () => rows(open.runs) };
      },
    },
  };

  function chunkOf(runs: readonly NodeRun[], clocks: SourceFlows): RowChunk {
    const starts = runs.map(({ start, nodeId }) => clocks.clockOf(nodeId).rootTime(start));
    const ends = runs.map(({ end, nodeId }) => end && clocks.clockOf(nodeId).rootTime(end));
    const base = starts[0];
    const offset = (time: bigint | undefined) => time === undefined ? NaN : Number(time - base);
    return {
      count: runs.length,
      columns: [
        { type: "time", base, offsets: Float64Array.from(starts, offset) },
        ...testValues(source),
        { type: "text", values: runs.map(({ nodeId }) => nodeId) },
        { type: "text", values: runs.map(({ name }) => name) },
        { type: "text", values: runs.map(({ path }) => path) },
        { type: "time", base, offsets: Float64Array.from(ends, offset) },
        // By the node's own clock, as it was measured.
        {
          type: "number",
          values: Float64Array.from(runs, ({ start, end }) => end === undefined ? NaN : Number(end - start) / 1e9),
        },
        { type: "text", values: runs.map(({ error }) => error) },
      ],
    };
  }
}

/** Yields runs that ended in the order in which nodes reported it, then those that did not. */
async function* readRuns(folder: string): AsyncGenerator<NodeRun, void, void> {
  const open = new OpenRuns();
  try {
    for await (const message of readRecords(folder)) yield* open.add(message);
  } catch (error) {
    // A test that has recorded nothing has no runs.
    if (!(error instanceof TineError) || error.code !== "no-results") throw error;
  }
  yield* open.runs;
}

/** Runs that have started. */
class OpenRuns {
  readonly #open = new Map<string, NodeRun>();

  /** Those that have not ended. */
  get runs(): NodeRun[] {
    return [...this.#open.values()];
  }

  /** Takes a record of any kind, and returns the runs that ended by it. */
  add(message: Message): NodeRun[] {
    if (message.kind !== Kind.runTimes) return [];
    const item = decodeItem(message);
    if (item.type !== "runTimes") return [];
    const { nodeId } = item;
    const ended: NodeRun[] = [];
    for (const run of item.runs) {
      const key = `${nodeId} ${run.path}`;
      if (run.end === undefined) this.#open.set(key, { ...run, nodeId });
      else {
        this.#open.delete(key);
        ended.push({ ...run, nodeId });
      }
    }
    return ended;
  }
}
