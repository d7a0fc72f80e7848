import { delay } from "../../base/time.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import type { Host } from "../host.ts";
import { Backoff, type BackoffOptions } from "../../base/backoff.ts";
import type { Hosts } from "./hosts.ts";
import { type PoisonOptions, PoisonSearch } from "./poison_search.ts";
import type { RestartState } from "./restart_state.ts";
import type { RepeatedOutputs } from "./repeated_outputs.ts";
import type { SnapshotTaker } from "./snapshot_taker.ts";
import { type FrameTaker, takesFrames } from "../handler.ts";
import type { Receiver } from "../response_taker.ts";

/** How UDFs are started. */
export interface StarterOptions {
  backoff?: BackoffOptions;
  /** Gets a sentence before each further start. */
  log?: (message: string) => void;
  /** What becomes of points at which the UDF dies each time; left out: it gets them again, until it is given up. */
  poison?: PoisonOptions;
  /** Knows whether the UDF is asked for snapshots. */
  taker: SnapshotTaker;
  /** Its abort ends all attempts, with its reason. */
  signal: AbortSignal;
}

/** Starts a UDF, and again when it has died; each gets what the one before it had. */
export class Starter {
  readonly #hosts: Hosts;
  readonly #restartState: RestartState;
  readonly #options: StarterOptions;
  readonly #backoff: Backoff;
  readonly #poison: PoisonSearch | undefined;
  #restarts = 0;

  constructor(hosts: Hosts, restartState: RestartState, options: StarterOptions) {
    this.#hosts = hosts;
    this.#restartState = restartState;
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    if (options.poison !== undefined) {
      this.#poison = new PoisonSearch({ log: options.log, ...options.poison }, options.taker);
    }
  }

  /** Points that the UDF was spared, since it dies at them. */
  get poisonPoints(): number {
    return this.#poison?.points ?? 0;
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
   * @param reason how the last one died; absent at the first start
   * @throws {TineError} `gave-up` or `udf-ended` if it dies too often; what reaching it threw, where it was never there
   */
  async start(use: (host: Host) => void, reason?: string): Promise<void> {
    const restartState = this.#restartState;
    for (;;) {
      if (reason !== undefined) await this.#waitAfter(reason);
      let host: Host | undefined;
      try {
        const started = host = await this.#hosts.start(restartState.edge);
        if (restartState.options !== undefined) await host.init(restartState.options);
        if (restartState.state !== undefined) await host.restore(restartState.state);
        let mark = 0;
        if (this.#poison?.suspects) mark = await this.#poison.run(host, restartState, () => this.works());
        await restartState.give(host, mark, () => use(started));
        return;
      } catch (error) {
        if (host !== undefined) await this.#hosts.end(host);
        this.#options.signal.throwIfAborted();
        restartState.died();
        // A UDF that was never there, or refuses what it took before, will not do better.
        if (host === undefined && reason === undefined) throw error;
        if (error instanceof TineError && error.code === "poison-point") throw error;
        reason = messageOf(error);
      }
    }
  }

  /** Waits until it is time to start a UDF again. */
  async #waitAfter(reason: string): Promise<void> {
    const { log, signal } = this.#options;
    const pauseMs = this.#backoff.next();
    if (pauseMs === undefined) {
      const { failures } = this.#backoff;
      throw failures === 0 ? new TineError("udf-ended", reason) : new TineError(
        "gave-up",
        `the UDF was started again ${failures} times in a row and died each time: ${reason}`,
      );
    }
    this.#poison?.died(this.#backoff.failures);
    log?.(`the UDF died: ${reason}; starting it again in ${(pauseMs / 1000).toFixed(2)} s`);
    await delay(pauseMs, signal);
    this.#restarts++;
  }
}

/** What a replacement needs of the supervisor. */
export interface ReplacementOptions {
  hosts: Hosts;
  restartState: RestartState;
  /** How long the old version may take to end, in ms; 0: for ever. */
  timeoutMs: number;
  /** Gets sentences about what became of it. */
  log?: (message: string) => void;
  /** Takes a snapshot of the old version. */
  save(): Promise<Uint8Array>;
  /** Called in the moment in which a host has got all input. */
  use(host: Host): void;
}

/**
 * Replaces a UDF by its new version, in the state of the old one; if the new one does not start, the old one goes on.
 *
 * @param old the host of the old version, which is not used any more since this turn: input collects in the log
 * @throws why neither goes on
 */
export async function replaceUdf(old: Host, options: ReplacementOptions): Promise<void> {
  const { hosts, restartState, timeoutMs, log, save, use } = options;
  const mark = restartState.log.mark();
  restartState.allGiven();
  const state = await save();
  restartState.noneGiven();
  const fresh = await startVersion(old, state, options);
  if (fresh === undefined) return await restartState.give(old, mark, () => use(old));
  await old.stop(timeoutMs).catch((error) => log?.(`the old version did not end well: ${messageOf(error)}`));
  hosts.retire(old);
  restartState.ended();
  await restartState.give(fresh, mark, () => use(fresh));
  log?.("the new version has taken over");
}

/** Starts a new version in the state of the old one, or empty where it refuses that; undefined: it does not start. */
async function startVersion(
  old: Host,
  state: Uint8Array,
  { hosts, restartState, log }: ReplacementOptions,
): Promise<Host | undefined> {
  let fresh: Host | undefined;
  const start = async () => {
    fresh = await hosts.start(restartState.edge);
    const { provides } = await fresh.info();
    if (restartState.options !== undefined) await fresh.init(restartState.options);
    restartState.edge = provides;
    return fresh;
  };
  try {
    fresh = await start();
    if (state.length === 0) {
      restartState.state = undefined;
      return fresh;
    }
    try {
      await fresh.restore(state);
    } catch (error) {
      log?.(`the new version starts empty: ${messageOf(error)}`);
      if (fresh.failure !== undefined) {
        await hosts.end(fresh);
        fresh = await start();
      }
      restartState.state = undefined;
    }
    return fresh;
  } catch (error) {
    if (fresh !== undefined) await hosts.end(fresh);
    if (old.failure !== undefined) throw old.failure;
    log?.(`the new version does not start, the old one goes on: ${messageOf(error)}`);
  }
}

/** What watches a receiver. */
export interface ReceiverWatch {
  /** Called before points are handed on. */
  sent(points: number): void;
  /** Called when the receiver fails; what it threw then goes on. */
  refused(error: unknown): void;
  /** Knows what was handed on before, and is left out; absent: nothing is. */
  readonly repeats?: RepeatedOutputs;
}

/**
 * Returns a receiver that hands all on to another one and calls the watch; it takes encoded points where the other
 * does.
 */
export function watchReceiver(receiver: Receiver, watch: ReceiverWatch): Receiver {
  const refuse = (error: unknown): never => {
    watch.refused(error);
    throw error;
  };
  const handOn = (hand: () => Promise<void> | void): Promise<void> | void => {
    try {
      return hand()?.catch(refuse);
    } catch (error) {
      refuse(error);
    }
  };
  const watched: Receiver & Partial<FrameTaker> = {
    point(point) {
      if (watch.repeats?.isRepeatedPoint(point)) return;
      watch.sent(1);
      return handOn(() => receiver.point(point));
    },
    batch(batch) {
      if (watch.repeats?.isRepeatedBatch(batch)) return;
      watch.sent(batch.points.length);
      return handOn(() => receiver.batch(batch));
    },
  };
  if (takesFrames(receiver)) {
    watched.pointFrame = (bytes, start, end) => {
      if (watch.repeats?.isRepeatedFrame(bytes, start, end)) return;
      watch.sent(1);
      return handOn(() => receiver.pointFrame(bytes, start, end));
    };
  }
  return watched;
}
