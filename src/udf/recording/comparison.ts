import { TineError } from "../../base/errors.ts";
import type { Response } from "../messages.ts";
import { Alignment } from "./alignment.ts";
import {
  explain,
  groupOfItem,
  identityOf,
  itemText,
  ResponseCollector,
  type ResponseItem,
  sameItem,
  type Tolerance,
} from "./difference.ts";

/** Responses without a counterpart that are kept at most. */
const MAX_WAITING = 5_000_000;

/** A response that is not as recorded. */
export interface Difference {
  /** Another content, a recorded response that did not come, or one that was not recorded. */
  change: "changed" | "missing" | "extra";
  /** `point`, `batch`, or what was answered: `info`, `init`, `snapshot`, `restore`, `error`. */
  what: string;
  /** Of points and batches. */
  group?: string;
  /** Which one of its group, or of its kind, from 0. */
  index: number;
  /** As recorded, on one line. */
  expected?: string;
  /** As it is now, on one line. */
  actual?: string;
  /** What differs, one line each. */
  details: string[];
}

/** What came of a comparison. */
export interface ComparisonCounts {
  /** Responses that are as recorded; a batch is one. */
  same: number;
  changed: number;
  missing: number;
  extra: number;
  /** What stands beyond the end of a side that was cut. */
  beyond: number;
}

/**
 * Compares responses with recorded ones as they come: in order within a group and within each kind of answer, in any
 * order otherwise.
 *
 * @example
 * ```ts
 * import { ResponseComparison } from "./comparison.ts";
 * const options = { tolerance: 0, ignoreSnapshots: false };
 * const comparison = new ResponseComparison(options, (difference) => console.log(difference.what));
 * comparison.expected({ kind: "snapshot", snapshot: new Uint8Array() });
 * comparison.actual({ kind: "snapshot", snapshot: new Uint8Array() });
 * comparison.end();
 * console.assert(comparison.counts.same === 1);
 * ```
 */
export class ResponseComparison {
  readonly #options: Tolerance;
  readonly #onDifference: (difference: Difference) => void;
  readonly #expected = new ResponseCollector();
  readonly #actual = new ResponseCollector();
  readonly #lanes = new Map<string, Alignment<ResponseItem>>();
  readonly #counts = { changed: 0, missing: 0, extra: 0, beyond: 0 };
  #waiting = 0;
  #ignored: Difference["change"] | undefined;

  constructor(options: Tolerance, onDifference: (difference: Difference) => void) {
    this.#options = options;
    this.#onDifference = onDifference;
  }

  get counts(): ComparisonCounts {
    const same = this.#lanes.values().reduce((sum, lane) => sum + lane.same, 0);
    return { same, ...this.#counts };
  }

  /** A recorded response; its bytes, where they are at hand, make the comparison faster. */
  expected(response: Response, bytes?: Uint8Array): void {
    for (const item of this.#expected.add(response, bytes)) this.#add(item, "expected");
  }

  /** A response now; as {@linkcode expected}. */
  actual(response: Response, bytes?: Uint8Array): void {
    for (const item of this.#actual.add(response, bytes)) this.#add(item, "actual");
  }

  /**
   * Both sides have ended.
   *
   * @param open the side that was cut: what the other one has beyond it is counted, and is no difference
   */
  end(open?: "expected" | "actual"): void {
    if (open !== "expected") { for (const item of this.#expected.end()) this.#add(item, "expected"); }
    if (open !== "actual") { for (const item of this.#actual.end()) this.#add(item, "actual"); }
    this.#ignored = open === "expected" ? "extra" : open === "actual" ? "missing" : undefined;
    for (const lane of this.#lanes.values()) lane.end();
  }

  #add(item: ResponseItem, side: "expected" | "actual"): void {
    const group = groupOfItem(item);
    const key = group === undefined ? item.kind : `group ${group}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, lane = this.#lane());
    const before = lane.waiting;
    lane[side](item);
    this.#waiting += lane.waiting - before;
    if (this.#waiting > MAX_WAITING) {
      throw new TineError(
        "not-as-recorded",
        `the UDF does not answer as recorded: ${MAX_WAITING.toLocaleString("en")} responses have no counterpart yet`,
      );
    }
  }

  #lane(): Alignment<ResponseItem> {
    const options = this.#options;
    return new Alignment<ResponseItem>({
      same: (expected, actual) => sameItem(expected, actual, options),
      identity: identityOf,
      onDifference: ({ index, expected, actual }) => {
        const change = expected === undefined ? "extra" : actual === undefined ? "missing" : "changed";
        this.#counts[change === this.#ignored ? "beyond" : change]++;
        if (change === this.#ignored) return;
        const item = (expected ?? actual)!;
        this.#onDifference({
          change,
          what: item.kind,
          group: groupOfItem(item),
          index,
          expected: expected && itemText(expected),
          actual: actual && itemText(actual),
          details: expected && actual ? explain(expected, actual, options) : [],
        });
      },
    });
  }
}
