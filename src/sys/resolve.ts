import { TineError } from "../base/errors.ts";
import { type Family, ipFamily } from "../base/address.ts";
import { needsZone, SockAddr } from "./address.ts";
import { Arena } from "./arena.ts";
import { AF_INET, AF_INET6, AF_UNSPEC, EAI_SYSTEM, SOCK_STREAM } from "./constants.ts";
import { addrinfo } from "./layouts.ts";
import { libc } from "./libc.ts";

/** How to resolve. */
export interface ResolveOptions {
  /** Only addresses of this family. */
  readonly family?: Family;
  /** Stops waiting. The query itself cannot be stopped: its answer is dropped. */
  readonly signal?: AbortSignal;
}

/** More answers than this are left out. */
const MAX_ANSWERS = 64;

/**
 * The addresses of a host, best first, getaddrinfo(3): as for every program of the machine they come from hosts(5),
 * name servers and other sources of nsswitch.conf(5). An IP address is returned as it is, without a query.
 *
 * @param host a name or an IP address
 * @param port of the addresses
 * @returns at least one
 * @throws {TineError} `unresolved-host`; `invalid-address` for an IP address of the other family, and for one that is
 *   link-local without its interface
 *
 * @example
 * ```ts
 * import { resolve } from "./resolve.ts";
 * const [address] = await resolve("localhost", 5201, { family: "ipv4" });
 * console.assert(`${address}` === "127.0.0.1:5201");
 * ```
 */
export async function resolve(host: string, port: number, options: ResolveOptions = {}): Promise<SockAddr[]> {
  options.signal?.throwIfAborted();
  const literal = ipAddress(host, port);
  if (literal?.family === "ipv6" && literal.scopeId === 0 && needsZone(literal.ip)) {
    throw new TineError(
      "invalid-address",
      `${host} is link-local: it needs the interface that it is on, e.g. ${host}%eth0`,
    );
  }
  if (literal === undefined) return await unlessAborted(ask(host, port, options.family), options.signal);
  if (options.family === undefined || options.family === literal.family) return [literal];
  throw new TineError("invalid-address", `${host} is not an ${options.family === "ipv4" ? "IPv4" : "IPv6"} address`);
}

function ipAddress(host: string, port: number): SockAddr | undefined {
  return ipFamily(host) !== undefined ? SockAddr.of(host, port) : undefined;
}

async function ask(host: string, port: number, family: Family | undefined): Promise<SockAddr[]> {
  if (!/^[^\0]{1,255}$/.test(host)) throw new TineError("unresolved-host", `"${host}" is not the name of a host`);
  const { getaddrinfo, freeaddrinfo } = libc().calls;
  // The call runs in another thread: its memory must stay meanwhile.
  using arena = new Arena();
  const text = new TextEncoder().encode(host);
  const name = arena.allocate(text.length + 1);
  name.bytes.set(text);
  const hints = arena.allocate(addrinfo.sizeBytes);
  // No AI_ADDRCONFIG: it would hide ::1 where there is no other IPv6 address.
  hints.view.setInt32(addrinfo.at.ai_family, familyNumber(family), true);
  hints.view.setInt32(addrinfo.at.ai_socktype, SOCK_STREAM, true);
  const answer = arena.allocate(8);
  const status = await getaddrinfo(name.bytes, null, hints.bytes, answer.bytes);
  if (status !== 0) throw new TineError("unresolved-host", `the name ${host} has no address: ${reasonOf(status)}`);
  const first = Deno.UnsafePointer.create(answer.view.getBigUint64(0, true));
  try {
    return readAnswers(first, port);
  } finally {
    freeaddrinfo(first);
  }
}

function familyNumber(family: Family | undefined): number {
  if (family === undefined) return AF_UNSPEC;
  return family === "ipv4" ? AF_INET : AF_INET6;
}

function readAnswers(first: Deno.PointerValue, port: number): SockAddr[] {
  const found: SockAddr[] = [];
  let next = first;
  while (next !== null && found.length < MAX_ANSWERS) {
    const info = new Deno.UnsafePointerView(next);
    const place = info.getPointer(addrinfo.at.ai_addr);
    if (place !== null) {
      const bytes = new Uint8Array(info.getUint32(addrinfo.at.ai_addrlen));
      new Deno.UnsafePointerView(place).copyInto(bytes);
      found.push(SockAddr.decode(bytes).withPort(port));
    }
    next = info.getPointer(addrinfo.at.ai_next);
  }
  return found;
}

function reasonOf(status: number): string {
  // The error number is that of the other thread.
  if (status === EAI_SYSTEM) return "the system failed";
  const text = libc().calls.gai_strerror(status);
  return text === null ? `error ${status}` : Deno.UnsafePointerView.getCString(text).toLowerCase();
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
