import type { ByteSource } from "../../../wire/connection.ts";
import { startLongTimer } from "../../../base/time.ts";

const BUFFER_BYTES = 64 * 1024;

/** After the command ended: how long nothing must come, and how long and how much may come nevertheless. */
const QUIET_MS = 500;
const LATE_MS = 2000;
const LATE_BYTES = 2 * 1024 * 1024;

/**
 * Reads the output of a command to its end. A process that the command left running may hold the output open for ever.
 * Therefore, once the command has ended, this reads what is there and waits a little longer for the end. What comes later
 * is read and dropped, since the writer would block otherwise.
 *
 * @param source the output
 * @param write takes what was read; the bytes are its own until its promise resolves
 * @param ended resolves when the command has ended
 * @returns whether the end was reached
 * @throws what reading or `write` throws
 */
export async function drain(
  source: ByteSource,
  write: (bytes: Uint8Array) => Promise<void> | undefined,
  ended: Promise<unknown>,
): Promise<boolean> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  const patience = new Patience(ended);
  for (;;) {
    const reading = source.read(buffer);
    const length = await patience.wait(reading);
    if (length === null) return true;
    if (length !== undefined) await write(buffer.subarray(0, length));
    if (length === undefined || patience.over) {
      void discard(source, reading, buffer);
      return false;
    }
  }
}

/** Waits for reads: without limit before the end of the command, and for a little while after it. */
class Patience {
  #ended = false;
  #lateMs = 0;
  #lateBytes = 0;
  #timer: Disposable | undefined;
  /** Ends the wait under way. One for all reads: promises that are raced with a long-lived one stay attached to it. */
  #giveUp: (() => void) | undefined;

  constructor(ended: Promise<unknown>) {
    ended.then(() => {
      this.#ended = true;
      this.#setTimer();
    });
  }

  /** So much came late that it may go on for ever. */
  get over(): boolean {
    return this.#lateBytes > LATE_BYTES || this.#lateMs > LATE_MS;
  }

  /** @returns the length that was read; null for the end; undefined if it is not worth while to wait any longer */
  async wait(reading: Promise<number | null>): Promise<number | null | undefined> {
    const started = performance.now();
    try {
      const length = await new Promise<number | null | undefined>((resolve, reject) => {
        this.#giveUp = () => resolve(undefined);
        this.#setTimer();
        reading.then(resolve, reject);
      });
      if (this.#ended) {
        this.#lateMs += performance.now() - started;
        this.#lateBytes += length ?? 0;
      }
      return length;
    } finally {
      this.#timer?.[Symbol.dispose]();
      this.#giveUp = undefined;
    }
  }

  #setTimer(): void {
    if (!this.#ended || this.#giveUp === undefined) return;
    this.#timer = startLongTimer(QUIET_MS, this.#giveUp);
  }
}

async function discard(source: ByteSource, reading: Promise<number | null>, buffer: Uint8Array): Promise<void> {
  try {
    while (await reading !== null) reading = source.read(buffer);
  } catch {
    // The output is dropped anyway.
  }
}
