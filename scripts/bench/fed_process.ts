import type { Frames } from "./points.ts";
import { initFrame } from "./points.ts";
import { MissingPeer } from "./benchmark.ts";

/** Larger than any pipe: the writer wakes up seldom. */
const CHUNK_BYTES = 1024 * 1024;

/** A handler in a process of its own that was initialised, and waits for points on its pipe. */
export class FedProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBufferLike>>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#reader = child.stdout.getReader();
  }

  /**
   * Starts it, and waits for its answer to init.
   *
   * @param init by default that of a moving average
   * @throws {MissingPeer} if it ends before
   */
  static async start([command, ...args]: readonly string[], init: Frames = initFrame()): Promise<FedProcess> {
    const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    const fed = new FedProcess(child);
    await fed.#writer.write(init).catch(() => {});
    const { done } = await fed.#reader.read();
    if (!done) return fed;
    await child.status;
    throw new MissingPeer(`${[command, ...args].join(" ")} did not start, see above`);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Writes frames as fast as they are taken. */
  async write(frames: Frames): Promise<void> {
    for (let at = 0; at < frames.length; at += CHUNK_BYTES) {
      await this.#writer.write(frames.subarray(at, at + CHUNK_BYTES));
    }
  }

  /** Ends the input. */
  async end(): Promise<void> {
    await this.#writer.close();
  }

  /** Reads all output to its end, and returns how many bytes there were at which time, in ms. */
  async drain(): Promise<{ bytes: number; atMs: number }[]> {
    const progress: { bytes: number; atMs: number }[] = [];
    let bytes = 0;
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return progress;
      bytes += value.length;
      progress.push({ bytes, atMs: performance.now() });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.abort().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
  }
}
