import { type Frame, Kind, Lane } from "./protocol/frame.ts";

/** A node that was told to end may hand over nothing for so long, and by as much longer for each level of nodes below it. */
const QUIET_MS = 15_000;
/** So long may it take in all, if it was canceled: what is left then is the output of something that does not stop. */
const CANCELED_MS = 10 * 60_000;

/** What {@linkcode EndGrace} takes besides. */
export interface EndGraceOptions {
  /** Whether the node was canceled. If its runs were over, all that it holds was asked for, however slow the link is. */
  readonly canceled: boolean;
  /** Levels of nodes that end with it, itself included: it waits for those below, and has to outlive the worst of them. */
  readonly levels: number;
  /** The time in ms; default: performance.now(). */
  now?(): number;
}

/**
 * How long a node that was told to end is waited for: as long as it hands over results or ends one thing after another,
 * and not for ever if it was canceled. Progress of flows and the like tell of no end that gets nearer.
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

  /** A result came from the node. */
  received({ kind, lane }: Frame): void {
    if (lane !== Lane.urgent || kind === Kind.activity) this.#renewed = this.#now();
  }

  /** What it has done wrong, to complete "it was told to end and ..."; undefined: it has time left. */
  exceeded(): string | undefined {
    const now = this.#now();
    if (now - this.#renewed >= this.#quietMs) return `did not within ${this.#quietMs / 1000} s`;
    if (now - this.#started >= this.#longestMs) return `still sent results ${this.#longestMs / 1000} s later`;
    return undefined;
  }
}
