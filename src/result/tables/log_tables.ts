import { type LoggedLine, readLogs } from "../read_logs.ts";
import { columnsOf, SourceFlows, type TableSource, testValues } from "./source.ts";
import type { Column, RowChunk, Table } from "./table.ts";

/** Lines that are put into one chunk. */
const CHUNK_ROWS = 1024;

const TAG: Column = {
  name: "tag",
  type: "text",
  tag: true,
  definition: "What the entry is about: the name of a runner, or of a command.",
};
const TEXT: Column = { name: "text", type: "text", definition: "Text of the entry." };
const CODE: Column = {
  name: "code",
  type: "text",
  tag: true,
  definition: "What went wrong, for programs, in kebab-case.",
};

/** What nodes have logged, errors included, by time. */
export function logsTable(source: TableSource): Table {
  return logTable(source, "logs", "an entry of a log, or an error", [TAG, TEXT], () => true);
}

/** The errors of nodes, by time. */
export function errorsTable(source: TableSource): Table {
  const isError = ({ error }: LoggedLine) => error !== undefined;
  return logTable(source, "errors", "an unrecoverable error of a node", [TAG, CODE, TEXT], isError);
}

function logTable(
  source: TableSource,
  name: string,
  row: string,
  own: readonly Column[],
  wanted: (line: LoggedLine) => boolean,
): Table {
  return {
    name,
    row,
    columns: columnsOf(source, ["node"], own),
    async *rows() {
      const clocks = await SourceFlows.read(source);
      let lines: LoggedLine[] = [];
      for await (const line of readLogs(source.test.path)) {
        if (!wanted(line)) continue;
        lines.push(line);
        if (lines.length < CHUNK_ROWS) continue;
        yield chunkOf(lines, clocks);
        lines = [];
      }
      if (lines.length > 0) yield chunkOf(lines, clocks);
    },
    live: { of: "lines", wanted, rows: chunkOf },
  };

  function chunkOf(lines: readonly LoggedLine[], clocks: SourceFlows): RowChunk {
    const times = lines.map(({ time, nodeId }) => clocks.clockOf(nodeId).rootTime(time));
    const base = times[0];
    return {
      count: lines.length,
      columns: [
        { type: "time", base, offsets: Float64Array.from(times, (time) => Number(time - base)) },
        ...testValues(source),
        { type: "text", values: lines.map(({ nodeId }) => nodeId) },
        ...own.map((column) => {
          if (column === TAG) return { type: "text", values: lines.map(({ tag }) => tag) } as const;
          if (column === CODE) return { type: "text", values: lines.map(({ error }) => error) } as const;
          return { type: "text", values: lines.map(({ text }) => text) } as const;
        }),
      ],
    };
  }
}
