import { type Family, formatHostPort, isGroup, MAX_PORT, parseIPv4, parseIPv6 } from "../../base/address.ts";
import { TineError } from "../../base/errors.ts";
import { needsZone } from "../../sys/address.ts";

/** What a receiver of multicast joins. */
export interface Join {
  /** The group: an IPv4 or IPv6 address. */
  readonly group: string;
  readonly family: Family;
  /** The only address whose packets are wanted (SSM, RFC 4607); undefined: packets of any address. */
  readonly source?: string;
  /** The interface, by name or index; undefined: the route decides. */
  readonly device?: string;
  readonly port: number;
}

/** What stands for a join in help and messages. */
export const JOIN_FORM = "[SOURCE@]GROUP[%IF][:PORT]";

/** The default port: that of servers of UDP flows. */
const DEFAULT_PORT = 7001;

const EXAMPLES = "239.1.2.3, 239.1.2.3%eth0:7001, 10.0.0.1@232.1.2.3 or [ff15::1%eth0]:7001";
const IPV6 = "[\\dA-Fa-f.]*:[\\dA-Fa-f:.]*";
const DEVICE = "(?:%([^\\s%/:[\\]@]{1,15}))?";
const PORT = "(?::(\\d{1,5}))?";
const FORMS: readonly RegExp[] = [
  new RegExp(`^(?:([\\d.]+)@)?([\\d.]+)${DEVICE}${PORT}$`),
  new RegExp(`^(?:\\[?(${IPV6})\\]?@)?\\[(${IPV6})${DEVICE}\\]${PORT}$`),
  new RegExp(`^(?:\\[?(${IPV6})\\]?@)?(${IPV6})${DEVICE}$`),
];

/**
 * Reads what a receiver joins: `239.1.2.3`, `239.1.2.3%eth0:7001`, `10.0.0.1@232.1.2.3`, `[ff15::1%eth0]:7001`.
 *
 * @throws {TineError} `invalid-join`
 *
 * @example
 * ```ts
 * import { parseJoin } from "./join.ts";
 * const { group, source, device, port } = parseJoin("10.0.0.1@232.1.2.3%eth0:7002");
 * console.assert(group === "232.1.2.3" && source === "10.0.0.1" && device === "eth0" && port === 7002);
 * ```
 */
export function parseJoin(text: string): Join {
  for (const form of FORMS) {
    const match = form.exec(text);
    if (match === null) continue;
    const [, source, group, device, digits = String(DEFAULT_PORT)] = match;
    const port = Number(digits);
    for (const ip of source === undefined ? [group] : [source, group]) {
      if (parseIPv4(ip) === undefined && parseIPv6(ip) === undefined) {
        throw invalid(text, `has ${ip}, which is no IP address`);
      }
    }
    if (!isGroup(group)) {
      throw invalid(text, `has the address ${group}, expected a group: 224.0.0.0 to 239.255.255.255, or ff00::/8`);
    }
    if (source !== undefined && isGroup(source)) throw invalid(text, `has the group ${source} as its source`);
    if (port < 1 || port > MAX_PORT) throw invalid(text, `has the port ${port}, expected 1 to ${MAX_PORT}`);
    const ipv6 = parseIPv6(group);
    if (ipv6 !== undefined && needsZone(ipv6) && device === undefined) {
      throw invalid(text, `has a group of the link without its interface, expected e.g. ${group}%eth0`);
    }
    return { group, family: ipv6 === undefined ? "ipv4" : "ipv6", source, device, port };
  }
  throw invalid(text, `is not ${JOIN_FORM} such as ${EXAMPLES}`);
}

function invalid(text: string, why: string): TineError {
  return new TineError("invalid-join", `"${text}" ${why}`);
}

/**
 * Returns what is wrong with a join; undefined: nothing.
 *
 * @param protocol such as `udp6`: the addresses that it takes
 */
export function joinProblem(text: string | undefined, protocol: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const { family } = parseJoin(text);
    const isOther = family === "ipv4" ? protocol?.endsWith("6") : protocol?.endsWith("4");
    return isOther
      ? `"${text}" has a group of ${family === "ipv4" ? "IPv4" : "IPv6"}, but protocol is ${protocol}`
      : undefined;
  } catch (error) {
    if (error instanceof TineError) return error.message;
    throw error;
  }
}

/** Returns the group and port of a join, with the interface where the address is incomplete without it. */
export function joinedAddress({ group, family, device, port }: Join): string {
  const ip = family === "ipv6" ? parseIPv6(group) : undefined;
  return formatHostPort({ hostname: ip !== undefined && needsZone(ip) ? `${group}%${device}` : group, port });
}
