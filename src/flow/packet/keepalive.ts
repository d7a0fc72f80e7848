import type { Hmac } from "../hmac.ts";
import type { FlowName } from "./flow_name.ts";
import { headerBytes, REVERSE, SIGNED, signHeader, writeHeader } from "./header.ts";

/** A client that has sent nothing for so long says that it is still there, in nanoseconds. */
export const KEEPALIVE_NANOS = 1e9;
/** So often one to whom the server sends, in nanoseconds: a server that is not wanted any more has to notice soon. */
export const REVERSE_KEEPALIVE_NANOS = 250e6;

/**
 * A server that has not heard from a client for so long stops sending to it, in nanoseconds; and if it has no room for
 * other flows, that one makes room. Half of all packets may be lost on the way, and a client may stand still for
 * seconds.
 */
export const SILENCE_NANOS = 10e9;
/** A flow whose client is not heard for so long is over, in nanoseconds. */
export const LOST_NANOS = 30e9;

/**
 * Makes a packet that says that the client is still there, and still wants what the server sends.
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
