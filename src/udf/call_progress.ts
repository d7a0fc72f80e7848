/** What a handler can be busy with: loading its module, being created, a request, or stopping. */
export type CallName =
  | "idle"
  | "load"
  | "create"
  | "info"
  | "init"
  | "keepalive"
  | "snapshot"
  | "restore"
  | "begin"
  | "point"
  | "end"
  | "empty"
  | "stop";

const NAMES: readonly CallName[] = [
  "idle",
  "load",
  "create",
  "info",
  "init",
  "keepalive",
  "snapshot",
  "restore",
  "begin",
  "point",
  "end",
  "empty",
  "stop",
];
const NUMBERS: ReadonlyMap<CallName, number> = new Map(NAMES.map((name, number) => [name, number]));

const CALL = 0, COUNT = 1, OFFSET = 2, CELLS = 3;

/**
 * What the handler of a connection is doing, in memory that two threads share: one writes, another one looks from time to time, also
 * while the first is in an endless loop.
 */
export class CallProgress {
  readonly #cells: Float64Array;

  /** @param memory of another thread's progress; left out: a new one */
  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(CELLS * 8)) {
    this.#cells = new Float64Array(memory);
  }

  /**
   * A call begins.
   *
   * @param offset where in the stream of requests its frame starts
   */
  begin(call: CallName, offset: number): void {
    this.#cells[CALL] = NUMBERS.get(call)!;
    this.#cells[OFFSET] = offset;
    this.#cells[COUNT]++;
  }

  /** The call has ended. */
  end(): void {
    this.#cells[CALL] = 0;
  }

  /** What is being called. */
  get call(): CallName {
    return NAMES[this.#cells[CALL]];
  }

  /** Where the frame of the last call starts in the stream of requests, behind its length. */
  get offset(): number {
    return this.#cells[OFFSET];
  }

  /** How many calls have begun. */
  get count(): number {
    return this.#cells[COUNT];
  }
}
