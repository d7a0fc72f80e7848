import { bootId } from "../../sys/boot_id.ts";
import { Hmac } from "../hmac.ts";

const MARK_BYTES = 16;

/**
 * What only those can say that have the clock of this kernel: both ends of a flow compare theirs. It is another one for
 * each flow, so that nobody else learns anything from it.
 *
 * @param nonce of the client
 * @param cookie of the server
 * @param id of the kernel's boot
 * @returns as text; empty where it is not known whose clock this is
 */
export function clockMark(nonce: Uint8Array, cookie: Uint8Array, id: string = bootId()): string {
  if (id === "") return "";
  const bytes = new Uint8Array(nonce.length + cookie.length + MARK_BYTES), end = nonce.length + cookie.length;
  bytes.set(nonce);
  bytes.set(cookie, nonce.length);
  new Hmac(new TextEncoder().encode(id)).sign(bytes, 0, end, end, MARK_BYTES);
  return bytes.subarray(end).toHex();
}
