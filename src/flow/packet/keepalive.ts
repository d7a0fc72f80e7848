import type { Hmac } from "../hmac.ts";
import type { FlowName } from "./flow_name.ts";
import { headerBytes, REVERSE, SIGNED, signHeader, writeHeader } from "./header.ts";

/** So often a client says that it still wants the packets of the server's senders, in nanoseconds. */
export const KEEPALIVE_NANOS = 1e9;
/** A server that has not heard from a client for so long stops sending to it, in nanoseconds. */
export const SILENCE_NANOS = 10e9;

/**
 * Makes a packet that says that the client still wants what the server sends.
 *
 * @param number higher than those before: what was recorded earlier does not count
 */
export function keepalivePacket(flow: FlowName, number: number, hmac: Hmac | undefined): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerBytes(hmac !== undefined));
  const flags = REVERSE | (hmac === undefined ? 0 : SIGNED);
  writeHeader(new DataView(bytes.buffer), 0, flags, 0, bytes.length, number, 0, flow);
  if (hmac !== undefined) signHeader(hmac, bytes, 0);
  return bytes;
}
