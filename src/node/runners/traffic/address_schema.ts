import type { ZodType } from "zod";
import { FLOW_ID, type SocketOption, type StreamSocketOption } from "../../../flow/config.ts";
import type { Vocabulary } from "../../runner.ts";
import { needsZone } from "../../../sys/address.ts";
import { HOST_PORT_PATTERN, MAX_PORT } from "../../../base/address.ts";
import { ipFamily, parseIPv4, parseIPv6 } from "../../../base/ip_address.ts";

/** Addresses that mean all of a machine: no client can dial them. */
const WILDCARD = /^(?:0\.0\.0\.0|\[(?:0{0,4}:){2,7}0{0,4}\]):/;

/** The members of a server's configuration that say where it listens. */
export function listenMembers({ z, pattern, expects }: Vocabulary, what: string, port: number) {
  return {
    listenAddr: pattern(`an address such as 10.0.0.1:${port} or :0`, HOST_PORT_PATTERN).describe(
      `Where to listen for ${what}: HOST:PORT; port 0: any that is free; without a host: on the loopback only.`,
    ),
    listenAddrKey: feedbackKey({ pattern } as Vocabulary).optional()
      .describe("The feedback key that gets the address, for clients that run later."),
    hmac: z.boolean(expects("true or false")).optional().describe(
      "Serve only clients with the key of this run; default true.",
    ),
  };
}

/** What is wrong with where a server listens. */
export const listenAddrFits: Refinement<{ listenAddr: string; protocol?: string }> = refinement(
  ({ listenAddr, protocol }) => addressProblem(listenAddr, protocol, false),
  "listenAddr",
);

/** Wildcard addresses cannot be dialled, so they cannot be handed to clients. */
export function checkListen({ listenAddr, listenAddrKey }: { listenAddr: string; listenAddrKey?: string }): boolean {
  return listenAddrKey === undefined || !WILDCARD.test(listenAddr);
}

/** What to say where {@linkcode checkListen} says no. */
export const WILDCARD_UNDER_KEY =
  "listens on a wildcard address, which no client can dial; with listenAddrKey, name the address to dial";

/** The members of a client's configuration that say where the server is. */
export function dialMembers({ z, pattern, expects }: Vocabulary, port: number) {
  return {
    addr: pattern(`an address such as 10.0.0.1:${port}`, HOST_PORT_PATTERN).optional().describe(
      "The server: HOST:PORT.",
    ),
    addrKey: feedbackKey({ pattern } as Vocabulary).optional()
      .describe("The feedback key that has the address of the server, in place of addr."),
    hmac: z.boolean(expects("true or false")).optional()
      .describe("Prove to the server that this client belongs to the run, as the server wants it; default true."),
  };
}

/** What is wrong with what a client dials. */
export const addrFits: Refinement<{ addr?: string; protocol?: string }> = refinement(
  ({ addr, protocol }) => addr === undefined ? undefined : addressProblem(addr, protocol, true),
  "addr",
);

/** A client needs exactly one way to find its server. */
export function checkDial({ addr, addrKey }: { addr?: string; addrKey?: string }): boolean {
  return (addr === undefined) !== (addrKey === undefined);
}

/** What to say where {@linkcode checkDial} says no. */
export const ONE_ADDRESS = "expected exactly one of addr and addrKey";

/** The id of a flow. */
export function flowId({ pattern }: Vocabulary): ZodType<string, string> {
  return pattern("a flow id such as bulk.1", FLOW_ID).describe("Names the flow in results; unique in a test.");
}

/** Bytes 0 to 63 of the IP header's traffic class. */
export function dscp({ z, expects }: Vocabulary): ZodType<number, number> {
  const text = "a whole number of 0 to 63, such as 46 for expedited forwarding";
  return z.int(expects(text)).min(0, expects(text)).max(63, expects(text))
    .describe("Differentiated services code point, 0 to 63.");
}

/** Options of a socket by their numbers. */
export function socketOptions(vocabulary: Vocabulary): ZodType<readonly SocketOption[], readonly SocketOption[]> {
  const { z, expects } = vocabulary;
  const option = z.strictObject(optionMembers(vocabulary), expects(AN_OPTION)).refine(...valueFits);
  return z.array(option, expects("a list of options")).describe(OPTIONS);
}

/** Options of the sockets at both ends of a TCP flow. */
export function streamSocketOptions(
  vocabulary: Vocabulary,
): ZodType<readonly StreamSocketOption[], readonly StreamSocketOption[]> {
  const { z, expects } = vocabulary;
  const side = z.enum(["client", "server", "both"], expects("client, server or both")).optional()
    .describe("At which end it is set; left out: at that of the sender. A server takes few from its clients.");
  const option = z.strictObject({ ...optionMembers(vocabulary), side }, expects(AN_OPTION)).refine(...valueFits);
  return z.array(option, expects("a list of options")).describe(OPTIONS);
}

const AN_OPTION = "an object such as {type: int, level: 1, opt: 12, name: SO_PRIORITY, value: 6}";
const OPTIONS = "Options of the socket that have no name here.";

function optionMembers({ z, expects }: Vocabulary) {
  const number = expects("a whole number");
  return {
    type: z.enum(["string", "int", "byte"], expects("string, int or byte")).describe("The type of the value."),
    level: z.int(number).describe("As in C: 1 is SOL_SOCKET, 6 IPPROTO_TCP, 0 IPPROTO_IP, 41 IPPROTO_IPV6."),
    opt: z.int(number).describe("The option's number."),
    name: z.string(expects("a text, in quotes")).describe("Its name, for messages."),
    value: z.union([z.string(), z.int()], expects("a text or a whole number")).describe("What it is set to."),
  };
}

const valueFits = [
  ({ type, value }: SocketOption) => (typeof value === "string") === (type === "string"),
  "has a value that is not of its type",
] as const;

function feedbackKey({ pattern }: Vocabulary): ReturnType<Vocabulary["pattern"]> {
  return pattern("a key of letters, digits, _, . and - such as server", /^[A-Za-z][\w.-]{0,63}$/);
}

/**
 * What is wrong with an address that has the form of one.
 *
 * @param text `HOST:PORT`, `[IPv6]:PORT`, `:PORT`
 * @param protocol such as `tcp6`: the addresses that it takes
 * @param dialled it is that of a server, for a client
 * @returns undefined: nothing
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
  if (isIPv6 && protocol?.endsWith("4")) return `has an IPv6 address, but protocol is ${protocol}`;
  if (isIPv4 && protocol?.endsWith("6")) return `has an IPv4 address, but protocol is ${protocol}`;
}

/** What goes behind a schema's `refine(`: whether a value fits, and what to say if it does not. */
export type Refinement<T> = [
  fits: (value: T) => boolean,
  options: { path: string[]; error: (issue: { input?: unknown }) => string | undefined },
];

/**
 * A refinement that says what it found.
 *
 * @param problem what is wrong with a value; undefined: nothing
 * @param path the member to blame
 */
export function refinement<T>(problem: (value: T) => string | undefined, ...path: string[]): Refinement<T> {
  return [
    (value) => problem(value) === undefined,
    { path, error: ({ input }) => problem(input as T) },
  ];
}
