import { settlesWithin } from "../../base/time.ts";
import { messageOf, TineError, whyNotRead } from "../../base/errors.ts";
import { previewBytes } from "../../wire/frame_reader.ts";
import {
  MAGIC,
  RECORD_HEAD_BYTES,
  type RecordingHeader,
  type RecordingSide,
  RecordType,
  VERSION,
} from "./recording.ts";
import { type Connection, writeAll } from "../../wire/connection.ts";
import type { RunningUdf } from "../running_udf.ts";

/** What waits for the file before the connection is held back. */
const HIGH_WATER = 8 * 1024 * 1024;
/** How long a file may hold the connection back before the recording is given up. */
const PATIENCE_MS = 5_000;
/** The maximum number of files of one name. */
const MAX_FILES = 10_000;

/** How a recording is made. */
export interface RecorderOptions {
  /** Which end of the connection this is. */
  side: RecordingSide;
  /** The UDF, for people. */
  udf: string;
  /** The version of tine. */
  tine: string;
  /** Gets one sentence when the recording has to stop; the UDF goes on. */
  warn: (message: string) => void;
  /** Which file of several: 1 is `path` itself, 2 is `path.2`; default 1. One that is being written is passed over. */
  number?: number;
}

/**
 * Appends what crosses a connection to a file, as it happens.
 *
 * Writing goes on beside the connection. A file that cannot be written stops the recording, never the connection.
 */
export class Recorder implements AsyncDisposable {
  /** The file that is written. */
  readonly path: string;
  /** Which end of the connection this is. */
  readonly side: RecordingSide;

  readonly #file: Deno.FsFile;
  readonly #warn: (message: string) => void;
  #filling = new Uint8Array(4096);
  #filled = 0;
  #started: number | undefined;
  #writing: Promise<void> | undefined;
  #stopped = false;
  #closed: Promise<void> | undefined;

  /** Use {@linkcode openRecorder}. */
  constructor(path: string, file: Deno.FsFile, { side, udf, tine, warn }: RecorderOptions) {
    this.path = path;
    this.side = side;
    this.#file = file;
    this.#warn = warn;
    const header: RecordingHeader = { started: new Date().toISOString(), tine, side, udf };
    this.#append(new TextEncoder().encode(`${MAGIC}${VERSION}\n${JSON.stringify(header)}\n`));
    this.#flush();
  }

  /** Bytes to the UDF. The promise, where there is one, waits for a file that is slower than the connection. */
  requests(bytes: Uint8Array): Promise<void> | void {
    return this.#record(RecordType.REQUESTS, bytes);
  }

  /** Bytes from the UDF; as {@linkcode requests}. */
  responses(bytes: Uint8Array): Promise<void> | void {
    return this.#record(RecordType.RESPONSES, bytes);
  }

  /** The host has ended its output. */
  endRequests(): void {
    void this.#record(RecordType.END_OF_REQUESTS);
  }

  /** The UDF has ended its output. */
  endResponses(): void {
    void this.#record(RecordType.END_OF_RESPONSES);
  }

  /** Writes what waits and closes the file; what comes later is not recorded. Closing twice is harmless. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #record(kind: RecordType, bytes: Uint8Array = new Uint8Array()): Promise<void> | void {
    if (this.#stopped || this.#closed !== undefined) return;
    const now = performance.now();
    this.#started ??= now;
    const head = new DataView(new ArrayBuffer(RECORD_HEAD_BYTES));
    head.setUint8(0, kind);
    head.setBigUint64(1, BigInt(Math.round((now - this.#started) * 1e6)), true);
    head.setUint32(9, bytes.length, true);
    this.#append(new Uint8Array(head.buffer));
    this.#append(bytes);
    this.#flush();
    if (this.#filled >= HIGH_WATER) return this.#drained();
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#filling.length) {
      const grown = new Uint8Array(Math.max(needed, this.#filling.length * 2));
      grown.set(this.#filling.subarray(0, this.#filled));
      this.#filling = grown;
    }
    this.#filling.set(bytes, this.#filled);
    this.#filled = needed;
  }

  #flush(): void {
    if (this.#filled > 0) this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    try {
      while (this.#filled > 0 && !this.#stopped) {
        let bytes = this.#filling.subarray(0, this.#filled);
        this.#filling = new Uint8Array(4096);
        this.#filled = 0;
        while (bytes.length > 0) bytes = bytes.subarray(await this.#file.write(bytes));
      }
    } catch (error) {
      this.#stop(messageOf(error));
    } finally {
      this.#writing = undefined;
    }
  }

  async #drained(): Promise<void> {
    if (this.#writing === undefined || await settlesWithin(PATIENCE_MS, this.#writing)) return;
    this.#stop(`the file takes no more for ${PATIENCE_MS / 1000} s`);
  }

  #stop(reason: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#filled = 0;
    this.#filling = new Uint8Array();
    this.#warn(`the recording ${this.path} stops here, the UDF goes on: ${reason}`);
  }

  async #close(): Promise<void> {
    // A file that hangs must not keep the program from ending.
    if (this.#writing !== undefined) await this.#drained();
    this.#filling = new Uint8Array();
    try {
      this.#file.close();
    } catch (error) {
      this.#stop(messageOf(error));
    }
  }
}

/**
 * Opens the file of a recording. An earlier recording is overwritten, any other file is refused.
 *
 * @throws {TineError} `cannot-record`
 *
 * @example
 * ```ts
 * import { openRecorder } from "./recorder.ts";
 * import { recordConnection } from "./recorder.ts";
 * import { pipe } from "../../wire/pipe.ts";
 * const path = await Deno.makeTempFile();
 * await using recorder = openRecorder(path, { side: "udf", udf: "mirror", tine: "0.1.0", warn: console.error });
 * const [udf] = pipe();
 * const connection = recordConnection(udf, recorder);
 * console.assert(connection !== udf);
 * ```
 */
export function openRecorder(path: string, options: RecorderOptions): Recorder {
  const first = options.number ?? 1;
  for (let number = first; number < first + MAX_FILES; number++) {
    const numbered = number === 1 ? path : `${path}.${number}`;
    const file = openFile(numbered);
    if (file !== undefined) return new Recorder(numbered, file, options);
  }
  throw new TineError("cannot-record", `cannot record to ${path}: ${MAX_FILES} recordings are being written already`);
}

/** Opens and empties a file; undefined if another recording is being written to it. */
function openFile(path: string): Deno.FsFile | undefined {
  let file: Deno.FsFile | undefined;
  try {
    // What is no regular file may block for ever when it is opened.
    if (isOther(path)) throw new Error("it is no regular file");
    file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
    if (!file.tryLockSync(true)) {
      file.close();
      return undefined;
    }
    const beginning = new Uint8Array(MAGIC.length);
    const length = file.readSync(beginning) ?? 0;
    if (!MAGIC.startsWith(new TextDecoder().decode(beginning.subarray(0, length)))) {
      const start = previewBytes(beginning.subarray(0, length));
      throw new Error(`the file exists and is no recording, it starts with ${start}; remove it first`);
    }
    file.truncateSync(0);
    file.seekSync(0, Deno.SeekMode.Start);
    return file;
  } catch (error) {
    file?.close();
    const reason = error instanceof Deno.errors.NotFound ? "there is no such folder" : whyNotRead(error);
    throw new TineError("cannot-record", `cannot record to ${path}: ${reason}`, { cause: error });
  }
}

function isOther(path: string): boolean {
  try {
    return !Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * A connection that records what crosses it.
 *
 * What goes out is recorded before it is written, so that a question stands before its answer; bytes that a failed
 * write could not deliver are in the recording too.
 *
 * @param recorder knows which end of the connection this is; closed with the connection
 *
 * @example
 * ```ts
 * import { openRecorder } from "./recorder.ts";
 * import { recordConnection } from "./recorder.ts";
 * import { pipe } from "../../wire/pipe.ts";
 * const path = await Deno.makeTempFile();
 * const recorder = openRecorder(path, { side: "host", udf: "mirror", tine: "0.1.0", warn: console.error });
 * const [host, udf] = pipe();
 * const recorded = recordConnection(host, recorder);
 * const reading = udf.read(new Uint8Array(8));
 * await recorded.write(new Uint8Array([0]));
 * console.assert(await reading === 1);
 * await recorder.close();
 * ```
 */
export function recordConnection(connection: Connection, recorder: Recorder): Connection {
  const host = recorder.side === "host";
  const out = (bytes: Uint8Array) => host ? recorder.requests(bytes) : recorder.responses(bytes);
  const outEnd = () => host ? recorder.endRequests() : recorder.endResponses();
  const into = (bytes: Uint8Array) => host ? recorder.responses(bytes) : recorder.requests(bytes);
  const intoEnd = () => host ? recorder.endResponses() : recorder.endRequests();
  let outEnded = false;
  return {
    async read(buffer) {
      const count = await connection.read(buffer);
      if (count === null) {
        intoEnd();
        return null;
      }
      const busy = into(buffer.subarray(0, count));
      if (busy !== undefined) await busy;
      return count;
    },
    async write(bytes) {
      const busy = out(bytes);
      if (busy !== undefined) await busy;
      // All of it: the rest of a partial write would come here, and be recorded, again.
      await writeAll(connection, bytes);
      return bytes.length;
    },
    async closeWrite() {
      if (!outEnded) outEnd();
      outEnded = true;
      await connection.closeWrite();
    },
    close() {
      connection.close();
      void recorder.close();
    },
  };
}

/**
 * A UDF whose connection is recorded, seen from the host; closing it closes the recording.
 *
 * @example
 * ```ts
 * import { createHandler } from "../handlers/mirror.ts";
 * import { startInProcess } from "../running_udf.ts";
 * import { openRecorder } from "./recorder.ts";
 * import { recordUdf } from "./recorder.ts";
 * const path = await Deno.makeTempFile();
 * const recorder = openRecorder(path, { side: "host", udf: "mirror", tine: "0.1.0", warn: console.error });
 * const udf = recordUdf(startInProcess("mirror", createHandler), recorder);
 * await udf.close();
 * ```
 */
export function recordUdf(udf: RunningUdf, recorder: Recorder): RunningUdf {
  return {
    name: udf.name,
    connection: recordConnection(udf.connection, recorder),
    socket: udf.socket,
    ended: udf.ended,
    kill: () => udf.kill(),
    async close() {
      await udf.close();
      await recorder.close();
    },
  };
}
