import { TineError } from "../base/errors.ts";
import { IF_NAMESIZE } from "./constants.ts";
import { libc } from "./libc.ts";

/**
 * The index of a network interface, if_nametoindex(3).
 *
 * @throws {TineError} `unknown-interface`; `ffi-unavailable`
 */
export function interfaceIndex(name: string): number {
  const index = /^[^\0]{1,15}$/.test(name)
    ? libc().calls.if_nametoindex(new TextEncoder().encode(`${name}\0`) as Uint8Array<ArrayBuffer>)
    : 0;
  if (index === 0) throw new TineError("unknown-interface", `there is no network interface "${name}"`);
  return index;
}

/** The name of the network interface of an index, if_indextoname(3); undefined if there is none. */
export function interfaceName(index: number): string | undefined {
  const name = new Uint8Array(IF_NAMESIZE);
  if (libc().calls.if_indextoname(index, name) === null) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}
