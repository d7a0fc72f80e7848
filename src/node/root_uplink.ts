import { type Frame, Kind, type Lane, type Message } from "./protocol/frame.ts";
import { Joiner } from "./protocol/joiner.ts";
import { splitLogs } from "./protocol/log_batch.ts";
import type { Uplink } from "./uplink.ts";

/** Bytes that wait for whoever takes the results, before senders that can wait do. */
const HIGH_WATER = 1024 * 1024;

/** The root's own uplink: results wait here until they are taken. */
export class RootUplink implements Uplink {
  /** One for each child: two that make up frames of the same node are not to end each other's messages. */
  readonly #joiners = new Map<string, Joiner>();
  #waiting: { message: Message; taken?: () => void }[] = [];
  #bytes = 0;
  #ended = false;
  #abandoned = false;
  #more: PromiseWithResolvers<void> | undefined;
  #roomy: PromiseWithResolvers<void> | undefined;

  send(message: Message): void {
    this.#add(message);
  }

  room(_lane: Lane): Promise<void> | undefined {
    if (this.#bytes < HIGH_WATER) return undefined;
    this.#roomy ??= Promise.withResolvers();
    return this.#roomy.promise;
  }

  forward(frame: Frame, _bytes: Uint8Array, source: string): Promise<void> {
    let joiner = this.#joiners.get(source);
    if (joiner === undefined) this.#joiners.set(source, joiner = new Joiner());
    const message = joiner.add(frame);
    if (message === undefined || this.#abandoned) return Promise.resolve();
    const messages = message.kind === Kind.logs ? splitLogs(message) : [message];
    const last = messages.pop();
    if (last === undefined) return Promise.resolve();
    for (const message of messages) this.#add(message);
    // Also of what is urgent, a connection only lets so much wait.
    return new Promise((taken) => this.#add(last, taken));
  }

  forget(source: string): void {
    this.#joiners.delete(source);
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#more?.resolve();
  }

  /** Nobody takes results any more: they are dropped. */
  abandon(): void {
    this.#abandoned = true;
    for (const { taken } of this.#waiting) taken?.();
    this.#waiting = [];
    this.#bytes = 0;
    this.#roomy?.resolve();
    this.#roomy = undefined;
  }

  /** What comes, in order, until the end. */
  async *messages(): AsyncGenerator<Message, void, undefined> {
    for (;;) {
      const batch = this.#waiting;
      this.#waiting = [];
      let next = 0;
      try {
        for (; next < batch.length; next++) {
          const { message, taken } = batch[next];
          yield message;
          taken?.();
          this.#freed(message.payload.length);
        }
      } finally {
        // Whoever stops taking stops at one of them: its sender is not to wait for ever.
        while (next < batch.length) batch[next++].taken?.();
      }
      if (this.#waiting.length > 0) continue;
      if (this.#ended) return;
      this.#more = Promise.withResolvers();
      await this.#more.promise;
      this.#more = undefined;
    }
  }

  #freed(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes >= HIGH_WATER / 2) return;
    this.#roomy?.resolve();
    this.#roomy = undefined;
  }

  #add(message: Message, taken?: () => void): void {
    if (this.#abandoned) return taken?.();
    this.#waiting.push({ message, taken });
    this.#bytes += message.payload.length;
    this.#more?.resolve();
  }
}
