import { TineError } from "../../base/errors.ts";
import { Hmac } from "../hmac.ts";
import { clockMark } from "./transmitter.ts";
import { HELLO, isSealed, type Opening, openPacket, readOpening } from "./control_packet.ts";
import { flagsOf, type FlowName, SIGNED } from "./header.ts";
import { type OpenSettings, parseSettings } from "./open_settings.ts";
import { Cookies, packetKey } from "./cookies.ts";

/** A flow that a client may have. */
export interface Grant {
  readonly settings: OpenSettings;
  readonly nonce: Uint8Array;
  /** Of the key of the flow. */
  readonly hmac: Hmac | undefined;
}

/** What a packet that opens comes to: the answer, and for the one that starts a flow what was granted or why not. */
export interface OpeningResult {
  readonly opening: Opening;
  readonly grant?: Grant;
  readonly refusal?: string;
}

/** Opens flows, from the server's side. It keeps nothing of clients that only said hello. */
export class ServerOpening {
  readonly #key: Uint8Array | undefined;
  readonly #hmac: Hmac | undefined;
  readonly #maxPacketBytes: number;
  readonly #cookies = new Cookies();

  /**
   * @param key of the run
   * @param maxPacketBytes the longest packet that the server takes
   */
  constructor(key: Uint8Array | undefined, maxPacketBytes: number) {
    this.#key = key;
    this.#hmac = key === undefined ? undefined : new Hmac(key);
    this.#maxPacketBytes = maxPacketBytes;
  }

  /**
   * Takes a packet that opens.
   *
   * @param address of the client, as text
   * @returns undefined: it is none
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
      );
    }
    const { stage, nonce, cookie } = opening;
    if (stage === HELLO) {
      const baked = this.#cookies.bake(address, nonce, flow.text, nowMs);
      return { opening: { ...opening, cookie: baked, refused: false, text: "" } };
    }
    if (!this.#cookies.knows(cookie, address, nonce, flow.text, nowMs)) {
      return refuse(opening, "its cookie is not of this server, or too old");
    }
    try {
      const settings = parseSettings(opening.text, this.#maxPacketBytes, this.#key !== undefined);
      const hmac = this.#key && new Hmac(packetKey(this.#key, nonce, cookie, flow.text));
      const text = clockMark(nonce, cookie);
      return { opening: { ...opening, refused: false, text }, grant: { settings, nonce, hmac } };
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      return refuse(opening, error.message);
    }
  }

  /** The answer, not longer than what it answers. */
  answer(flow: FlowName, opening: Opening, lengthBytes: number): Uint8Array {
    return openPacket(flow, opening, this.#hmac, lengthBytes, true);
  }
}

/** Answers that a flow cannot be. */
export function refuse(opening: Opening, refusal: string): OpeningResult {
  return { opening: { ...opening, refused: true, text: refusal }, refusal };
}
