import { messageOf, TineError } from "./errors.ts";

/** The parts of a TCP or UDP address, not resolved. */
export interface HostPort {
  /** A name or an IP address, without brackets; empty for `:PORT` and `PORT`. */
  readonly hostname: string;
  /** 0 to {@link MAX_PORT}. */
  readonly port: number;
}

/** The largest TCP or UDP port. */
export const MAX_PORT = 65_535;

/**
 * The form of `HOST:PORT`, `[IPv6]:PORT`, `[IPv6%zone]:PORT` and `:PORT`: the only grammar of addresses in plans and on the
 * command line. Its groups are the IPv6 address with its zone, any other host, and the port.
 *
 * A zone is the name of a Linux interface, or its index: up to 15 characters without blanks, slashes and colons.
 */
export const HOST_PORT_PATTERN = /^(?:\[([0-9A-Fa-f:.]+(?:%[^\s%/:[\]]{1,15})?)\]|([^\s:[\]]{0,253})):(\d{1,5})$/;

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT`.
 *
 * @param options `barePort`: also reads `PORT`, which means the same as `:PORT`
 * @throws {TineError} `invalid-address`, also for what stands in brackets and is not an IPv6 address
 *
 * @example
 * ```ts
 * import { parseHostPort } from "./address.ts";
 * console.assert(parseHostPort("[::1]:7000").hostname === "::1");
 * console.assert(parseHostPort("7000", { barePort: true }).port === 7000);
 * ```
 */
export function parseHostPort(text: string, { barePort = false } = {}): HostPort {
  const match = HOST_PORT_PATTERN.exec(barePort && /^\d+$/.test(text) ? `:${text}` : text);
  const port = Number(match?.[3]);
  const ipv6 = match?.[1];
  if (match === null || port > MAX_PORT || ipv6 !== undefined && parseIPv6(ipv6.split("%")[0]) === undefined) {
    throw new TineError(
      "invalid-address",
      `"${text}" is not an address such as 10.0.0.1:7000, host.example:7000 or [::1]:7000`,
    );
  }
  return { hostname: ipv6 ?? match[2], port };
}

/**
 * Reads an address to connect to: with a host, and a port above 0.
 *
 * @throws {TineError} `invalid-address`
 */
export function parseDialAddress(text: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed.hostname !== "" && parsed.port !== 0) return parsed;
  throw new TineError("invalid-address", `"${text}" cannot be dialled: it needs a host, and a port above 0`);
}

/**
 * Writes `HOST:PORT`, with brackets around an IPv6 address.
 *
 * @example
 * ```ts
 * import { formatHostPort } from "./address.ts";
 * console.assert(formatHostPort({ hostname: "::1", port: 7000 }) === "[::1]:7000");
 * ```
 */
export function formatHostPort({ hostname, port }: HostPort): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Makes the error about an address at which a server cannot listen, with the reason in plain words: runtimes have names of
 * their own for the same reason.
 *
 * @param address as it was given
 * @param cause what listening threw
 * @param purpose what follows the address in the sentence, e.g. ` for metrics`
 */
export function cannotListen(address: HostPort, cause: unknown, purpose = ""): TineError {
  const code = String(Object(cause).code);
  const reason = code === "EADDRINUSE"
    ? "the address is in use"
    // The servers of Node.js in Deno have the second.
    : code === "EADDRNOTAVAIL" || code === "EINVAL"
    ? "this machine does not have that address"
    : code === "EACCES"
    ? `permission denied${address.port > 0 && address.port < 1024 ? ", as ports below 1024 take a privilege" : ""}`
    : code === "ENOTFOUND" || /lookup/.test(messageOf(cause))
    ? "the name has no address"
    : messageOf(cause);
  return new TineError("cannot-listen", `cannot listen on ${formatHostPort(address)}${purpose}: ${reason}`, { cause });
}

/** Whether only this machine can reach the host: `localhost`, `::1` or 127.0.0.0/8. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Whether a host is a group of multicast: 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291, 2.7).
 *
 * @param hostname without brackets; IPv6 with or without its interface
 *
 * @example
 * ```ts
 * import { isGroup } from "./address.ts";
 * console.assert(isGroup("239.1.2.3") && isGroup("ff02::1%eth0") && !isGroup("10.0.0.1"));
 * ```
 */
export function isGroup(hostname: string): boolean {
  const ipv4 = parseIPv4(hostname);
  if (ipv4 !== undefined) return ipv4[0] >> 4 === 14;
  return parseIPv6(hostname.split("%")[0])?.[0] === 0xff;
}

/** IPv4 or IPv6. */
export type Family = "ipv4" | "ipv6";

/**
 * The family of a host that is written as an IP address, right or wrong; undefined for a name. No name has a colon, and the
 * last label of a name is not a number.
 *
 * Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
 *
 * @param hostname without brackets
 */
export function ipFamily(hostname: string): Family | undefined {
  if (hostname.includes(":")) return "ipv6";
  return /(?:^|\.)[0-9]+$/.test(hostname) ? "ipv4" : undefined;
}

/**
 * Reads an IPv4 address: four decimal numbers without leading zeros.
 *
 * @returns 4 bytes; undefined for anything else
 */
export function parseIPv4(text: string): Uint8Array<ArrayBuffer> | undefined {
  const parts = text.split(".", 5);
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

/** Writes an IPv4 address. */
export function formatIPv4(bytes: Uint8Array): string {
  return bytes.join(".");
}

/**
 * Reads an IPv6 address in any of the forms of RFC 4291, without a scope.
 *
 * @returns 16 bytes; undefined for anything else
 */
export function parseIPv6(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupBytes(halves[0], halves.length === 1);
  if (halves.length === 1) return head?.length === 16 ? Uint8Array.from(head) : undefined;
  const tail = groupBytes(halves[1], true);
  // `::` stands for at least one group.
  if (head === undefined || tail === undefined || head.length + tail.length > 14) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function groupBytes(text: string, atEnd: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (text === "") return bytes;
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const ipv4 = atEnd && i === groups.length - 1 ? parseIPv4(group) : undefined;
    if (ipv4 === undefined) return undefined;
    bytes.push(...ipv4);
  }
  return bytes;
}

/** Writes an IPv6 address as RFC 5952 defines: small letters, the longest run of zeros as `::`. */
export function formatIPv6(bytes: Uint8Array): string {
  if (isMappedIPv4(bytes)) return `::ffff:${formatIPv4(bytes.subarray(12, 16))}`;
  const groups = Array.from({ length: 8 }, (_, i) => bytes[2 * i] << 8 | bytes[2 * i + 1]);
  let start = 0, length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** Whether the 16 bytes at `start` are an IPv4-mapped IPv6 address, ::ffff:0:0/96. Allocates nothing. */
export function isMappedIPv4(bytes: Uint8Array, start = 0): boolean {
  for (let i = 0; i < 10; i++) if (bytes[start + i] !== 0) return false;
  return bytes[start + 10] === 0xff && bytes[start + 11] === 0xff;
}
