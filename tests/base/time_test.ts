import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay, settlesWithin, startLongTimer } from "../../src/base/time.ts";

Deno.test("delay() waits for as long as it says", async () => {
  const started = performance.now();
  await delay(5, new AbortController().signal);
  assert(performance.now() - started >= 5);
});

Deno.test("delay() ends with the reason of its signal, whenever that is aborted", async () => {
  const stop = new AbortController();
  const waiting = assertRejects(() => delay(2 ** 40, stop.signal), Error, "enough");
  let waits = true;
  waiting.then(() => waits = false);
  await delay(5, new AbortController().signal);
  assertEquals(waits, true);
  stop.abort(new Error("enough"));
  await waiting;
  for (const ms of [5, 0]) await assertRejects(() => delay(ms, stop.signal), Error, "enough");
});

/** A clock that only advances when a test says so, in place of the one of the runtime. */
class FakeClock implements Disposable {
  readonly #real = [AbortSignal.timeout, performance.now] as const;
  /** The time that each timer was set to. */
  readonly set: number[] = [];
  #now = 0;
  #timer: { due: number; callback: () => void } | undefined;

  constructor() {
    AbortSignal.timeout = (ms: number) => {
      this.set.push(ms);
      const signal = {
        addEventListener: (_: string, callback: () => void) => this.#timer = { due: this.#now + ms, callback },
        removeEventListener: () => this.#timer = undefined,
      };
      return signal as unknown as AbortSignal;
    };
    performance.now = () => this.#now;
  }

  /** To where the timer fires, and `earlyMs` less. */
  fire(earlyMs = 0): void {
    const { due, callback } = this.#timer!;
    this.#timer = undefined;
    this.#now = due - earlyMs;
    callback();
  }

  get waits(): boolean {
    return this.#timer !== undefined;
  }

  [Symbol.dispose](): void {
    [AbortSignal.timeout, performance.now] = this.#real;
  }
}

const LONGEST = 2 ** 31 - 1;

Deno.test("startLongTimer() waits for longer than a timer of the runtime can", () => {
  using clock = new FakeClock();
  let calls = 0;
  startLongTimer(2 * LONGEST + 5, () => calls++);
  clock.fire();
  clock.fire();
  assertEquals([clock.set, calls], [[LONGEST, LONGEST, 5], 0]);
  clock.fire();
  assertEquals([calls, clock.waits], [1, false]);
});

Deno.test("startLongTimer() calls once, and never early", () => {
  using clock = new FakeClock();
  let calls = 0;
  startLongTimer(10, () => calls++);
  clock.fire(0.5);
  assertEquals([clock.set, calls], [[10, 1], 0]);
  clock.fire();
  assertEquals([calls, clock.waits], [1, false]);
});

Deno.test("startLongTimer() is stopped by disposing, also in a later part of the wait", () => {
  using clock = new FakeClock();
  const timer = startLongTimer(Infinity, () => {});
  clock.fire();
  timer[Symbol.dispose]();
  assertEquals(clock.waits, false);
});

Deno.test("startLongTimer() keeps a process alive until it calls or is disposed of", async () => {
  const run = async (code: string) => {
    const timer = new URL("../../src/base/time.ts", import.meta.url);
    const args = ["eval", "--no-check", `import { startLongTimer } from ${JSON.stringify(timer.href)}; ${code}`];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
    return new TextDecoder().decode(stdout);
  };
  assertEquals(await run('startLongTimer(10, () => console.log("called"));'), "called\n");
  assertEquals(await run('startLongTimer(3_600_000, () => console.log("called"))[Symbol.dispose]();'), "");
});

Deno.test("settlesWithin() waits for a promise until the time is over, and rejects as it does", async () => {
  assertEquals(await settlesWithin(60_000, Promise.resolve()), true);
  assertEquals(await settlesWithin(1, new Promise(() => {})), false);
  await assertRejects(() => settlesWithin(60_000, Promise.reject(new RangeError("no"))), RangeError, "no");
});
