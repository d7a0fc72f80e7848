import { messageOf, TineError } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import type { Host } from "../host.ts";
import type { Request } from "../messages.ts";
import { type LoggedUnit, requestsIn, type RestartState } from "./restart_state.ts";
import type { SnapshotTaker } from "./snapshot_taker.ts";

/** What becomes of points at which a UDF dies each time. */
export interface PoisonOptions {
  /** `skip`: the UDF goes on without them; `stop`: it is given up. */
  readonly action: "skip" | "stop";
  /** Keeps them, for a look at what is wrong with them: one point, or a batch with its begin and end. */
  readonly keep: (requests: readonly Request[]) => void;
  /** Gets a sentence for each. */
  readonly log?: (message: string) => void;
}

/** The number of deaths in a row after which the input since the last known state is suspected. */
const DEATHS = 2;
/** The number of points or batches that are tried at a time at first; later a sixteenth of that. */
const FIRST_LOOK = 4096;
const FINER = 16;
/** The number of points or batches in a row at which a UDF dies, without one that it takes, before it counts as broken. */
const MAX_IN_A_ROW = 10;

/**
 * Finds the point at which a UDF dies each time, and gets it past that.
 *
 * It gives the UDF what it would get anyway, a few points at a time, and asks for a snapshot after each (or, where the
 * UDF dies of that, for a sign of life): a UDF that answers has handled what came before. What it dies at is looked at more finely after its next start, until it is one
 * point, or one batch.
 */
export class PoisonSearch {
  readonly #options: PoisonOptions;
  readonly #taker: SnapshotTaker;
  #points = 0;
  #inARow = 0;
  #failure: TineError | undefined;
  /** Points or batches that are given at a time; undefined: nothing is suspected. */
  #look: number | undefined;

  /** @param taker knows whether the UDF is asked for snapshots */
  constructor(options: PoisonOptions, taker: SnapshotTaker) {
    this.#options = options;
    this.#taker = taker;
  }

  /** Points that the UDF was spared. */
  get points(): number {
    return this.#points;
  }

  /** The UDF has died, the given number of times in a row. */
  died(deaths: number): void {
    if (deaths >= DEATHS) this.#look ??= FIRST_LOOK;
  }

  /** Whether something is suspected: then {@linkcode PoisonSearch.run} comes before all is given to the UDF. */
  get suspects(): boolean {
    return this.#look !== undefined;
  }

  /**
   * Gives a UDF what it has to get, and looks at what it dies of.
   *
   * @param works called when the UDF has given a state that holds what it got, and when what it dies at was found
   * @returns where the rest of the log begins, which it has not got
   * @throws what the UDF died of
   * @throws {TineError} `poison-point` where that is to stop it
   */
  async run(host: Host, state: RestartState, works: () => void): Promise<number> {
    // Else a point could be blamed for what the question does.
    await this.#taker.probe(host);
    const units = state.log.takeUnits();
    let given = 0, points = 0;
    try {
      while (given < units.length) {
        const some = units.slice(given, given + this.#look!);
        const more = pointsIn(some);
        state.gives(points, more);
        const saved = await this.#give(host, some);
        given += some.length;
        points += more;
        this.#inARow = 0;
        if (saved.length === 0) continue;
        units.splice(0, given);
        state.savedBefore(points, saved);
        given = points = 0;
        works();
      }
      this.#look = undefined;
      return state.log.putBack(units);
    } catch (error) {
      if (host.failure !== undefined) {
        if (this.#look! > 1) this.#look = Math.max(1, Math.floor(this.#look! / FINER));
        else {
          state.forget(this.#found(units.splice(given, 1)[0], host.failure));
          this.#taker.acquit();
          works(); // without it, the UDF gets further than before
        }
      }
      state.log.putBack(units);
      throw this.#failure ?? error;
    }
  }

  /** Gives the UDF some points or batches, and waits until it has handled them; returns its state. */
  async #give(host: Host, units: readonly LoggedUnit[]): Promise<Uint8Array> {
    for (const { frames, points } of units) {
      const full = host.frames(frames, points);
      if (full !== undefined) await full;
    }
    if (this.#taker.stopped) {
      await host.roundTrip();
      return new Uint8Array();
    }
    try {
      return await host.snapshot();
    } catch (error) {
      if (host.failure !== undefined) throw error;
      return new Uint8Array(); // it has no snapshots, but has answered
    }
  }

  /** Notes what the UDF dies at; returns how many points that are. */
  #found(unit: LoggedUnit, cause: Error): number {
    const { action, keep, log } = this.#options;
    const requests = Array.from(requestsIn(unit.frames), ({ request }) => request);
    this.#look = undefined;
    try {
      keep(requests);
    } catch (error) {
      // What is kept nowhere would be lost unseen.
      this.#failure = new TineError("poison-point", messageOf(error), { cause: error });
      return unit.points;
    }
    this.#points += unit.points;
    this.#inARow++;
    const [first] = requests;
    const what = first.kind === "point"
      ? `a point of ${first.point.name} at ${first.point.time}`
      : `a batch of ${formatCount(unit.points, "point")}`;
    if (this.#inARow === MAX_IN_A_ROW) {
      const message = `the UDF dies at each of ${MAX_IN_A_ROW} points or batches in a row: ${cause.message}`;
      this.#failure = new TineError("poison-point", message, { cause });
    } else if (action === "stop") {
      this.#failure = new TineError("poison-point", `the UDF dies at ${what} each time: ${cause.message}`, { cause });
    } else log?.(`the UDF dies at ${what} each time: it goes on without`);
    return unit.points;
  }
}

function pointsIn(units: readonly LoggedUnit[]): number {
  return units.reduce((sum, { points }) => sum + points, 0);
}
