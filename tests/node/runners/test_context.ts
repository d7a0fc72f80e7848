import { ffiFlows } from "../../../src/flow/create_flows.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { type Feedback, NO_FEEDBACK } from "../../../src/node/feedback.ts";
import type { Item } from "../../../src/node/item.ts";
import { createProcesses, type NodeProcesses } from "../../../src/node/process/node_processes.ts";
import { Watchdog } from "../../../src/node/process/watchdog.ts";
import type { RunContext, Unsigned } from "../../../src/node/runner.ts";
import { TineError } from "../../../src/base/errors.ts";

/** A context that keeps what a run does. Disposing it is the end of its node. */
export class TestContext implements RunContext, AsyncDisposable {
  readonly nodeId = "left";
  readonly path = "tests[0]";
  feedback: Feedback = NO_FEEDBACK;
  readonly #watchdog = new Watchdog();
  readonly processes: NodeProcesses = createProcesses(this.#watchdog);
  readonly logged: { text: string; tag: string | undefined }[] = [];
  readonly sent: Unsigned<Item>[] = [];
  chosen: ((item: Unsigned<Item>) => boolean) | undefined;
  readonly #control = new AbortController();
  readonly #cleanups: (() => void | Promise<void>)[] = [];
  readonly key = new Uint8Array(32);
  readonly #work: Promise<void>[] = [];
  #flows: Flows | undefined;
  #folder: string | undefined;
  #onLog: (() => void) | undefined;

  get signal(): AbortSignal {
    return this.#control.signal;
  }

  cancel(): Error {
    const reason = new TineError("canceled", "the run was canceled");
    this.#control.abort(reason);
    return reason;
  }

  log(text: string, tag?: string): undefined {
    this.logged.push({ text, tag });
    this.#onLog?.();
  }

  /** Resolves once so many entries are in the log. */
  async entries(count: number): Promise<void> {
    while (this.logged.length < count) await new Promise<void>((resolve) => this.#onLog = resolve);
  }

  send(item: Unsigned<Item>): Promise<void> | undefined {
    this.sent.push(item);
    return undefined;
  }

  choose(chosen: (item: Unsigned<Item>) => boolean): void {
    this.chosen = chosen;
  }

  onEnd(cleanup: () => void | Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  flows(): Promise<Flows> {
    return Promise.resolve(this.#flows ??= ffiFlows());
  }

  goesOn(work: Promise<void>): void {
    this.#work.push(work);
  }

  async temporaryFolder(): Promise<string> {
    return this.#folder ??= await Deno.makeTempDir({ prefix: "tine-test-" });
  }

  /** Ends what runs have left. */
  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.end();
      await Promise.all(this.#work);
    } finally {
      await this.#flows?.[Symbol.asyncDispose]();
      await this.processes[Symbol.asyncDispose]();
      await this.#watchdog[Symbol.asyncDispose]();
      if (this.#folder !== undefined) await Deno.remove(this.#folder, { recursive: true });
    }
  }

  /** The bytes of each file that was sent. */
  get files(): Map<string, Uint8Array> {
    const pieces = Map.groupBy(this.sent.filter((item) => item.type === "fileData"), ({ name }) => name);
    return new Map([...pieces].map(([name, items]) => [name, join(items.map(({ data }) => data))]));
  }

  /** The bytes of a file that was sent. */
  bytes(name: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.files.get(name)!);
  }

  /** The text of a file that was sent. */
  text(name: string): string | undefined {
    const bytes = this.files.get(name);
    return bytes && new TextDecoder().decode(bytes);
  }

  get texts(): string[] {
    return this.logged.map(({ text }) => text);
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
