import { TineError } from "../../wire/errors.ts";
import { Hmac } from "../hmac.ts";
import { clockMark } from "./clock_mark.ts";
import { HELLO, isSealed, openBytesFor, openPacket, readOpening, START } from "./control_packet.ts";
import type { FlowName } from "./flow_name.ts";
import { newNonce, NONCE_BYTES, sessionKey } from "./session.ts";

/** So often each of the two packets is sent, */
export const OPEN_ATTEMPTS = 10;
/** and so long an answer may take, in nanoseconds. */
export const OPEN_RETRY_NANOS = 200e6;

/** What opening a flow has come to: nothing yet, the next packet is to be sent, or it is open. */
export type OpeningState = "waiting" | "next" | "open";

/** Opens a flow, from the client's side: says hello, and starts it with the cookie that comes back. */
export class ClientOpening {
  readonly #flow: FlowName;
  readonly #settings: string;
  readonly #key: Uint8Array | undefined;
  readonly #hmac: Hmac | undefined;
  readonly #server: string;
  readonly #nonce = newNonce();
  #cookie = new Uint8Array(NONCE_BYTES);
  #stage = HELLO;
  #attempts = 0;
  #sentAt = 0;
  /** What a server said that could not prove to be it. */
  #rumour: string | undefined;
  /** How long the last answer took; NaN if it is not known to which packet it belongs. */
  rttNanos = NaN;
  /** Once it is open: whether both ends are known to have one clock. */
  sharesClock = false;

  /**
   * @param settings as text
   * @param key of the run
   * @param server its address, for messages
   */
  constructor(flow: FlowName, settings: string, key: Uint8Array | undefined, server: string) {
    this.#flow = flow;
    this.#settings = settings;
    this.#key = key;
    this.#hmac = key === undefined ? undefined : new Hmac(key);
    this.#server = server;
  }

  /**
   * The packet to send now.
   *
   * @throws {TineError} `no-answer`, `packet-flow-refused`: it was sent often enough
   */
  packet(now: number): Uint8Array<ArrayBuffer> {
    if (this.#rumour !== undefined) throw refused(this.#server, this.#rumour);
    if (++this.#attempts > OPEN_ATTEMPTS) {
      const seconds = OPEN_ATTEMPTS * OPEN_RETRY_NANOS / 1e9;
      throw new TineError("no-answer", `no server of UDP flows answers at ${this.#server} for ${seconds} s`);
    }
    this.#sentAt = now;
    const text = this.#stage === HELLO ? "" : this.#settings;
    const opening = { stage: this.#stage, nonce: this.#nonce, cookie: this.#cookie, refused: false, text };
    return openPacket(this.#flow, opening, this.#hmac, openBytesFor(text), false);
  }

  /**
   * Takes a reply that opens.
   *
   * @throws {TineError} `packet-flow-refused`, for what the server says
   */
  receive(view: DataView, lengthBytes: number, now: number): OpeningState {
    const opening = readOpening(view, lengthBytes);
    if (opening === undefined || opening.nonce.some((byte, i) => byte !== this.#nonce[i])) return "waiting";
    if (!isSealed(view, lengthBytes, this.#hmac)) {
      // Whoever has another key cannot sign what it says. If it is not the server, the server answers in time.
      if (opening.refused) this.#rumour = opening.text;
      return "waiting";
    }
    if (opening.refused) throw refused(this.#server, opening.text);
    if (opening.stage !== this.#stage) return "waiting";
    this.rttNanos = this.#attempts === 1 ? now - this.#sentAt : NaN;
    if (this.#stage === START) {
      this.sharesClock = opening.text !== "" && opening.text === clockMark(this.#nonce, this.#cookie);
      return "open";
    }
    this.#stage = START;
    this.#attempts = 0;
    this.#rumour = undefined;
    this.#cookie = Uint8Array.from(opening.cookie);
    return "next";
  }

  /** The key of the flow, once it is open; undefined: nothing is signed. */
  sessionHmac(): Hmac | undefined {
    if (this.#key === undefined) return undefined;
    return new Hmac(sessionKey(this.#key, this.#nonce, this.#cookie, this.#flow.text));
  }
}

function refused(server: string, why: string): TineError {
  return new TineError("packet-flow-refused", `the server at ${server} refuses the flow: ${why}`);
}
