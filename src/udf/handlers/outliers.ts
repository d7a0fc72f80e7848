import type { BeginBatch, EndBatch, Handler, InitRequest, Outcome, Output, Point } from "../udf_types.ts";
import { readOptions } from "./options.ts";

const OPTIONS = { field: ["string"], scale: ["double"], quartiles: ["string"] } as const;

/** How the quartiles of a batch are found. */
type Quartiles = "kapacitor" | "tukey";

/**
 * Answers each batch with a batch of its outliers by Tukey's method: points below Q1 - scale * IQR or above
 * Q3 + scale * IQR, where Q1 and Q3 are the medians of the lower and upper half and IQR = Q3 - Q1.
 *
 * The option `quartiles` selects the median of an even count, see {@linkcode median}.
 */
export function createHandler(agent: Output): Handler {
  let field = "";
  let scale = 1.5;
  let quartiles: Quartiles = "kapacitor";
  let begin: BeginBatch | undefined;
  let points: Point[] = [];

  function init(request: InitRequest): Outcome {
    return readOptions(request, OPTIONS, (given) => {
      field = given.text("field");
      scale = given.double("scale", "at least 1.0", (scale) => scale >= 1) ?? 1.5;
      quartiles = given.word("quartiles", ["kapacitor", "tukey"], "kapacitor");
    });
  }

  async function endBatch(end: EndBatch): Promise<void> {
    const values = points.map((point) => numberOf(point, field));
    const [low, high] = fences(values.filter((value) => !Number.isNaN(value)), scale, quartiles);
    const outliers = points.filter((_, i) => values[i] < low || values[i] > high);
    points = [];
    await agent.beginBatch({ ...begin!, size: BigInt(outliers.length) });
    for (const point of outliers) {
      const full = agent.point(point);
      if (full !== undefined) await full;
    }
    await agent.endBatch(end);
  }

  return {
    info: () => ({ wants: "batch", provides: "batch", options: OPTIONS }),
    init,
    beginBatch(batch) {
      if (field === "") throw new Error("a batch came before a successful init");
      begin = batch;
      points = [];
    },
    point(point) {
      if (field === "") throw new Error("a point came before a successful init");
      points.push(point);
    },
    endBatch,
    restore() {}, // of a UDF that had state, before the task was defined anew
  };
}

/** Returns the field as a number; NaN, which is never an outlier, where the point lacks it. */
function numberOf(point: Point, field: string): number {
  const value = point.field(field);
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : NaN;
}

/** Below the first and above the second of these values lie the outliers. */
function fences(values: number[], scale: number, quartiles: Quartiles): [number, number] {
  const sorted = Float64Array.from(values).sort();
  const [lastOfLower, firstOfUpper] = middle(sorted.length, quartiles);
  const q1 = median(sorted.subarray(0, lastOfLower), quartiles);
  const q3 = median(sorted.subarray(firstOfUpper), quartiles);
  const reach = scale * (q3 - q1);
  return [q1 - reach, q3 + reach];
}

/**
 * Returns where the median of this number of values lies: the end of the half below it and the start of the half above
 * it.
 *
 * Kapacitor's own UDF looks for the median of an even count one place higher.
 */
function middle(count: number, quartiles: Quartiles): [number, number] {
  const half = Math.floor(count / 2);
  if (count % 2 === 1) return [half, half + 1];
  const shift = quartiles === "kapacitor" ? 1 : 0;
  return [half + shift, half + shift];
}

/**
 * Returns the median of sorted values; NaN for an empty list.
 *
 * Of an even count it is the mean of the two middle values with `tukey`. With `kapacitor`, as in the UDF that comes
 * with Kapacitor (udf/agent/examples/outliers), it is the mean of the upper one of them and the next; of two values,
 * which have no next, their mean.
 */
function median(sorted: Float64Array, quartiles: Quartiles): number {
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle];
  const first = quartiles === "kapacitor" && sorted.length > 2 ? middle : middle - 1;
  const [a, b] = sorted.subarray(first, first + 2);
  const sum = a + b;
  return Number.isFinite(sum) ? sum / 2 : a / 2 + b / 2; // the sum of huge values overflows, their mean does not
}
