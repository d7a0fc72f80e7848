import { Host, type HostOptions } from "../host.ts";
import type { EdgeType } from "../messages.ts";
import type { RunningUdf } from "../running_udf.ts";
import type { Receiver } from "../response_taker.ts";
import type { ResponseCounts } from "../response_taker.ts";

/** How long a UDF that was given up may take to end, in ms: the end of the supervisor waits for it. */
const GIVEN_UP_GRACE_MS = 1000;

/** What all hosts of a supervisor have in common. */
export interface HostsOptions {
  /** Starts or connects to a UDF, each time anew. */
  reach: () => Promise<RunningUdf>;
  /** Gets what the UDFs send. */
  receiver: Receiver;
  /** How each of them behaves. */
  host: HostOptions;
  /** Called when a host gives its UDF up. */
  onDeath: (host: Host, error: Error) => void;
  /** Once it is aborted, no further UDF is started. */
  signal: AbortSignal;
}

/** The hosts of one UDF after the other: of that in use, of one that is being started, of one that is replaced. */
export class Hosts {
  readonly #options: HostsOptions;
  /** Those that have not been waited for. */
  readonly #live = new Set<Host>();
  /** Counts of those that have. */
  readonly #retired: ResponseCounts = { pointsOut: 0, batchesOut: 0, unasked: 0, invalidStrings: 0 };

  constructor(options: HostsOptions) {
    this.#options = options;
  }

  /** What all of them have sent. */
  get counts(): ResponseCounts {
    const sum = { ...this.#retired };
    for (const host of this.#live) add(sum, host.counts);
    return sum;
  }

  /**
   * Reaches the UDF and starts a host of it.
   *
   * @param edge what the UDF provides, where that is known
   * @throws what reaching it threw, or the reason of the abort
   */
  async start(edge: EdgeType | undefined): Promise<Host> {
    const { reach, receiver, onDeath, signal } = this.#options;
    const udf = await reach();
    if (signal.aborted) {
      udf.kill();
      await udf.close();
      throw signal.reason;
    }
    const host: Host = new Host(udf, receiver, {
      ...this.#options.host,
      onAbort: (error) => onDeath(host, error),
    });
    this.#live.add(host);
    host.start();
    if (edge !== undefined) host.provides = edge;
    return host;
  }

  /** Ends a host by force, and waits until its process, its group and its sockets are gone. */
  async end(host: Host): Promise<void> {
    host.kill();
    await host.stop().catch(() => {});
    this.retire(host);
  }

  /** Ends all hosts but one by force. */
  async endOthers(kept: Host): Promise<void> {
    for (const host of this.#live) if (host !== kept) await this.end(host);
  }

  /** A host has been stopped and waited for. */
  retire(host: Host): void {
    if (this.#live.delete(host)) add(this.#retired, host.counts);
  }

  /** How long all of them have sent nothing, in ms. */
  get silenceMs(): number {
    return Math.min(...Array.from(this.#live, ({ silenceMs }) => silenceMs));
  }

  /** Gives all UDFs up. */
  abort(error: Error): void {
    for (const host of this.#live) host.abort(error);
  }

  /** Waits until nothing is left of those that were given up, and ends them by force after a moment. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.kill(), GIVEN_UP_GRACE_MS);
    try {
      for (const host of this.#live) await host.stop().catch(() => {});
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends all UDFs by force. */
  kill(): void {
    for (const host of this.#live) host.kill();
  }
}

function add(sum: ResponseCounts, { pointsOut, batchesOut, unasked, invalidStrings }: ResponseCounts): void {
  sum.pointsOut += pointsOut;
  sum.batchesOut += batchesOut;
  sum.unasked += unasked;
  sum.invalidStrings += invalidStrings;
}
