import type { Connection } from "../../wire/connection.ts";

/** What may be on its way to the other side, in bytes, before a write waits. */
const WINDOW_BYTES = 1024 * 1024;
/** What is taken before the other side is told: a message costs more than a point. */
const TELL_BYTES = WINDOW_BYTES / 4;

/** What goes over a port: bytes, how many of them have been taken, or the end of the stream. */
type Message = { bytes: Uint8Array } | { taken: number } | { end: true } | { close: true };

/**
 * A connection to another thread over a MessagePort. Both sides make one on their end of the channel. A slow
 * reader pushes back.
 */
export class PortConnection implements Connection {
  readonly #port: MessagePort;
  readonly #incoming: Uint8Array[] = [];
  #readable: PromiseWithResolvers<void> | undefined;
  #writable: PromiseWithResolvers<void> | undefined;
  /** Bytes sent that the other side has not said to have taken. */
  #underWay = 0;
  /** Bytes taken that the other side has not been told of. */
  #untold = 0;
  #ended = false;
  #closed = false;

  readonly #onRead: ((count: number) => void) | undefined;

  /** @param onRead is told how many bytes each read takes */
  constructor(port: MessagePort, onRead?: (count: number) => void) {
    this.#port = port;
    this.#onRead = onRead;
    port.onmessage = ({ data }: MessageEvent<Message>) => this.#receive(data);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#incoming.length === 0) {
      if (this.#ended || this.#closed) return null;
      this.#readable = Promise.withResolvers();
      await this.#readable.promise;
    }
    const first = this.#incoming[0];
    const length = Math.min(buffer.length, first.length);
    buffer.set(first.subarray(0, length));
    if (length === first.length) this.#incoming.shift();
    else this.#incoming[0] = first.subarray(length);
    this.#onRead?.(length);
    this.#untold += length;
    if (this.#untold >= TELL_BYTES) {
      this.#post({ taken: this.#untold });
      this.#untold = 0;
    }
    return length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#closed) throw new Deno.errors.BrokenPipe("the other thread has closed the connection");
    const copy = bytes.slice();
    this.#underWay += copy.length;
    this.#post({ bytes: copy }, [copy.buffer]);
    while (this.#underWay > WINDOW_BYTES) {
      this.#writable ??= Promise.withResolvers();
      await this.#writable.promise;
      if (this.#closed) throw new Deno.errors.BrokenPipe("the other thread has closed the connection");
    }
    return bytes.length;
  }

  closeWrite(): Promise<void> {
    this.#post({ end: true });
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    this.#post({ close: true });
    this.#shut();
  }

  /** Adds bytes to what the reader gets, as if the other side had sent them. */
  inject(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    this.#readable?.resolve();
  }

  /** The reader gets what has come so far, and then the end. */
  endReading(): void {
    this.#ended = true;
    this.#readable?.resolve();
  }

  #receive(message: Message): void {
    if ("bytes" in message) {
      this.#incoming.push(message.bytes);
      this.#readable?.resolve();
    } else if ("taken" in message) {
      this.#underWay -= message.taken;
      if (this.#underWay <= WINDOW_BYTES) {
        this.#writable?.resolve();
        this.#writable = undefined;
      }
    } else if ("end" in message) {
      this.endReading();
    } else {
      this.#shut();
    }
  }

  #shut(): void {
    this.#closed = true;
    this.#port.close();
    this.#readable?.resolve();
    this.#writable?.resolve();
  }

  #post(message: Message, transfer: Transferable[] = []): void {
    if (!this.#closed) this.#port.postMessage(message, transfer);
  }
}
