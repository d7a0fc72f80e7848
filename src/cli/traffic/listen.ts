import { formatHostPort, type HostPort, ipFamily, isGroup } from "../../base/address.ts";
import { MAX_SERVER_FLOWS, MAX_SERVER_WORKERS } from "../../base/limits.ts";
import { parseRate, type Rate } from "../../base/units.ts";
import type { FlowServer } from "../../flow/flows.ts";
import { parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import { duration, type Flag, flag, integer, list, section } from "../flags.ts";
import { escape } from "../terminal.ts";

/** What a flow of a server by hand may have, and how many flows. */
export const limitFlags = section("Limits (default: none)", {
  maxRate: bitRate({ help: "hold TCP flows to this rate in each direction, and refuse UDP flows that want more" }),
  maxDuration: duration({ min: 1, help: "end flows after this time, and refuse those that want more" }),
  maxFlows: integer({
    min: 1,
    max: MAX_SERVER_FLOWS,
    help: "serve this many flows at the same time, and refuse further ones",
  }),
});

/** How a server by hand runs, and what it shows of itself. */
export const operationFlags = {
  oneOff: flag({ help: "serve one client, and exit when its flows are over" }),
  stats: duration({
    min: 100,
    max: 24 * 3_600_000,
    bare: 10_000,
    help: "print what was served until now this often, without a time every 10s; at SIGUSR2 in any case",
  }),
  metrics: address({ help: "serve metrics for Prometheus there, by HTTP at /metrics" }),
};

/** Declares an address to listen at: `--metrics HOST:PORT`. */
function address({ help }: { readonly help: string }): Flag<HostPort | undefined> {
  return {
    value: "HOST:PORT",
    help,
    read(given, name) {
      const text = given.at(-1);
      return text === undefined ? undefined : parseAddress(text, name);
    },
  };
}

/** Declares a rate in bits per second: `--max-rate RATE`. */
function bitRate({ help }: { readonly help: string }): Flag<Rate | undefined> {
  return {
    value: "RATE",
    help,
    read(given, name) {
      const text = given.at(-1);
      if (text === undefined) return undefined;
      const rate = parseRate(text);
      if (typeof rate === "object" && "bitsPerSecond" in rate) return rate;
      throw new UsageError(`${name} RATE: expected a rate such as 10Mbps, not "${escape(text)}"`);
    },
  };
}

/** Declares where servers listen: `--listen HOST:PORT`, once for each address. */
export function listen(byDefault: string): Flag<string[]> {
  const addresses = list({
    value: "HOST:PORT",
    help: "where to listen; port 0: any that is free; again for one more address",
  });
  return {
    ...addresses,
    defaultText: byDefault,
    read: (given, name) => given.length === 0 ? [byDefault] : addresses.read(given, name),
  };
}

/** Declares in how many threads servers serve: `--workers COUNT`. */
export const workers = integer({
  value: "COUNT",
  min: 1,
  max: MAX_SERVER_WORKERS,
  default: 1,
  help: "how many threads serve, each flow in one of them; more than one where one core is too few",
});

/** An address to listen on. */
export interface ListenAddress {
  /** As servers take it: `HOST:PORT`. */
  readonly listenAddr: string;
  /** It leaves IPv4 to the other addresses. */
  readonly ipv6Only: boolean;
}

/**
 * Reads where servers listen. `[::]` stands for all addresses of IPv4 as well, unless an address of IPv4 is given too.
 *
 * @param given what stands behind `--listen`
 * @throws {UsageError}
 */
export function listenAddresses(
  given: readonly string[],
): { readonly hostnames: readonly string[]; readonly listening: readonly ListenAddress[] } {
  const addresses = given.map((text) => parseAddress(text, "--listen"));
  const hostnames = addresses.map(({ hostname }) => hostname);
  const group = hostnames.find(isGroup);
  if (group !== undefined) {
    throw new UsageError(`--listen HOST:PORT: ${group} is a group of multicast: tine udp server --join ${group}`);
  }
  const ipv6Only = hostnames.some((hostname) => ipFamily(hostname) === "ipv4");
  const listening = addresses.map((address) => ({
    listenAddr: formatHostPort(address),
    ipv6Only: ipv6Only && ipFamily(address.hostname) === "ipv6",
  }));
  return { hostnames, listening };
}

/**
 * Starts servers one after another; if one cannot start, those before it end.
 *
 * @throws what that one failed with
 */
export async function startAll(starts: readonly (() => Promise<FlowServer>)[]): Promise<FlowServer[]> {
  await using started = new AsyncDisposableStack();
  const servers: FlowServer[] = [];
  for (const start of starts) servers.push(started.use(await start()));
  started.move();
  return servers;
}

/** The number of ports of the kernel's choice that are tried. */
const PORT_TRIES = 8;

/**
 * Starts servers of UDP, and of TCP at the same addresses. A port that the kernel has chosen for UDP may be one that TCP has in
 * use, for a connection that has ended a moment ago too: then another one is tried.
 *
 * @param given the addresses
 * @param start `packets` starts the servers of UDP, `streams` those of TCP at the addresses of these
 * @returns the servers; the error: why there are none of TCP
 * @throws what those of UDP failed with
 */
export async function startPairs(
  given: readonly ListenAddress[],
  start: {
    packets(): Promise<FlowServer[]>;
    streams(packets: readonly FlowServer[]): Promise<FlowServer[]>;
  },
): Promise<{ readonly servers: readonly FlowServer[]; readonly error?: unknown }> {
  const isChosen = given.some(({ listenAddr }) => parseAddress(listenAddr, "--listen").port === 0);
  for (let tries = 1;; tries++) {
    const packets = await start.packets();
    try {
      return { servers: [...packets, ...await start.streams(packets)] };
    } catch (error) {
      if (!isChosen || tries === PORT_TRIES) return { servers: packets, error };
      for (const server of packets) await server[Symbol.asyncDispose]();
    }
  }
}
