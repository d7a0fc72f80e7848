import { ByteReader } from "../../wire/byte_reader.ts";
import type { Connection } from "../../wire/connection.ts";
import { FrameWriter } from "../../wire/frame_writer.ts";
import { CallProgress } from "../call_watch.ts";
import { decodeRequest, encodeResponse } from "../codec.ts";
import type { Response } from "../messages.ts";
import { RingConnection, type RingMemory } from "./ring_connection.ts";

/** How long a handler is busy before keepalives are sent on its behalf. */
const QUIET_MS = 200;

/**
 * The near end of a connection to a handler in a worker. It watches what the handler does, and sends keepalives to the
 * host while the handler is busy, also in an endless loop.
 */
export class ModuleConnection implements Connection {
  readonly progress = new CallProgress();
  readonly #ring: RingConnection;
  /** What was sent and may be in work, so that the point of a call that never ends can be named. */
  readonly #sent: { start: number; bytes: Uint8Array }[] = [];
  #sentBytes = 0;
  #lastCount = -1;
  #lastOffset = -1;
  #lastUnderWay = 0;
  #busySince = 0;
  #lastSent = 0;
  #reading = true;

  /** @param memory of an earlier connection, empty; left out: new memory */
  constructor(memory?: RingMemory) {
    this.#ring = new RingConnection(memory);
    this.progress.begin("load", 0);
  }

  /** What this end was made from. */
  get memory(): RingMemory {
    return this.#ring.memory;
  }

  /** What the worker makes its end from. */
  get otherSide(): RingMemory {
    return this.#ring.otherSide;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const count = await this.#ring.read(buffer);
    this.#lastSent = performance.now();
    if (count === null) this.#reading = false;
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    this.#forget();
    this.#sent.push({ start: this.#sentBytes, bytes: bytes.slice() });
    this.#sentBytes += bytes.length;
    return this.#ring.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#ring.closeWrite();
  }

  close(): void {
    this.#reading = false;
    this.#ring.close();
  }

  /**
   * Looks at what the handler does, and sends a keepalive where one is due. Call it at short intervals.
   *
   * @param keepsAlive false: it sends none
   * @returns the duration of the call that is under way, in ms; 0 without a call
   */
  look(now: number, keepsAlive: boolean): number {
    const { call, count, offset } = this.progress;
    const { underWay } = this.#ring;
    const busy = call !== "idle" || underWay > 0;
    if (!busy || count !== this.#lastCount || offset !== this.#lastOffset || underWay < this.#lastUnderWay) {
      this.#busySince = now;
    }
    this.#lastCount = count;
    this.#lastOffset = offset;
    this.#lastUnderWay = underWay;
    if (!busy) return 0;
    if (keepsAlive && now - this.#lastSent >= QUIET_MS && this.#reading) {
      this.#lastSent = now;
      this.#send({ kind: "keepalive", time: BigInt(Date.now()) * 1_000_000n });
    }
    return now - this.#busySince;
  }

  /** Reports a failure to the host, and ends the output. */
  fail(message: string): void {
    if (!this.#reading) return;
    this.#send({ kind: "error", error: message });
    this.#ring.endReading();
  }

  /** What the handler is doing, as the subject of a sentence: `point() of the handler, for the point "cpu" at 17`. */
  describe(): string {
    const { call } = this.progress;
    switch (call) {
      case "idle":
        return "another connection of this worker";
      case "load":
        return "loading the module";
      case "create":
        return "createHandler()";
      case "begin":
      case "end":
        return `${call}Batch() of the handler`;
      case "point":
        return `point() of the handler${this.#describePoint()}`;
      default:
        return `${call}() of the handler`;
    }
  }

  #describePoint(): string {
    const { offset } = this.progress;
    const index = this.#sent.findIndex(({ start, bytes }) => offset >= start && offset < start + bytes.length);
    if (index < 0) return "";
    // A frame may continue in what was sent after.
    const parts = this.#sent.slice(index).map(({ bytes }) => bytes);
    parts[0] = parts[0].subarray(offset - this.#sent[index].start);
    try {
      const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
      let position = 0;
      for (const part of parts) {
        bytes.set(part, position);
        position += part.length;
      }
      const reader = new ByteReader().reset(bytes);
      reader.uint32(); // the tag of the point in its Request
      const request = decodeRequest(reader.reset(bytes, 0, reader.delimited()));
      if (request.kind !== "point") return "";
      const { name, group, time } = request.point;
      return `, for the point ${JSON.stringify(name)}${
        group === "" ? "" : ` of the group ${JSON.stringify(group)}`
      } at ${time}`;
    } catch {
      return ""; // the worker has gone on meanwhile
    }
  }

  #forget(): void {
    const { offset } = this.progress;
    while (this.#sent.length > 0 && this.#sent[0].start + this.#sent[0].bytes.length <= offset) this.#sent.shift();
  }

  #send(response: Response): void {
    const writer = new FrameWriter({
      write: (bytes) => {
        this.#ring.inject(bytes.slice());
        return Promise.resolve(bytes.length);
      },
    });
    encodeResponse(writer.open(), response);
    writer.close();
    writer.flush();
  }
}
