import { type Frame, Kind, Lane } from "./protocol/frame.ts";

/** The longest time without a result from a node that is to end, for each level of nodes. */
const QUIET_MS = 15_000;
/** The longest time that a canceled node may take in all: after it, only output of what does not stop is left. */
const CANCELED_MS = 10 * 60_000;

/** Options of {@linkcode EndGrace}. */
export interface EndGraceOptions {
  /** Whether the node was canceled. Otherwise its runs are over, and it may send all that it holds, however slowly. */
  readonly canceled: boolean;
  /** Levels of nodes that end with it, itself included: it waits for those below. */
  readonly levels: number;
  /** The time in ms; default: performance.now(). */
  now?(): number;
}

/**
 * Decides how long a parent waits for a node that is to end: as long as results or ends of runs come, and not for ever if
 * the node was canceled. Progress of flows does not count.
 *
 * @example
 * ```ts
 * import { EndGrace } from "./end_grace.ts";
 * const grace = new EndGrace({ canceled: true, levels: 1 });
 * console.assert(grace.exceeded() === undefined);
 * ```
 */
export class EndGrace {
  readonly #now: () => number;
  readonly #quietMs: number;
  readonly #longestMs: number;
  readonly #started: number;
  #renewed: number;

  constructor({ canceled, levels, now = () => performance.now() }: EndGraceOptions) {
    this.#now = now;
    this.#quietMs = levels * QUIET_MS;
    this.#longestMs = (canceled ? CANCELED_MS : Infinity) + (levels - 1) * QUIET_MS;
    this.#started = this.#renewed = now();
  }

  /** Counts a frame from the node. */
  received({ kind, lane }: Frame): void {
    if (lane !== Lane.urgent || kind === Kind.activity) this.#renewed = this.#now();
  }

  /** Returns how the node exceeds its time, to complete "it was asked to end and ..."; undefined while it has time left. */
  exceeded(): string | undefined {
    const now = this.#now();
    if (now - this.#renewed >= this.#quietMs) return `did not within ${this.#quietMs / 1000} s`;
    if (now - this.#started >= this.#longestMs) return `still sent results ${this.#longestMs / 1000} s later`;
    return undefined;
  }
}
