import { messageOf, TineError } from "../../base/errors.ts";
import { ipFamily } from "../../base/ip_address.ts";

/** Codes, by the name of Deno's error; the same as for raw sockets. */
const codes: Readonly<Record<string, string>> = {
  ConnectionRefused: "connection-refused",
  ConnectionReset: "connection-reset",
  ConnectionAborted: "connection-reset",
  BrokenPipe: "connection-reset",
  NetworkUnreachable: "unreachable",
  TimedOut: "connection-timeout",
};

/** Deno has no class for this one. */
const UNREACHABLE = /unreachable|no route to host/i;

/**
 * An error of Deno's network API in the words of its user; ours as they are.
 *
 * @param what the text in front of the reason
 */
export function networkError(error: unknown, what: string): TineError {
  if (error instanceof TineError) return error;
  const reason = messageOf(error);
  const code = codes[(error as Error).name] ?? (UNREACHABLE.test(reason) ? "unreachable" : "network-failed");
  return new TineError(code, `${what}: ${reason}`, { cause: error });
}

/**
 * Checks that an IP address is of the protocol's family. Which family a name has is left to the system: Deno's API
 * takes no wish.
 *
 * @param protocol e.g. `tcp4`
 * @throws {TineError} `invalid-address`
 */
export function checkFamily(host: string, protocol = ""): void {
  const wanted = protocol.endsWith("4") ? "IPv4" : protocol.endsWith("6") ? "IPv6" : undefined;
  const family = ipFamily(host);
  if (wanted === undefined || family === undefined || wanted.toLowerCase() === family) return;
  throw new TineError("invalid-address", `${host} is not an ${wanted} address`);
}
