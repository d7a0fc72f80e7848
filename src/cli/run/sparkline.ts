import { type FlowState, LIVE_PACKET_FIGURES, LIVE_STREAM_FIGURES } from "../../flow/analysis/mod.ts";

/** Levels from the least to the greatest. */
const BLOCKS = "▁▂▃▄▅▆▇█";
const ASCII = "_.:-=+*#";

/**
 * Returns values as a line of small bars, from 0 to the greatest of them; a blank stands where there is no value.
 *
 * @param values the last one is at the right
 * @param unicode whether the terminal shows more than ASCII
 *
 * @example
 * ```ts
 * import { sparklineText } from "./sparkline.ts";
 * console.assert(sparklineText([0, 1, undefined, 2], true) === "▁▅ █");
 * ```
 */
export function sparklineText(values: readonly (number | undefined)[], unicode: boolean): string {
  const levels = unicode ? BLOCKS : ASCII;
  const greatest = Math.max(0, ...values.filter((value) => value !== undefined));
  return values.map((value) => {
    if (value === undefined) return " ";
    return levels[greatest === 0 ? 0 : Math.round(Math.max(0, value) / greatest * (levels.length - 1))];
  }).join("");
}

/** Bars of a sparkline, at most. */
export const MAX_CELLS = 16;
/** The time that a bar stands for, in milliseconds: flows report more often. */
const SLOT_MS = 500;
/** Flows whose past is kept; no terminal has room for more lines. */
const MAX_FLOWS = 1000;

/** What a flow has reported of late, by half seconds; undefined where it reported nothing. */
export interface FlowCourse {
  /** Of UDP the rate of its sender. */
  readonly goodput: readonly (number | undefined)[];
  readonly rtt: readonly (number | undefined)[];
}

/** A half second of a flow. */
interface Slot {
  readonly number: number;
  goodput: number | undefined;
  rtt: number | undefined;
}

/** Remembers what flows have reported of late. */
export class FlowCourses {
  readonly #slots = new Map<string, Slot[]>();

  /**
   * Takes note of what is known of a flow.
   *
   * @param nowMs by the clock of `performance.now()`
   */
  add(state: FlowState, nowMs: number): void {
    // The figures at the end are those of the whole flow.
    if (state.ended) return;
    let slots = this.#slots.get(state.flow);
    if (slots === undefined) {
      if (this.#slots.size >= MAX_FLOWS) return;
      this.#slots.set(state.flow, slots = []);
    }
    const number = Math.floor(nowMs / SLOT_MS);
    if (slots.at(-1)?.number !== number) slots.push({ number, goodput: undefined, rtt: undefined });
    if (slots.length > MAX_CELLS) slots.shift();
    const [goodput, rtt] = state.protocol === "rr"
      ? [undefined, undefined]
      : state.protocol === "tcp"
      ? [LIVE_STREAM_FIGURES.goodputBitsPerSecond.value(state), LIVE_STREAM_FIGURES.rttMicros.value(state)]
      : [LIVE_PACKET_FIGURES.bitsPerSecond.value(state), LIVE_PACKET_FIGURES.rttMicros.value(state)];
    const last = slots.at(-1)!;
    last.goodput = goodput ?? last.goodput;
    last.rtt = rtt ?? last.rtt;
  }

  /**
   * Returns the last half seconds of a flow, up to its last report.
   *
   * @param cells how many there may be
   */
  of(flow: string, cells: number): FlowCourse {
    const slots = this.#slots.get(flow) ?? [];
    const end = slots.at(-1)?.number ?? 0;
    const shown = slots.filter(({ number }) => number > end - cells);
    const count = shown.length === 0 ? 0 : end - shown[0].number + 1;
    const at = Array.from({ length: count }, (_, i) => shown.find(({ number }) => number === end - count + 1 + i));
    return { goodput: at.map((slot) => slot?.goodput), rtt: at.map((slot) => slot?.rtt) };
  }
}
