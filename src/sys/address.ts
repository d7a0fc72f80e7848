import {
  type Family,
  formatHostPort,
  formatIPv4,
  formatIPv6,
  isMappedIPv4,
  MAX_PORT,
  parseHostPort,
  parseIPv4,
  parseIPv6,
} from "../base/address.ts";
import { TineError } from "../base/errors.ts";
import { AF_INET, AF_INET6, IF_NAMESIZE } from "./constants.ts";
import { sockaddrIn, sockaddrIn6 } from "./layouts.ts";
import { libc } from "./libc.ts";

/** The longest address, in bytes. */
export const MAX_ADDRESS_BYTES = sockaddrIn6.sizeBytes;

/**
 * An IP address and a port. It keeps the form in which the kernel takes and gives addresses, so that nothing has to be
 * converted on the way of a packet.
 *
 * @example
 * ```ts
 * import { SockAddr } from "./address.ts";
 * const address = SockAddr.parse("[::1]:5201");
 * console.assert(address.family === "ipv6" && address.port === 5201);
 * console.assert(`${address}` === "[::1]:5201");
 * ```
 */
export class SockAddr {
  /** A struct sockaddr_in or sockaddr_in6. Not to be written to. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly family: Family;

  private constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.family = bytes.length === sockaddrIn.sizeBytes ? "ipv4" : "ipv6";
  }

  /**
   * An address from its parts.
   *
   * @param host an IPv4 or IPv6 address; IPv6 with a scope if it needs one: `fe80::1%eth0`, or `%2` for its index
   * @param port 0 to 65535
   * @throws {TineError} `invalid-address`
   */
  static of(host: string, port: number): SockAddr {
    if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
      throw new TineError("invalid-address", `${port} is not a port, 0 to ${MAX_PORT}`);
    }
    const ipv4 = parseIPv4(host);
    if (ipv4 !== undefined) return fromIPv4(ipv4, port);
    const [ip, scope, ...rest] = host.split("%");
    const ipv6 = parseIPv6(ip);
    if (ipv6 === undefined || rest.length > 0 || scope === "") {
      throw new TineError("invalid-address", `"${host}" is neither an IPv4 nor an IPv6 address`);
    }
    return fromIPv6(ipv6, port, scope === undefined ? 0 : scopeId(scope));
  }

  /**
   * Reads `127.0.0.1:80` or `[::1]:80`.
   *
   * @throws {TineError} `invalid-address`
   */
  static parse(text: string): SockAddr {
    const { hostname, port } = parseHostPort(text);
    return SockAddr.of(hostname, port);
  }

  /**
   * Copies an address that the kernel gave.
   *
   * @param bytes a sockaddr from their start on
   * @throws {TineError} `invalid-address` if it is of another family
   */
  static decode(bytes: Uint8Array): SockAddr {
    const family = bytes[0] | bytes[1] << 8;
    const length = family === AF_INET ? sockaddrIn.sizeBytes : family === AF_INET6 ? sockaddrIn6.sizeBytes : 0;
    if (length === 0 || bytes.length < length) {
      throw new TineError("invalid-address", `a socket address of family ${family} is neither IPv4 nor IPv6`);
    }
    return new SockAddr(bytes.slice(0, length));
  }

  /** Returns the address that stands for all addresses of this machine. */
  static wildcard(family: Family, port: number): SockAddr {
    return SockAddr.of(family === "ipv4" ? "0.0.0.0" : "::", port);
  }

  /** Returns the address that only this machine can reach. */
  static loopback(family: Family, port: number): SockAddr {
    return SockAddr.of(family === "ipv4" ? "127.0.0.1" : "::1", port);
  }

  /** The port, 0 to 65535. */
  get port(): number {
    return this.bytes[sockaddrIn.at.sin_port] << 8 | this.bytes[sockaddrIn.at.sin_port + 1];
  }

  /** The IP address as text, with the scope, if any. */
  get host(): string {
    if (this.family === "ipv4") return formatIPv4(this.ip);
    return this.scopeId === 0 ? formatIPv6(this.ip) : `${formatIPv6(this.ip)}%${this.scopeId}`;
  }

  /** The 4 or 16 bytes of the IP address. */
  get ip(): Uint8Array {
    const start = this.family === "ipv4" ? sockaddrIn.at.sin_addr : sockaddrIn6.at.sin6_addr;
    return this.bytes.subarray(start, start + (this.family === "ipv4" ? 4 : 16));
  }

  /** The index of the interface of a link-local IPv6 address; 0 without an interface. */
  get scopeId(): number {
    return this.family === "ipv4" ? 0 : viewOf(this.bytes).getUint32(sockaddrIn6.at.sin6_scope_id, true);
  }

  /** Whether it stands for all addresses of this machine. It is no destination. */
  get isWildcard(): boolean {
    return this.unmapped().ip.every((byte) => byte === 0);
  }

  /** Whether only this machine can reach it. */
  get isLoopback(): boolean {
    const { family, ip } = this.unmapped();
    return family === "ipv4" ? ip[0] === 127 : ip.every((byte, i) => byte === (i === 15 ? 1 : 0));
  }

  /** Whether it is an IPv4 address in the form that IPv6 sockets use for them, e.g. `::ffff:10.0.0.1`. */
  get isMapped(): boolean {
    return this.family === "ipv6" && isMappedIPv4(this.ip);
  }

  /** The IPv4 address that is mapped; other addresses as they are. */
  unmapped(): SockAddr {
    return this.isMapped ? fromIPv4(this.ip.subarray(12), this.port) : this;
  }

  /** An IPv4 address in the form that IPv6 sockets use for them; an IPv6 address as it is. */
  mapped(): SockAddr {
    if (this.family === "ipv6") return this;
    const ip = new Uint8Array(16);
    ip.fill(0xff, 10, 12);
    ip.set(this.ip, 12);
    return fromIPv6(ip, this.port, 0);
  }

  /** The same IP address with another port. */
  withPort(port: number): SockAddr {
    return SockAddr.of(this.host, port);
  }

  /** Whether both are the same address, port and scope. */
  equals(other: SockAddr): boolean {
    return this.startsIn(other.bytes, 0);
  }

  /** Whether the address stands in the bytes from a place on; allocates nothing. */
  startsIn(bytes: Uint8Array, start: number): boolean {
    const own = this.bytes;
    if (start + own.length > bytes.length) return false;
    for (let i = 0; i < own.length; i++) if (bytes[start + i] !== own[i]) return false;
    return true;
  }

  /** `127.0.0.1:80` or `[::1]:80`. */
  toString(): string {
    return formatHostPort({ hostname: this.host, port: this.port });
  }
}

// The constructor is private, so that no other bytes become an address; these two go through decode.

function fromIPv4(ip: Uint8Array, port: number): SockAddr {
  const bytes = new Uint8Array(sockaddrIn.sizeBytes);
  const { sin_family, sin_port, sin_addr } = sockaddrIn.at;
  viewOf(bytes).setUint16(sin_family, AF_INET, true);
  viewOf(bytes).setUint16(sin_port, port);
  bytes.set(ip, sin_addr);
  return SockAddr.decode(bytes);
}

function fromIPv6(ip: Uint8Array, port: number, scope: number): SockAddr {
  const bytes = new Uint8Array(sockaddrIn6.sizeBytes);
  const { sin6_family, sin6_port, sin6_addr, sin6_scope_id } = sockaddrIn6.at;
  viewOf(bytes).setUint16(sin6_family, AF_INET6, true);
  viewOf(bytes).setUint16(sin6_port, port);
  bytes.set(ip, sin6_addr);
  viewOf(bytes).setUint32(sin6_scope_id, scope, true);
  return SockAddr.decode(bytes);
}

function scopeId(scope: string): number {
  if (!/^[0-9]+$/.test(scope)) return interfaceIndex(scope);
  const id = Number(scope);
  if (id > 0xffff_ffff) throw new TineError("invalid-address", `${scope} is not the index of an interface`);
  return id;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Whether an IPv6 address needs an interface to be complete: link-local addresses, unicast (fe80::/10) and
 * multicast (ff02::/16).
 *
 * @param ip its 16 bytes
 */
export function needsZone(ip: Uint8Array): boolean {
  return (ip[0] === 0xfe && (ip[1] & 0xc0) === 0x80) || (ip[0] === 0xff && ip[1] === 0x02);
}

/**
 * Returns the index of a network interface, if_nametoindex(3).
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

/** Returns the name of the network interface with an index, if_indextoname(3); undefined for an unknown index. */
export function interfaceName(index: number): string | undefined {
  const name = new Uint8Array(IF_NAMESIZE);
  if (libc().calls.if_indextoname(index, name) === null) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}
