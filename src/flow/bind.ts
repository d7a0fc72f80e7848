import { type Family, MAX_PORT, parseIPv4, parseIPv6 } from "../base/address.ts";
import { TineError } from "../base/errors.ts";
import { needsZone } from "../sys/address.ts";

/** Where a client's socket is bound before it connects. */
export interface Bind {
  /** The source address; undefined: the route decides. */
  readonly host?: string;
  /** Its family; undefined without an address. */
  readonly family?: Family;
  /** The interface that all packets go through, by name or index; undefined: the route decides. */
  readonly device?: string;
  /** The source port; 0: the kernel chooses. */
  readonly port: number;
}

/** What stands for a bind in help and messages. */
export const BIND_FORM = "ADDR[%IF][:PORT]";

const DEVICE = "(?:%([^\\s%/:[\\]]{1,15}))?";
const PORT = "(?::(\\d{1,5}))?";
/** `ADDR`, `%IF` and `:PORT` in this order, each of which may be left out, but not all; IPv6 with a port in brackets. */
const FORMS: readonly RegExp[] = [
  new RegExp(`^([\\d.]*)${DEVICE}${PORT}$`),
  new RegExp(`^\\[([\\dA-Fa-f.]*:[\\dA-Fa-f:.]*)${DEVICE}\\]${PORT}$`),
  new RegExp(`^([\\dA-Fa-f.]*:[\\dA-Fa-f.]*:[\\dA-Fa-f:.]*)${DEVICE}$`),
];

/**
 * Reads where a client is to be bound: `10.0.0.1`, `10.0.0.1%eth0:5000`, `%eth0`, `:5000`, `[fe80::1%eth0]:5000`.
 *
 * @throws {TineError} `invalid-bind`
 *
 * @example
 * ```ts
 * import { parseBind } from "./bind.ts";
 * const { host, device, port } = parseBind("10.0.0.1%eth0:5000");
 * console.assert(host === "10.0.0.1" && device === "eth0" && port === 5000);
 * ```
 */
export function parseBind(text: string): Bind {
  for (const form of FORMS) {
    const [matched, host = "", device, digits = "0"] = form.exec(text) ?? [];
    if (!matched) continue;
    const port = Number(digits);
    if (port > MAX_PORT) throw invalid(text, `has the port ${port}, expected at most ${MAX_PORT}`);
    if (host === "") {
      if (device === undefined && port === 0) break;
      return { device, port };
    }
    const ipv6 = parseIPv6(host);
    if (ipv6 === undefined && parseIPv4(host) === undefined) break;
    if (ipv6 !== undefined && needsZone(ipv6) && device === undefined) {
      throw invalid(text, `has a link-local address without its interface, expected e.g. ${host}%eth0`);
    }
    return { host, family: ipv6 === undefined ? "ipv4" : "ipv6", device, port };
  }
  throw invalid(text, `is not ${BIND_FORM} such as 10.0.0.1, 10.0.0.1%eth0:5000, %eth0, :5000 or [fe80::1%eth0]:5000`);
}

function invalid(text: string, why: string): TineError {
  return new TineError("invalid-bind", `"${text}" ${why}`);
}

/**
 * Returns what is wrong with a bind; undefined: nothing.
 *
 * @param protocol such as `tcp6`: the addresses that it takes
 */
export function bindProblem(text: string | undefined, protocol: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const { family } = parseBind(text);
    const isOther = family === "ipv4" ? protocol?.endsWith("6") : family === "ipv6" && protocol?.endsWith("4");
    return isOther ? `"${text}" has an ${nameOf(family!)} address, but protocol is ${protocol}` : undefined;
  } catch (error) {
    if (error instanceof TineError) return error.message;
    throw error;
  }
}

function nameOf(family: Family): string {
  return family === "ipv4" ? "IPv4" : "IPv6";
}

/**
 * Writes the bind of one of several flows: those after the first one have the ports that follow.
 *
 * @param i the number of the flow, from 0
 * @throws {TineError} `invalid-bind`, if there is no such port
 */
export function bindOf(text: string | undefined, i: number): string | undefined {
  if (text === undefined) return undefined;
  const { port } = parseBind(text);
  if (port === 0 || i === 0) return text;
  if (port + i > MAX_PORT) throw invalid(text, `has no port left for flow ${i + 1}: ports go up to ${MAX_PORT}`);
  return text.replace(/\d+$/, String(port + i));
}

/**
 * Writes a bind with another port.
 *
 * @param text undefined: the route decides about the rest
 *
 * @example
 * ```ts
 * import { bindWithPort } from "./bind.ts";
 * console.assert(bindWithPort("fe80::1%eth0", 5000) === "[fe80::1%eth0]:5000" && bindWithPort(undefined, 5000) === ":5000");
 * ```
 */
export function bindWithPort(text: string | undefined, port: number): string {
  const { host = "", device } = text === undefined ? {} : parseBind(text);
  const place = host + (device === undefined ? "" : `%${device}`);
  return host.includes(":") ? `[${place}]:${port}` : `${place}:${port}`;
}
