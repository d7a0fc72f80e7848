import type { RunContext } from "../../runner.ts";

/** All that a plan chooses, together: escaped as JSON it still fits into one message. */
const MAX_BYTES = 8 * 1024 * 1024;

/** The longest single text. */
const MAX_TEXT_BYTES = 1024 * 1024;

/** A section: values by name, or text; undefined where there is nothing to tell. */
export type Section = Readonly<Record<string, string | undefined>> | string | undefined;

/** One description of a system while it is made: what it may take, and what could not be had. */
export class Survey {
  /** What is missing, and why. */
  readonly notes = new Map<string, string>();
  #bytesLeft = MAX_BYTES;

  /** @param context of the run */
  constructor(readonly context: RunContext) {}

  /** How long the next text may be, in bytes. */
  get room(): number {
    return Math.min(MAX_TEXT_BYTES, this.#bytesLeft);
  }

  /**
   * Keeps as much of a text as there is room for, and notes what it lacks.
   *
   * @param leftOut how many bytes it lacks already
   */
  keep(what: string, text: string, leftOut = 0): string {
    const kept = text.slice(0, this.#bytesLeft);
    this.#bytesLeft -= kept.length;
    leftOut += text.length - kept.length;
    if (leftOut > 0) this.note(what, `is too long: ${leftOut} bytes are left out`);
    return kept;
  }

  /** Notes that something is missing; several reasons stand side by side. */
  note(what: string, why: string): void {
    const before = this.notes.get(what);
    if (before === undefined) this.notes.set(what, why);
    else if (!before.includes(why)) this.notes.set(what, `${before}; ${why}`);
  }
}

/**
 * Does something for each item, a few at a time.
 *
 * @param width how many at a time
 * @throws what the first failure was, once none is under way
 */
export async function forEachAtOnce<T>(
  items: Iterable<T>,
  width: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed = false;
  const work = async () => {
    for (let next = iterator.next(); !next.done && !failed; next = iterator.next()) await action(next.value);
  };
  const results = await Promise.allSettled(Array.from({ length: width }, () =>
    work().catch((error) => {
      failed = true;
      throw error;
    })));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
