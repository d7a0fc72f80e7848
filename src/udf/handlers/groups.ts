import type { Outcome } from "../udf_types.ts";
import type { GivenOptions } from "./options.ts";

/** The default number of groups that a handler remembers, see the option `groups`. */
const DEFAULT_LIMIT = 100_000;
const MAX_LIMIT = 10_000_000;

/** What a snapshot holds. */
interface Saved<T> {
  /** What the states are of; states of anything else are of no use. */
  of: Readonly<Record<string, string>>;
  /** The states of the groups that were seen before the last turn, and since. */
  groups: [older: [string, T][], recent: [string, T][]];
}

/**
 * What a handler keeps of each group, in bounded memory: the groups seen last are remembered, as many as `limit` at
 * least and twice as many at most.
 *
 * A group costs one look-up: once `limit` groups have been seen since the last turn, a turn forgets those that were not
 * seen since the one before.
 */
export class Groups<S> {
  readonly #handler: string;
  readonly #make: () => S;
  #limit = DEFAULT_LIMIT;
  #older = new Map<string, S>();
  #recent = new Map<string, S>();
  #forgotten = 0;

  /**
   * @param handler its name, for messages
   * @param make makes the state of a group that is new
   */
  constructor(handler: string, make: () => S) {
    this.#handler = handler;
    this.#make = make;
  }

  /** Reads the option `groups`: the limit. */
  configure(given: GivenOptions): void {
    this.#limit = given.integer("groups", { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT;
  }

  /** Returns the state of a group. */
  of(group: string): S {
    return this.#recent.get(group) ?? this.#return(group);
  }

  /** All states. */
  *states(): Generator<S, void, void> {
    yield* this.#older.values();
    yield* this.#recent.values();
  }

  /**
   * Returns a snapshot of all states.
   *
   * @param of what the states are of, such as the name of a field
   * @param save turns a state into what JSON can hold
   */
  snapshot<T>(of: Saved<T>["of"], save: (state: S) => T): Uint8Array {
    const saved = (map: Map<string, S>) => Array.from(map, ([group, state]): [string, T] => [group, save(state)]);
    const content: Saved<T> = { of, groups: [saved(this.#older), saved(this.#recent)] };
    return new TextEncoder().encode(JSON.stringify(content));
  }

  /**
   * Takes the states of a snapshot in place of all that it has. It is empty after one of something else, which Kapacitor
   * gives back after a task is defined anew; that is reported on stderr.
   *
   * @param load makes a state of what was saved; throws where that is none
   * @returns what restore returns; after a failure the states are as before
   */
  restore<T>(snapshot: Uint8Array, of: Saved<T>["of"], load: (saved: T) => S): Outcome {
    try {
      const saved: Saved<T> = JSON.parse(new TextDecoder().decode(snapshot));
      const loaded = (states: [string, T][]) => new Map(states.map(([group, state]) => [String(group), load(state)]));
      if (!Array.isArray(saved.groups) || saved.groups.length !== 2) throw new Error("it has no two lists of groups");
      const isOfThis = Object.entries(of).every(([name, text]) => saved.of[name] === text);
      const [older, recent] = isOfThis ? saved.groups.map(loaded) : [new Map<string, S>(), new Map<string, S>()];
      [this.#older, this.#recent] = [older, recent];
      if (!isOfThis) {
        console.error(`${this.#handler}: the snapshot is of ${JSON.stringify(saved.of)}: starting empty`);
      }
      return { success: true, error: "" };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { success: false, error: `this is no snapshot of ${this.#handler}: ${reason}` };
    }
  }

  /** Reports on stderr how many groups were forgotten. */
  report(): void {
    if (this.#forgotten > 0) console.error(`${this.#handler}: ${this.#forgotten} times a group was forgotten`);
  }

  #return(group: string): S {
    const known = this.#older.get(group);
    if (known !== undefined) this.#older.delete(group);
    if (this.#recent.size >= this.#limit) this.#turn();
    const state = known ?? this.#make();
    this.#recent.set(group, state);
    return state;
  }

  #turn(): void {
    if (this.#older.size > 0 && this.#forgotten === 0) {
      console.error(
        `${this.#handler}: more than ${this.#limit} groups: those not seen for longest are forgotten; ` +
          "the option groups allows more",
      );
    }
    this.#forgotten += this.#older.size;
    this.#older = this.#recent;
    this.#recent = new Map();
  }
}
