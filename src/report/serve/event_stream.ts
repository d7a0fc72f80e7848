import type { ServerResponse } from "node:http";

/** What a page that follows a run gets. */
export interface ServerEvent {
  readonly name: string;
  readonly data: unknown;
}

/** How long a reader may take nothing before it is cut off, in milliseconds. */
const STALL_MS = 30_000;
/** The silence after which a comment is sent as a keepalive, in milliseconds. */
const SILENCE_MS = 10_000;

/**
 * Server-sent events to pages, with bounded queues: what a page has no room for is left out, and when it reads again,
 * it gets a notice and starts anew.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventStreams {
  readonly #streams = new Set<EventStream>();
  readonly #start: () => readonly ServerEvent[];

  /** @param start returns the events from which a page starts */
  constructor(start: () => readonly ServerEvent[]) {
    this.#start = start;
  }

  /** The number of pages. */
  get size(): number {
    return this.#streams.size;
  }

  /** Takes on a page, and sends it what it starts from. */
  add(response: ServerResponse, now: number): void {
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no" });
    const stream = new EventStream(response, now);
    this.#streams.add(stream);
    response.on("close", () => this.#streams.delete(stream));
    stream.send(this.#start().map(textOf).join(""), now);
  }

  /**
   * Sends events to all pages that have room.
   *
   * @param now by the clock of `performance.now()`
   */
  send(events: readonly ServerEvent[], now: number): void {
    const text = events.map(textOf).join("");
    let again: string | undefined;
    for (const stream of this.#streams) {
      if (stream.full) {
        if (text !== "") stream.behind = true;
        if (now - stream.wroteAt > STALL_MS) stream.cut();
      } else if (stream.behind) {
        // It missed events: it starts anew.
        again ??= [{ name: "skipped", data: {} }, ...this.#start()].map(textOf).join("");
        stream.behind = false;
        stream.send(again, now);
      } else if (text !== "") stream.send(text, now);
      else if (now - stream.wroteAt > SILENCE_MS) stream.send(":\n\n", now);
    }
  }

  /** Has all pages start anew. */
  restart(now: number): void {
    this.send(this.#start(), now);
  }

  /** Sends a last event to all pages. */
  end(last: ServerEvent): void {
    for (const stream of this.#streams) stream.end(textOf(last));
  }
}

class EventStream {
  /** Whether it missed events. */
  behind = false;
  /** When it last had room for something. */
  wroteAt: number;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse, now: number) {
    this.#response = response;
    this.wroteAt = now;
  }

  /** Whether it has not taken what was sent before. */
  get full(): boolean {
    return this.#response.writableNeedDrain;
  }

  send(text: string, now: number): void {
    this.wroteAt = now;
    this.#response.write(text);
  }

  end(text: string): void {
    this.#response.end(text);
  }

  cut(): void {
    this.#response.destroy();
  }
}

function textOf({ name, data }: ServerEvent): string {
  // JSON has no line breaks outside of texts, and none in them.
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
