import type { FlowMessage, FromWorker } from "./messages.ts";

/** What waits to be posted is at most this long, beside what one handler adds. */
const MAX_WAITING_BYTES = 256 * 1024;

/** Collects what flows tell, since each message between threads has its price. */
export class Outbox {
  readonly #post: (messages: FromWorker, transfer: ArrayBuffer[]) => void;
  #messages: FlowMessage[] = [];
  #transfer: ArrayBuffer[] = [];
  #bytes = 0;

  /** @param post hands over to the main side */
  constructor(post: (messages: FromWorker, transfer: ArrayBuffer[]) => void) {
    this.#post = post;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#messages.length === 0;
  }

  /** Adds a message, which goes with the others. */
  add(message: FlowMessage): void {
    this.#messages.push(message);
    if (message.type !== "records") return;
    this.#transfer.push(message.chunk.buffer);
    this.#bytes += message.chunk.length;
    if (this.#bytes > MAX_WAITING_BYTES) this.flush();
  }

  /** Hands over what waits. */
  flush(): void {
    if (this.empty) return;
    const messages = this.#messages, transfer = this.#transfer;
    this.#messages = [];
    this.#transfer = [];
    this.#bytes = 0;
    this.#post(messages, transfer);
  }
}
