import { needsZone } from "../../../sys/address.ts";
import { parseIPv4, parseIPv6 } from "../../../sys/ip_text.ts";

const MOST_PORT = 65_535;

/**
 * What is wrong with an address that has the form of one.
 *
 * @param text `HOST:PORT`, `[IPv6]:PORT`, `:PORT`
 * @param protocol such as `tcp6`: the addresses that it takes
 * @param dialled it is that of a server, for a client
 * @returns undefined: nothing
 */
export function addressProblem(text: string, protocol: string | undefined, dialled: boolean): string | undefined {
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  if (port > MOST_PORT) return `has the port ${port}, expected at most ${MOST_PORT}`;
  if (dialled && port === 0) return "has the port 0, which no client can dial";
  const host = text.slice(0, colon);
  if (dialled && host === "") return "has no host, which a client needs";
  const isIPv6 = host.startsWith("[");
  const [ip, zone] = host.replace(/^\[|\]$/g, "").split("%");
  // No name of a host ends in a number.
  const isIPv4 = !isIPv6 && /(?:^|\.)\d+$/.test(host);
  const ipv6 = isIPv6 ? parseIPv6(ip) : undefined;
  if (isIPv6 ? ipv6 === undefined : isIPv4 && parseIPv4(host) === undefined) return `has ${ip}, which is no IP address`;
  if (ipv6 !== undefined && zone === undefined && needsZone(ipv6)) {
    return `has a link-local address without its interface, expected e.g. [${ip}%eth0]:${port}`;
  }
  if (isIPv6 && protocol?.endsWith("4")) return `has an IPv6 address, but protocol is ${protocol}`;
  if (isIPv4 && protocol?.endsWith("6")) return `has an IPv4 address, but protocol is ${protocol}`;
}
