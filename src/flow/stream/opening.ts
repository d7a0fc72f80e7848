import { WOULD_BLOCK } from "../../sys/socket.ts";
import type { Peer } from "./peer.ts";
import { checkGreeting, type Greeting, GreetingReader } from "./wire.ts";
import { acceptedBy } from "./messages.ts";

/** What a server says before the transfer, as it comes in: its greeting, then its answer to the request. */
export class Opening {
  readonly #peer: Peer;
  readonly #hasKey: boolean;
  readonly #reader: GreetingReader;
  #greeting: Greeting | undefined;
  #accepted = false;

  /**
   * @param peer the server
   * @param hasKey whether the client has a key
   */
  constructor(peer: Peer, hasKey: boolean) {
    this.#peer = peer;
    this.#hasKey = hasKey;
    this.#reader = new GreetingReader(peer.name);
  }

  /** What the server has still to say. */
  get awaited(): "greeting" | "answer" {
    return this.#greeting === undefined ? "greeting" : "answer";
  }

  /**
   * Reads on, up to the end of the greeting.
   *
   * @returns the greeting when it is complete
   * @throws {TineError} see {@linkcode GreetingReader} and {@linkcode checkGreeting}; `connection-closed`,
   *   `connection-reset`
   */
  readGreeting(): Greeting | undefined {
    while (this.#greeting === undefined) {
      const count = this.#peer.read(this.#reader.room);
      if (count === WOULD_BLOCK) return undefined;
      const greeting = this.#reader.filled(count);
      if (greeting !== undefined) checkGreeting(greeting, this.#hasKey, this.#peer.name);
      this.#greeting = greeting;
    }
    return this.#greeting;
  }

  /**
   * Reads on, up to the end of the answer.
   *
   * @returns whether the server has taken the request
   * @throws {TineError} as {@linkcode Opening.readGreeting} does; what the server refused the request with
   */
  readAnswer(): boolean {
    if (this.#accepted) return true;
    if (this.readGreeting() === undefined) return false;
    const frame = this.#peer.readFrame();
    if (frame === undefined) return false;
    acceptedBy(this.#peer.name, frame.value);
    return this.#accepted = true;
  }
}
