import { settlesWithin } from "../../base/time.ts";
import type { Host } from "../host.ts";
import type { RestartState } from "./restart_state.ts";

/** The number of timeouts after which a UDF counts as one that does not answer at all. */
const UNANSWERED_TIMEOUTS = 6;
/** The number of deaths in a row after which the question counts as their cause, though input before it may be. */
const SUSPICIONS = 2;
/** How often a death may turn out not to be that of the question. */
const DOUBTS = 1;

const DIES = "the UDF dies when it is asked for a snapshot";

/** Ends of processes that are no doing of their own. */
const ENDED_FROM_OUTSIDE = /\bwas (?:killed|ended by SIG(?:KILL|TERM|INT|HUP|QUIT))\b/;

/** How snapshots are taken. */
export interface SnapshotTakerOptions {
  /** Forgets the input that a snapshot reflects. */
  readonly restartState: RestartState;
  /** How long a UDF may be silent, in ms; 0: for ever. */
  readonly timeoutMs?: number;
  /** Called when the UDF has handled what it got. */
  works(): void;
  /** Whether a batch has begun and not ended: then no snapshot is taken. */
  insideBatch(): boolean;
  /** Gets a sentence when the UDF is not asked any more. */
  readonly log?: (message: string) => void;
}

/**
 * Takes snapshots of a UDF. One that dies of the question, or never answers it, is not asked again. One that answers with
 * nothing is: its answer shows that it has handled all input before, and it may have a state later.
 */
export class SnapshotTaker {
  readonly #options: SnapshotTakerOptions;
  /** The host that is being asked; `alone`: after a sign of life. */
  #asked: { readonly host: Host; readonly alone: boolean } | undefined;
  /** It has answered: what it dies of is something else. */
  #proven = false;
  #stopped = false;
  #suspicions = 0;
  #doubts = 0;

  constructor(options: SnapshotTakerOptions) {
    this.#options = options;
  }

  /** Whether it is not asked any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Asks a UDF for its state. One that is not asked shows by a sign of life that it has handled what came before, as far
   * as it answers in order.
   *
   * @param wanted whether its state of this moment is wanted, or any will do
   * @returns its state; empty where it has none, is not asked, or is inside a batch by now
   */
  async take(host: Host, wanted: boolean): Promise<Uint8Array> {
    const { restartState, insideBatch, works } = this.#options;
    if (this.#stopped) return await this.pass(host);
    const timeoutMs = this.#options.timeoutMs || 10_000;
    // Until it has answered once: should it die then, it is clear what of.
    const alone = !wanted && !this.#proven && await settlesWithin(timeoutMs, host.roundTrip());
    if (insideBatch()) return new Uint8Array();
    const mark = restartState.log.mark();
    const asked = this.#asked = { host, alone };
    try {
      const answer = host.snapshot((state) => {
        this.#proven = true;
        this.#stopped = false;
        restartState.saved(mark, state);
        works();
      });
      if (this.#proven || await settlesWithin(UNANSWERED_TIMEOUTS * timeoutMs, answer)) return await answer;
      this.#giveUp(host, answer);
    } finally {
      if (this.#asked === asked) this.#asked = undefined;
    }
    return await this.pass(host);
  }

  /**
   * Asks a UDF that has got no input, where none has answered so far: should it die, it is certain what of.
   *
   * @throws what it died of
   */
  async probe(host: Host): Promise<void> {
    if (this.#proven || this.#stopped) return;
    this.#doubts = DOUBTS;
    const answer = host.snapshot();
    try {
      if (await settlesWithin(UNANSWERED_TIMEOUTS * (this.#options.timeoutMs || 10_000), answer)) this.#proven = true;
      else this.#giveUp(host, answer);
    } catch (error) {
      if (!ENDED_FROM_OUTSIDE.test(host.failure?.message ?? "")) this.#stop(DIES);
      throw error;
    }
  }

  /** Forgets input that a UDF has handled without asking it for its state; returns an empty one. */
  async pass(host: Host): Promise<Uint8Array> {
    const { restartState, works, timeoutMs } = this.#options;
    const mark = restartState.log.mark();
    await settlesWithin(timeoutMs || 10_000, host.roundTrip());
    restartState.saved(mark, new Uint8Array());
    works();
    return new Uint8Array();
  }

  /** The UDF has died. */
  died(host: Host): void {
    const asked = this.#asked?.host === host ? this.#asked : undefined;
    if (asked === undefined) this.acquit();
    else if (!this.#proven && !ENDED_FROM_OUTSIDE.test(host.failure?.message ?? "")) {
      if (asked.alone || ++this.#suspicions === SUSPICIONS) this.#stop(DIES);
    }
  }

  /** It dies of something else: the question deserves another try. */
  acquit(): void {
    this.#suspicions = 0;
    if (!this.#stopped || this.#doubts === DOUBTS) return;
    this.#doubts++;
    this.#stopped = false;
  }

  /** The UDF goes on without an answer. */
  #giveUp(host: Host, answer: Promise<unknown>): void {
    answer.catch(() => {}); // its end is that of the host
    host.withdrawSnapshot();
    this.#stop("the UDF does not answer when it is asked for a snapshot");
  }

  #stop(what: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.log?.(`${what}: it is not asked again, and its state is lost when it dies`);
  }
}
