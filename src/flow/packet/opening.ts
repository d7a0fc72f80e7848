import { TineError } from "../../base/errors.ts";
import { Hmac } from "../hmac.ts";
import type { RefusalReason } from "../server_account.ts";
import type { FlowLimits } from "../serving_limits.ts";
import { clockMark } from "./wall_clock.ts";
import { HELLO, isSealed, openBytesFor, type OpenPacket, openPacket, readOpening, START } from "./control_packet.ts";
import { Retries } from "./control_exchange.ts";
import { flagsOf, type FlowName, SIGNED } from "./header.ts";
import { Cookies, newNonce, NONCE_BYTES, packetKey } from "./cookies.ts";
import { type OpenSettings, parseOpenSettings } from "./open_settings.ts";

/** How long the first answer is waited for before the packet is sent again, in nanoseconds. */
const FIRST_PAUSE_NANOS = 250e6;

/** A packet to send, and how long to wait for its answer. */
export interface OpeningAttempt {
  readonly packet: Uint8Array<ArrayBuffer>;
  /** In nanoseconds. */
  readonly pauseNanos: number;
}

/** The progress of opening a flow: it waits for an answer, the next packet is to be sent, or the flow is open. */
export type OpeningState = "waiting" | "next" | "open";

/** Opens a flow, from the client's side: sends a hello, and starts the flow with the cookie that comes back. */
export class ClientOpening {
  readonly #flow: FlowName;
  readonly #settings: string;
  readonly #key: Uint8Array | undefined;
  readonly #hmac: Hmac | undefined;
  readonly #server: string;
  #cookie = new Uint8Array(NONCE_BYTES);
  #stage = HELLO;
  #retries = new Retries(FIRST_PAUSE_NANOS);
  /** Each hello has another nonce, so that an answer can be matched to it. */
  #hellos: Hello[] = [];
  /** The hello that the server has answered. */
  #nonce = new Uint8Array(NONCE_BYTES);
  /** When the packet that starts the flow was sent; NaN if it was sent more than once. */
  #startedAt = NaN;
  /** A refusal that was not signed. */
  #unprovenRefusal: string | undefined;
  /** How long the last answer took that is known to belong to a packet, in nanoseconds; NaN before the first one. */
  rttNanos = NaN;
  /** Once it is open: whether both ends are known to have one clock. */
  sharesClock = false;
  /** Once it is open: what the server lets the flow have. */
  limits: FlowLimits = {};

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
  attempt(now: number): OpeningAttempt {
    if (this.#unprovenRefusal !== undefined) throw refused(this.#server, this.#unprovenRefusal);
    const isFirst = this.#retries.nanos === 0, waited = this.#retries.nanos;
    const pauseNanos = this.#retries.next();
    if (pauseNanos === undefined) throw this.#noAnswer(waited);
    if (this.#stage === HELLO) this.#hellos.push({ nonce: newNonce(), sentAt: now });
    else this.#startedAt = isFirst ? now : NaN;
    const nonce = this.#stage === HELLO ? this.#hellos.at(-1)!.nonce : this.#nonce;
    const text = this.#stage === HELLO ? "" : this.#settings;
    const opening = { stage: this.#stage, nonce, cookie: this.#cookie, refused: false, text };
    return { packet: openPacket(this.#flow, opening, this.#hmac, openBytesFor(text), false), pauseNanos };
  }

  /**
   * Takes a reply that opens.
   *
   * @throws {TineError} `packet-flow-refused`, with the server's reason
   */
  receive(view: DataView, lengthBytes: number, now: number): OpeningState {
    const opening = readOpening(view, lengthBytes);
    const hello = opening && this.#hellos.find(({ nonce }) => nonce.every((byte, i) => byte === opening.nonce[i]));
    if (opening === undefined || hello === undefined) return "waiting";
    if (!isSealed(view, lengthBytes, this.#hmac)) {
      // An end with another key cannot sign its answer. If it is not the server, the server answers in time.
      if (opening.refused) this.#unprovenRefusal = opening.text;
      return "waiting";
    }
    if (opening.refused) throw refused(this.#server, opening.text);
    if (opening.stage !== this.#stage) return "waiting";
    if (this.#stage === START) {
      if (!Number.isNaN(this.#startedAt)) this.rttNanos = now - this.#startedAt;
      this.sharesClock = opening.text !== "" && opening.text === clockMark(this.#nonce, this.#cookie);
      this.limits = opening.limits ?? {};
      return "open";
    }
    this.rttNanos = now - hello.sentAt;
    this.#stage = START;
    this.#hellos = [hello];
    this.#nonce = hello.nonce;
    this.#retries = new Retries(Math.max(FIRST_PAUSE_NANOS, 2 * this.rttNanos));
    this.#unprovenRefusal = undefined;
    this.#cookie = Uint8Array.from(opening.cookie);
    return "next";
  }

  /** The key of the flow, once it is open; undefined: nothing is signed. */
  sessionHmac(): Hmac | undefined {
    if (this.#key === undefined) return undefined;
    return new Hmac(packetKey(this.#key, this.#nonce, this.#cookie, this.#flow.text));
  }

  #noAnswer(waitedNanos: number): TineError {
    const seconds = (waitedNanos / 1e9).toFixed(0);
    return new TineError(
      "no-answer",
      this.#stage === HELLO
        ? `no server of UDP flows answers at ${this.#server} for ${seconds} s`
        : `the server at ${this.#server} answered after ${
          secondsText(this.rttNanos)
        } s, and then not again for ${seconds} s`,
    );
  }
}

/** A hello that was sent. */
interface Hello {
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sentAt: number;
}

/** A time in seconds for people, with two significant digits. */
export function secondsText(nanos: number): string {
  return String(Number((nanos / 1e9).toPrecision(2)));
}

function refused(server: string, why: string): TineError {
  return new TineError("packet-flow-refused", `the server at ${server} refuses the flow: ${why}`);
}

/** A flow that a client may have. */
export interface Grant {
  readonly settings: OpenSettings;
  readonly nonce: Uint8Array;
  /** Of the key of the flow. */
  readonly hmac: Hmac | undefined;
}

/** The result of a packet that opens: the answer; and where it starts a flow, what was granted, or why not. */
export interface OpeningResult {
  readonly opening: OpenPacket;
  readonly grant?: Grant;
  readonly refusal?: Refusal;
}

/** Why a flow cannot be. */
export interface Refusal {
  /** A clause without an end, for both ends. */
  readonly text: string;
  readonly reason: RefusalReason;
}

/** Opens flows, from the server's side. It keeps nothing of clients that only sent a hello. */
export class ServerOpening {
  readonly #key: Uint8Array | undefined;
  readonly #hmac: Hmac | undefined;
  readonly #maxPacketBytes: number;
  readonly #cookies: Cookies;

  /**
   * @param key of the run
   * @param maxPacketBytes the longest packet that the server takes
   * @param secret see Cookies
   */
  constructor(key: Uint8Array | undefined, maxPacketBytes: number, secret?: Uint8Array) {
    this.#cookies = new Cookies(secret);
    this.#key = key;
    this.#hmac = key === undefined ? undefined : new Hmac(key);
    this.#maxPacketBytes = maxPacketBytes;
  }

  /**
   * Takes a packet that opens.
   *
   * @param address of the client, as text
   * @returns undefined for any other packet
   */
  receive(
    view: DataView,
    lengthBytes: number,
    flow: FlowName,
    address: string,
    nowMs: number,
  ): OpeningResult | undefined {
    const opening = readOpening(view, lengthBytes);
    if (opening === undefined) return undefined;
    if (!isSealed(view, lengthBytes, this.#hmac)) {
      const signed = (flagsOf(view, 0) & SIGNED) !== 0;
      return refuse(
        opening,
        this.#hmac === undefined
          ? "it wants no key, and the client signs with one"
          : signed
          ? "the client has another key"
          : "the client signs with no key",
        "key",
      );
    }
    const { stage, nonce, cookie } = opening;
    if (stage === HELLO) {
      const made = this.#cookies.make(address, nonce, flow.text, nowMs);
      return { opening: { ...opening, cookie: made, refused: false, text: "" } };
    }
    if (!this.#cookies.verify(cookie, address, nonce, flow.text, nowMs)) {
      return refuse(opening, "its cookie is not of this server, or too old");
    }
    try {
      const settings = parseOpenSettings(opening.text, this.#maxPacketBytes, this.#key !== undefined);
      const hmac = this.#key && new Hmac(packetKey(this.#key, nonce, cookie, flow.text));
      const text = clockMark(nonce, cookie);
      return { opening: { ...opening, refused: false, text }, grant: { settings, nonce, hmac } };
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      return refuse(opening, error.message);
    }
  }

  /** The answer, not longer than what it answers. */
  answer(flow: FlowName, opening: OpenPacket, lengthBytes: number): Uint8Array {
    return openPacket(flow, opening, this.#hmac, lengthBytes, true);
  }
}

/** Answers that a flow cannot be. */
export function refuse(opening: OpenPacket, text: string, reason: RefusalReason = "request"): OpeningResult {
  return { opening: { ...opening, refused: true, text }, refusal: { text, reason } };
}
