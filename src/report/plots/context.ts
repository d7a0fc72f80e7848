import type { Measured } from "../../result/mod.ts";
import type { TableSource } from "../../result/tables/source.ts";
import { type Axis, type Look, lookOf, type PlotUnit } from "../plot.ts";

/** A flow of a test. */
export type MeasuredFlow = Measured;

/** More series than this in a plot are drawn as a crowd: a band over all of them, their mean and the worst. */
export const MAX_SINGLE = 24;

/** What plots of a test are made from. */
export interface PlotContext {
  readonly source: TableSource;
  /** When the test started, in nanoseconds since 1970. */
  readonly start: bigint;
  /** When it ended, in microseconds from its start on; 0 where that is not known. */
  readonly end: number;
  readonly flows: readonly MeasuredFlow[];
  /** How each flow looks, by its name: see {@linkcode flowName}. */
  readonly looks: ReadonlyMap<string, Look>;
  /** How many values all series may have together that are kept one by one. */
  readonly maxValues: number;
  /** The length of intervals, in milliseconds. */
  readonly intervalMs: number;
}

/**
 * Returns how a flow is called in plots and tables: by its id; the senders of a UDP flow that has several by their
 * indices too.
 *
 * @param sender the index of the sender; NaN of a TCP flow
 * @param several whether the flow has several senders
 *
 * @example
 * ```ts
 * import { flowName } from "./context.ts";
 * console.assert(flowName("voip", 1, true) === "voip/1" && flowName("bulk", NaN, false) === "bulk");
 * ```
 */
export function flowName(flow: string, sender: number, several: boolean): string {
  return several && !Number.isNaN(sender) ? `${flow}/${sender}` : flow;
}

/** Returns the names of all series of flows, in order. */
export function flowNames(flows: readonly MeasuredFlow[]): string[] {
  return flows.flatMap((measured) => {
    if (measured.protocol !== "udp") return [measured.flow];
    const { senders } = measured.figures;
    return senders.length === 0
      ? [measured.flow]
      : senders.map(({ sender }) => flowName(measured.flow, sender, senders.length > 1));
  });
}

/** Returns which flows have several senders. */
export function flowsOfSeveral(flows: readonly MeasuredFlow[]): ReadonlySet<string> {
  return new Set(
    flows.filter((flow) => flow.protocol === "udp" && flow.figures.senders.length > 1).map(({ flow }) => flow),
  );
}

/** Returns the look of a flow. */
export function lookIn({ looks }: Pick<PlotContext, "looks">, name: string): Look {
  return looks.get(name) ?? lookOf(7);
}

/** Returns the axis of time that all plots of a test share. */
export function timeAxis({ end }: Pick<PlotContext, "end">): Axis {
  return { title: "time", unit: "us", scale: "linear", min: 0, ...end > 0 && { max: end } };
}

/** Returns an axis of values from 0 on. */
export function valueAxis(title: string, unit: PlotUnit): Axis {
  return { title, unit, scale: "linear", min: 0 };
}

/** Lists some names, and how many more there are: `a, b and 3 more`. */
export function listed(names: readonly string[], most = 4): string {
  if (names.length > most) return `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
