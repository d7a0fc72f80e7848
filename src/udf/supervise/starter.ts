import { messageOf, TineError } from "../../base/errors.ts";
import type { Host } from "../host.ts";
import { Backoff, type BackoffOptions } from "../../base/backoff.ts";
import type { Hosts } from "./hosts.ts";
import type { Inheritance } from "./inheritance.ts";

/** How UDFs are started. */
export interface StarterOptions {
  backoff?: BackoffOptions;
  /** Gets a sentence before each further start. */
  log?: (message: string) => void;
  /** Its abort ends all attempts, with its reason. */
  signal: AbortSignal;
}

/** Starts a UDF, and again when it has died; each gets what the one before it had. */
export class Starter {
  readonly #hosts: Hosts;
  readonly #inheritance: Inheritance;
  readonly #options: StarterOptions;
  readonly #backoff: Backoff;
  #restarts = 0;

  constructor(hosts: Hosts, inheritance: Inheritance, options: StarterOptions) {
    this.#hosts = hosts;
    this.#inheritance = inheritance;
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
  }

  /** How often a UDF was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The UDF does its work: should it die now, that is the first time in a row. */
  works(): void {
    this.#backoff.reset();
  }

  /**
   * Reaches a UDF and gives it all that the last one had, as often as it takes.
   *
   * @param use called in the moment in which it has all; what it throws counts as its death
   * @param reason how the last one died; left out: there was none
   * @throws {TineError} `gave-up` or `udf-ended` if it dies too often; what reaching it threw, where it was never there
   */
  async start(use: (host: Host) => void, reason?: string): Promise<void> {
    const inheritance = this.#inheritance;
    for (;;) {
      if (reason !== undefined) await this.#waitAfter(reason);
      let host: Host | undefined;
      try {
        const started = host = await this.#hosts.start(inheritance.edge);
        if (inheritance.options !== undefined) await host.init(inheritance.options);
        if (inheritance.state !== undefined) await host.restore(inheritance.state);
        await inheritance.give(host, 0, () => use(started));
        return;
      } catch (error) {
        if (host !== undefined) await this.#hosts.end(host);
        this.#options.signal.throwIfAborted();
        inheritance.died();
        // A UDF that was never there, or refuses what it took before, will not do better.
        if (host === undefined && reason === undefined) throw error;
        reason = messageOf(error);
      }
    }
  }

  /** Waits until it is time to start a UDF again. */
  async #waitAfter(reason: string): Promise<void> {
    const { log, signal } = this.#options;
    const delay = this.#backoff.next();
    if (delay === undefined) {
      const { failures } = this.#backoff;
      throw failures === 0 ? new TineError("udf-ended", reason) : new TineError(
        "gave-up",
        `the UDF was started again ${failures} times in a row and died each time: ${reason}`,
      );
    }
    log?.(`the UDF died: ${reason}; starting it again in ${(delay / 1000).toFixed(2)} s`);
    await pause(delay, signal);
    signal.throwIfAborted();
    this.#restarts++;
  }
}

/** Waits, but not beyond an abort. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = Promise.withResolvers<void>();
  const end = () => over.resolve();
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
  await over.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
