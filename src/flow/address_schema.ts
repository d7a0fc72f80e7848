/**
 * The parts of schemas that concern the addresses of flows.
 *
 * @module
 */
import { HOST_PORT_PATTERN, ipFamily, isGroup, MAX_PORT, parseIPv4, parseIPv6 } from "../base/address.ts";
import { expects, pattern, refinement, toggle, z } from "../base/schema.ts";
import { needsZone } from "../sys/address.ts";
import { bindProblem } from "./bind.ts";

/** Addresses that mean all of a machine: no client can dial them. */
const WILDCARD = /^(?:0\.0\.0\.0|\[(?:0{0,4}:){2,7}0{0,4}\]):/;

const feedbackKey = pattern("a key of letters, digits, _, . and - such as server", /^[A-Za-z][\w.-]{0,63}$/);

/** Returns the fields that say where a server listens for flows, with the usual port. */
export function listenFields(flows: string, port: number) {
  return {
    listenAddr: pattern(`an address such as 10.0.0.1:${port} or :0`, HOST_PORT_PATTERN).describe(
      `Where to listen for ${flows}: HOST:PORT. Port 0 is any free port; without a host, it is the loopback.`,
    ),
    listenAddrKey: feedbackKey.optional()
      .describe("The feedback key that gets the bound address, for clients that run later."),
    hmac: toggle("Serve only clients that have the key of the run.", true),
  };
}

/** Returns the fields that say where a client finds its server, with the usual port. */
export function dialFields(port: number) {
  return {
    addr: pattern(`an address such as 10.0.0.1:${port}`, HOST_PORT_PATTERN).optional().describe(
      "The server: HOST:PORT.",
    ),
    addrKey: feedbackKey.optional().describe("The feedback key that has the address of the server, in place of addr."),
    bind: z.string(expects("an address to bind to such as 10.0.0.1%eth0:5000")).optional().describe(
      "Where from: source address, interface and port, each of which may be left out: 10.0.0.1, 10.0.0.1%eth0:5000, " +
        "%eth0, :5000, [fe80::1%eth0]:5000.",
    ),
    hmac: toggle("Prove to the server that this client has the key of the run; as the server has it.", true),
  };
}

/** The address to listen at can be one. */
export const listenAddrFits = refinement<{ listenAddr?: string; protocol?: string }>(
  ({ listenAddr, protocol }) => listenAddr === undefined ? undefined : addressProblem(listenAddr, protocol, false),
  "listenAddr",
);

/** The address to dial can be one. */
export const dialledAddrFits = refinement<{ addr?: string; protocol?: string }>(
  ({ addr, protocol }) => addr === undefined ? undefined : addressProblem(addr, protocol, true),
  "addr",
);

/** What a client is bound to can be that. */
export const bindFits = refinement<{ bind?: string; protocol?: string }>(
  ({ bind, protocol }) => bindProblem(bind, protocol),
  "bind",
);

/** Clients cannot dial a wildcard address, so they cannot get one by a feedback key. */
export const canBeDialled = [
  ({ listenAddr, listenAddrKey }: { listenAddr?: string; listenAddrKey?: string }) =>
    listenAddrKey === undefined || listenAddr === undefined || !WILDCARD.test(listenAddr),
  "listens on a wildcard address, which no client can dial; with listenAddrKey, name the address to dial",
] as const;

/** A client gets its address in one way. */
export const oneAddress = [
  ({ addr, addrKey }: { addr?: string; addrKey?: string }) => (addr === undefined) !== (addrKey === undefined),
  "expected exactly one of addr and addrKey",
] as const;

/**
 * Returns what is wrong with an address that has the form of one; undefined: nothing.
 *
 * @param text `HOST:PORT`, `[IPv6]:PORT`, `:PORT`
 * @param protocol such as `tcp6`: the addresses that it takes
 * @param dialled whether it is the address of a server, for a client
 */
export function addressProblem(text: string, protocol: string | undefined, dialled: boolean): string | undefined {
  const match = HOST_PORT_PATTERN.exec(text);
  if (match === null) return undefined; // The pattern of the schema reports it.
  const [, bracketed, name, digits] = match;
  const port = Number(digits);
  if (port > MAX_PORT) return `has the port ${port}, expected at most ${MAX_PORT}`;
  if (dialled && port === 0) return "has the port 0, which no client can dial";
  if (dialled && name === "") return "has no host, which a client needs";
  const isIPv6 = bracketed !== undefined;
  const [ip, zone] = (bracketed ?? name).split("%");
  const isIPv4 = !isIPv6 && ipFamily(name) === "ipv4";
  const ipv6 = isIPv6 ? parseIPv6(ip) : undefined;
  if (isIPv6 ? ipv6 === undefined : isIPv4 && parseIPv4(name) === undefined) return `has ${ip}, which is no IP address`;
  if (ipv6 !== undefined && zone === undefined && needsZone(ipv6)) {
    return `has a link-local address without its interface, expected e.g. [${ip}%eth0]:${port}`;
  }
  if (isGroup(ip) && !dialled) return `has the group ${ip}, on which no server listens: packetServer can join it`;
  if (isIPv6 && protocol?.endsWith("4")) return `has an IPv6 address, but protocol is ${protocol}`;
  if (isIPv4 && protocol?.endsWith("6")) return `has an IPv4 address, but protocol is ${protocol}`;
}
