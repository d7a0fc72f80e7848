/**
 * How a flow is opened: the client sends a hello with a nonce, and gets a cookie that only a client at its address can
 * know. It starts the flow with both, and with the settings of the flow. So a server keeps nothing about clients that
 * have not proved their address, and a replay of an earlier flow is refused: its cookie is too old, and its packets are
 * signed with another key.
 *
 * @module
 */
import { Hmac } from "../hmac.ts";

/** The length of nonces and cookies, in bytes. */
export const NONCE_BYTES = 16;

/**
 * The minimum lifetime of a cookie, in milliseconds; the maximum is twice that. A client behind a long queue gets it
 * late, and the packet that starts the flow waits in that queue as well.
 */
export const COOKIE_MS = 15_000;

/** Returns random bytes that cannot be guessed. */
export function newNonce(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
}

/**
 * The key that packets of one flow are signed with.
 *
 * @param key that of the run
 * @param flow its id
 */
export function packetKey(
  key: Uint8Array,
  clientNonce: Uint8Array,
  cookie: Uint8Array,
  flow: string,
): Uint8Array<ArrayBuffer> {
  const id = new TextEncoder().encode(flow);
  const message = new Uint8Array(2 * NONCE_BYTES + id.length);
  message.set(clientNonce);
  message.set(cookie, NONCE_BYTES);
  message.set(id, 2 * NONCE_BYTES);
  return new Hmac(key).digest(message);
}

/** Makes the cookies of a server, and recognizes them without storing them. */
export class Cookies {
  readonly #hmac: Hmac;

  /** @param secret 32 random bytes; servers that know each other's cookies share them */
  constructor(secret: Uint8Array = crypto.getRandomValues(new Uint8Array(32))) {
    this.#hmac = new Hmac(secret);
  }

  /**
   * Returns a cookie.
   *
   * @param address of the client, as text
   * @param nonce the client's
   * @param nowMs the time of a monotonic clock
   */
  make(address: string, nonce: Uint8Array, flow: string, nowMs: number): Uint8Array<ArrayBuffer> {
    return this.#cookie(address, nonce, flow, Math.floor(nowMs / COOKIE_MS));
  }

  /** Whether it is one of ours for this client, and not too old. */
  verify(cookie: Uint8Array, address: string, nonce: Uint8Array, flow: string, nowMs: number): boolean {
    const period = Math.floor(nowMs / COOKIE_MS);
    const now = differ(cookie, this.#cookie(address, nonce, flow, period));
    const before = differ(cookie, this.#cookie(address, nonce, flow, period - 1));
    return now === 0 || before === 0;
  }

  #cookie(address: string, nonce: Uint8Array, flow: string, period: number): Uint8Array<ArrayBuffer> {
    const place = new TextEncoder().encode(`${period} ${address} ${flow} `);
    const message = new Uint8Array(place.length + nonce.length);
    message.set(place);
    message.set(nonce, place.length);
    return this.#hmac.digest(message).slice(0, NONCE_BYTES);
  }
}

/** 0 if both are equal; takes the same time wherever they differ. */
function differ(one: Uint8Array, other: Uint8Array): number {
  let bits = one.length ^ other.length;
  for (let i = 0; i < other.length; i++) bits |= one[i] ^ other[i];
  return bits;
}
