import {
  CLOCK_FIGURES,
  figureColumns,
  type FigureDefinition,
  type Figures,
  figuresOf,
  type FlowProtocol,
  PACKET_FIGURES,
  PATH_FIGURES,
  STREAM_FIGURES,
  TRANSACTION_FIGURES,
} from "../../flow/analysis/mod.ts";
import { glob } from "../../base/glob.ts";
import { nearest } from "../../base/nearest.ts";
import { TineError } from "../../base/errors.ts";
import type { Measured } from "../read_flows.ts";
import { figureName } from "../tables/flows_table.ts";

/** A figure of flows that is a number. */
export interface FlowFigure extends Pick<FigureDefinition, "title" | "unit" | "better"> {
  /** Its key in JSON, with that of the object that it is in: `rttP99Micros`, `toServer.lostPercent`. */
  readonly name: string;
  /** The name without the unit, where that is no other figure: `rttP99`, `toServer.lostPercent`. */
  readonly shortName: string;
  /** Of which flows. */
  readonly protocols: ReadonlySet<FlowProtocol>;
}

const UNIT_AT_END = /(?<=.)(?:Micros|Seconds|BitsPerSecond|Bytes|Percent|PerMinute)$/;
const DIRECTIONS: Readonly<Record<string, string>> = { toServer: " to server", fromServer: " from server" };

/** All figures of flows that are numbers, by their names. */
export const FLOW_FIGURES: ReadonlyMap<string, FlowFigure> = flowFigures([
  { protocol: "tcp", figures: STREAM_FIGURES },
  { protocol: "udp", figures: PACKET_FIGURES },
  { protocol: "udp", figures: PATH_FIGURES, within: "toServer" },
  { protocol: "udp", figures: PATH_FIGURES, within: "fromServer" },
  { protocol: "udp", figures: CLOCK_FIGURES },
  { protocol: "rr", figures: TRANSACTION_FIGURES },
]);

interface NamedFigures {
  readonly protocol: FlowProtocol;
  // deno-lint-ignore no-explicit-any -- what they are taken from does not matter here
  readonly figures: Figures<any>;
  readonly within?: string;
}

function flowFigures(lists: readonly NamedFigures[]): Map<string, FlowFigure> {
  const columns = lists.flatMap(({ protocol, figures, within }) =>
    figureColumns(figures).filter(({ unit }) => unit !== "flag").map(({ key, title, unit, better }) => ({
      name: within === undefined ? key : `${within}.${key}`,
      title: within === undefined ? title : title + DIRECTIONS[within],
      unit,
      better,
      protocol,
    }))
  );
  const names = new Set(columns.map(({ name }) => name));
  return new Map(
    Map.groupBy(columns, ({ name }) => name).entries().map(([name, [{ title, unit, better }, ...others]]) => {
      const short = name.replace(UNIT_AT_END, "");
      const protocols = new Set(columns.filter((column) => column.name === name).map(({ protocol }) => protocol));
      // TCP and UDP have a figure of one name each for the same thing.
      const shared = others.reduce((shared, other) => shared ?? other.better, better);
      return [name, { name, shortName: names.has(short) ? name : short, title, unit, better: shared, protocols }];
    }),
  );
}

/** Figures by all the names that people may give them: those in JSON, short ones, and the columns of tables. */
const BY_ANY_NAME: ReadonlyMap<string, FlowFigure> = new Map(
  FLOW_FIGURES.values().flatMap((figure): [string, FlowFigure][] => {
    const [within, key] = figure.name.includes(".") ? figure.name.split(".") : [undefined, figure.name];
    const names = [figureName(key, figure.unit, within), figure.shortName, figure.name];
    return names.map((name) => [name, figure]);
  }),
);

/**
 * Finds a figure by its name in JSON, without its unit, or as a column of the table `flows`.
 *
 * @throws {TineError} `unknown-figure`, with the nearest name
 *
 * @example
 * ```ts
 * import { figureNamed } from "./figures.ts";
 * console.assert(figureNamed("rttP99").name === "rttP99Micros" && figureNamed("rtt_p99_us").unit === "us");
 * ```
 */
export function figureNamed(name: string): FlowFigure {
  const figure = BY_ANY_NAME.get(name);
  if (figure !== undefined) return figure;
  throw new TineError("unknown-figure", `there is no figure "${name}": ${hintFor(name)}`);
}

function hintFor(name: string): string {
  const shorts = [...new Set(FLOW_FIGURES.values().map(({ shortName }) => shortName))];
  const parts = shorts.filter((short) =>
    new RegExp(`^${RegExp.escape(name)}(?:Min|Mean|Median|P90|P99|P999|Max)$`).test(short)
  );
  if (parts.length > 0) return `it is a distribution: name a value, one of ${parts.join(", ")}`;
  const paths = [...BY_ANY_NAME.keys()].filter((known) =>
    /^(?:to|from)Server\./.test(known) && known.endsWith(`.${name}`)
  );
  if (paths.length > 0) return `it is measured in each direction: ${paths.join(" or ")}`;
  const near = nearest(name, shorts) ?? nearest(name, BY_ANY_NAME.keys());
  return near === undefined ? "tine help figures lists them" : `did you mean ${near}?`;
}

/** What was measured with a flow, or of UDP with a single sender. */
export interface FlowValues {
  /** The id of the flow; that of a flow with several senders ends with `/` and the index of the sender. */
  readonly flow: string;
  readonly protocol: FlowProtocol;
  /** Figures that are known, by their names. */
  readonly values: Readonly<Record<string, number>>;
}

/**
 * Returns what tests whether the id of a flow matches a glob pattern: `*` is all flows, also those with parts; a sender of
 * a UDP flow, `voip/1`, matches as its flow does.
 *
 * @example
 * ```ts
 * import { flowMatcher } from "./figures.ts";
 * console.assert(flowMatcher("voip.*")("voip.beside") && flowMatcher("voip")("voip/1") && flowMatcher("*")("voip.a"));
 * ```
 */
export function flowMatcher(pattern: string): (flow: string) => boolean {
  if (pattern === "*") return () => true;
  const matches = glob(pattern, { separator: "." });
  return (flow) => matches(flow) || matches(flow.replace(/\/\d+$/, ""));
}

/** Returns the figures of a flow, of UDP for each sender. */
export function valuesOf(measured: Measured): FlowValues[] {
  const { flow } = measured;
  if (measured.protocol === "tcp") {
    return [{ flow, protocol: "tcp", values: numbersOf("", figuresOf(STREAM_FIGURES, measured.figures)) }];
  }
  if (measured.protocol === "rr") {
    return [{ flow, protocol: "rr", values: numbersOf("", figuresOf(TRANSACTION_FIGURES, measured.figures)) }];
  }
  const { senders, clockOffset } = measured.figures;
  return senders.map((figures) => ({
    flow: senders.length > 1 ? `${flow}/${figures.sender}` : flow,
    protocol: "udp",
    values: {
      ...numbersOf("", figuresOf(PACKET_FIGURES, figures)),
      ...figures.toServer && numbersOf("toServer.", figuresOf(PATH_FIGURES, figures.toServer)),
      ...figures.fromServer && numbersOf("fromServer.", figuresOf(PATH_FIGURES, figures.fromServer)),
      ...clockOffset && numbersOf("", figuresOf(CLOCK_FIGURES, clockOffset)),
    },
  }));
}

function numbersOf(prefix: string, values: Readonly<Record<string, number | boolean>>): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const [key, value] of Object.entries(values)) if (typeof value === "number") numbers[prefix + key] = value;
  return numbers;
}
