import type { Measured, MeasuredPackets, MeasuredStream, MeasuredTransactions } from "../read_flows.ts";
import type { Column, RowChunk, Table, Value } from "./table.ts";
import {
  CLOCK_FIGURES,
  type FigureColumn,
  figureColumns,
  type Figures,
  type FigureUnit,
  PACKET_FIGURES,
  PATH_FIGURES,
  rounded,
  STREAM_FIGURES,
  TRANSACTION_FIGURES,
} from "../../flow/analysis/mod.ts";
import { TineError } from "../../base/errors.ts";
import { readFlows } from "../kept_figures.ts";
import { CONFIG_COLUMNS, configValues } from "./config_columns.ts";
import { columnsOf, constantValue, type TableSource, testValues, wantedFlows } from "./source.ts";

/** A row of the table: a TCP flow, a sender of a UDP flow, or requests and responses. */
type FlowRow =
  | { readonly tcp: MeasuredStream; readonly udp?: undefined; readonly rr?: undefined }
  | {
    readonly udp: MeasuredPackets;
    readonly sender: MeasuredPackets["figures"]["senders"][number];
    readonly tcp?: undefined;
    readonly rr?: undefined;
  }
  | { readonly rr: MeasuredTransactions; readonly tcp?: undefined; readonly udp?: undefined };

/** A column, and its value in a row. */
interface FlowColumn extends Column {
  value(row: FlowRow): Value;
}

/** Every figure of every flow: of UDP, a row for each sender. */
export function flowsTable(source: TableSource): Table {
  const own = [...DESCRIPTION, ...FIGURES];
  function* rowsOfFlow(measured: Measured): Generator<RowChunk, void, void> {
    for (const row of rowsOf(measured)) {
      const sender = row.udp === undefined ? undefined : row.sender.sender;
      yield {
        count: 1,
        columns: [
          constantValue(measured.start),
          ...testValues(source),
          constantValue((measured.client ?? measured.server)?.nodeId),
          constantValue(measured.flow),
          constantValue(sender),
          constantValue(directionOf(row)),
          ...own.map(({ value }) => constantValue(value(row))),
          constantValue(
            measured.startBoundNanos === undefined ? undefined : Math.round(measured.startBoundNanos) / 1e3,
          ),
          ...configValues(measured, sender).map(constantValue),
        ],
      };
    }
  }
  return {
    name: "flows",
    row: "a TCP flow, a sender of a UDP flow, or a flow of requests and responses",
    columns: columnsOf(source, ["node", "flow", "sender", "direction"], [
      ...own.map(({ value: _, ...column }) => column),
      TIME_BOUND,
      ...CONFIG_COLUMNS,
    ]),
    async *rows() {
      for await (const measured of flowsOf(source)) yield* rowsOfFlow(measured);
    },
    live: { of: "flow", rows: rowsOfFlow },
  };
}

const TIME_BOUND: Column = {
  name: "time_bound_us",
  type: "double",
  unit: "us",
  definition:
    "Bound of the error of the flow's times: of how its node's clock relates to that of the root, taken when the node started and ended. 0: they share a clock.",
};

/** The flows that are wanted; a test that has recorded nothing has no flows. */
async function* flowsOf(
  { test, flows, onSamples }: TableSource,
): AsyncGenerator<Measured, void, void> {
  try {
    yield* readFlows(test.path, wantedFlows(flows), onSamples);
  } catch (error) {
    if (!(error instanceof TineError) || error.code !== "no-results") throw error;
  }
}

function rowsOf(measured: Measured): FlowRow[] {
  if (measured.protocol === "tcp") return [{ tcp: measured }];
  if (measured.protocol === "rr") return [{ rr: measured }];
  return measured.figures.senders.map((sender) => ({ udp: measured, sender }));
}

function directionOf(row: FlowRow): string | undefined {
  if (row.rr !== undefined) return undefined;
  if (row.udp !== undefined) return row.sender.toServer === undefined ? "fromServer" : "toServer";
  const { direction } = row.tcp;
  return direction && (direction === "upload" ? "toServer" : "fromServer");
}

const measuredOf = (row: FlowRow) => row.tcp ?? row.udp ?? row.rr;

const DESCRIPTION: readonly FlowColumn[] = [
  {
    name: "protocol",
    type: "text",
    definition: "tcp or udp; rr of requests and responses over either.",
    value: (row) => measuredOf(row).protocol,
  },
  {
    name: "transport",
    type: "text",
    definition: "Of requests and responses: what carries them, tcp or udp.",
    value: ({ rr }) => rr?.transport,
  },
  {
    name: "request_bytes",
    type: "int",
    unit: "bytes",
    definition: "Of requests and responses: length of a request.",
    value: ({ rr }) => rr?.requestBytes,
  },
  {
    name: "response_bytes",
    type: "int",
    unit: "bytes",
    definition: "Of requests and responses: length of a response.",
    value: ({ rr }) => rr?.responseBytes,
  },
  {
    name: "complete",
    type: "bool",
    definition: "Whether the flow came to its end, so that both ends have reported their counts.",
    value: (row) => measuredOf(row).complete,
  },
  {
    name: "warmup_us",
    type: "double",
    unit: "us",
    definition: "Time from the start of the flow on that is in no figure but the completion time; absent: none.",
    value(row) {
      const { warmupNanos } = measuredOf(row);
      return warmupNanos === undefined ? undefined : warmupNanos / 1e3;
    },
  },
  {
    name: "client_address",
    type: "text",
    definition: "Address and port of the client.",
    value: (row) => measuredOf(row).client?.address,
  },
  {
    name: "server_address",
    type: "text",
    definition: "Address and port of the server.",
    value(row) {
      const { client, server } = measuredOf(row);
      return client?.address === undefined ? undefined : server?.address ?? client.dialled;
    },
  },
  {
    // Plans have ids with a key cca.
    name: "congestion_control",
    type: "text",
    definition: "Congestion control of the TCP sender.",
    value: ({ tcp }) => tcp?.cca,
  },
  {
    name: "limits",
    type: "text",
    definition: "Where tine or its machines may have limited the flow: codes, with blanks between them.",
    value: (row) => measuredOf(row).bottlenecks.map(({ code }) => code).join(" ") || undefined,
  },
];

/** How the units of figures are written at the end of names. */
const SUFFIXES: Readonly<Record<FigureUnit, string>> = {
  "bit/s": "bits_per_second",
  byte: "bytes",
  s: "seconds",
  us: "us",
  "%": "percent",
  packet: "packets",
  segment: "segments",
  sample: "samples",
  "1/minute": "per_minute",
  "1/s": "per_second",
  transaction: "transactions",
  flag: "",
};

/** Units of what is counted. */
const COUNTS: ReadonlySet<FigureUnit> = new Set(["packet", "segment", "sample", "transaction"]);

/**
 * Returns the name of a figure's column: its key in JSON in snake_case, with its unit at the end.
 *
 * @example
 * ```ts
 * import { figureName } from "./flows_table.ts";
 * console.assert(figureName("rttP99Micros", "us") === "rtt_p99_us");
 * console.assert(figureName("lost", "packet", "toServer") === "to_server_lost_packets");
 * ```
 */
export function figureName(key: string, unit: FigureUnit, within?: string): string {
  const whole = within === undefined ? key : within + key[0].toUpperCase() + key.slice(1);
  const snake = whole.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/_micros$/, "_us");
  const suffix = SUFFIXES[unit];
  return suffix === "" || snake === suffix || snake.endsWith(`_${suffix}`) ? snake : `${snake}_${suffix}`;
}

/** Returns the columns of figures. */
export function columnsOfFigures<T>(
  figures: Figures<T>,
  of: (row: FlowRow) => T | undefined,
  within?: string,
): FlowColumn[] {
  return figureColumns(figures).map((column: FigureColumn<T>): FlowColumn => {
    const { key, unit, definition, value } = column;
    return {
      name: figureName(key, unit, within),
      type: unit === "flag" ? "bool" : COUNTS.has(unit) || key === "bytes" ? "int" : "double",
      ...(unit === "flag" ? {} : { unit }),
      definition,
      value(row) {
        const from = of(row);
        const known = from === undefined ? undefined : value(from);
        return typeof known === "number" ? rounded(known, unit) : known;
      },
    };
  });
}

const FIGURES = joined([
  ["TCP", columnsOfFigures(STREAM_FIGURES, ({ tcp }) => tcp?.figures)],
  ["UDP", [
    ...columnsOfFigures(PACKET_FIGURES, (row) => row.udp === undefined ? undefined : row.sender),
    ...columnsOfFigures(PATH_FIGURES, (row) => row.udp === undefined ? undefined : row.sender.toServer, "toServer"),
    ...columnsOfFigures(PATH_FIGURES, (row) => row.udp === undefined ? undefined : row.sender.fromServer, "fromServer"),
    ...columnsOfFigures(CLOCK_FIGURES, ({ udp }) => udp?.figures.clockOffset),
  ]],
  ["requests and responses", columnsOfFigures(TRANSACTION_FIGURES, ({ rr }) => rr?.figures)],
]);

/** Makes one column of figures of one name; a row has the figure of one kind of flow. */
function joined(lists: readonly (readonly [of: string, columns: readonly FlowColumn[]])[]): FlowColumn[] {
  const byName = new Map<string, [of: string, column: FlowColumn][]>();
  for (const [of, columns] of lists) {
    for (const column of columns) {
      const alike = byName.get(column.name);
      if (alike === undefined) byName.set(column.name, [[of, column]]);
      else alike.push([of, column]);
    }
  }
  return Array.from(byName.values(), ([[of, first], ...others]) =>
    others.length === 0 ? first : {
      ...first,
      definition: [[of, first] as const, ...others].map(([of, { definition }]) => `Of ${of}: ${definition}`).join(" "),
      value: (row) => others.reduce((found: Value, [, { value }]) => found ?? value(row), first.value(row)),
    });
}
