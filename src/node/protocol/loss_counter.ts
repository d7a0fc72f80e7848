import { TineError } from "../../base/errors.ts";
import { type Frame, Lane } from "./frame.ts";

/** Nodes invent no other nodes; this many come from a mistake. */
const MAX_ORIGINS = 10_000;

/** The numbers of the last frames of a node that came. */
export interface LastNumbers {
  readonly record: number;
  readonly bulk: number;
}

/** Counts the frames that are missing, by the numbers that each node gives its records and files. */
export class LossCounter {
  readonly #origins = new Map<string, { record: number; bulk: number }>();
  #missing = 0;

  /**
   * Takes a frame into account.
   *
   * @returns how many frames are missing right before it
   * @throws {TineError} `too-many-nodes`
   */
  add({ origin, lane, number }: Frame): number {
    if (lane === Lane.urgent) return 0;
    let last = this.#origins.get(origin);
    if (last === undefined) {
      if (this.#origins.size === MAX_ORIGINS) {
        throw new TineError("too-many-nodes", `results come from more than ${MAX_ORIGINS} nodes`);
      }
      this.#origins.set(origin, last = { record: 0, bulk: 0 });
    }
    const of = lane === Lane.record ? "record" : "bulk";
    const missing = Math.max(0, number - last[of] - 1);
    last[of] = Math.max(last[of], number);
    this.#missing += missing;
    return missing;
  }

  /** The numbers of the last frames of a node. */
  last(origin: string): LastNumbers {
    return this.#origins.get(origin) ?? { record: 0, bulk: 0 };
  }

  /** How many frames are missing altogether. */
  get missing(): number {
    return this.#missing;
  }
}
