/**
 * Conflicts in the configuration of flows to multicast groups, without a schema library: flows check them as well.
 *
 * @module
 */
import { HOST_PORT_PATTERN, isGroup } from "../../base/address.ts";
import { MAX_GROUP_SENDERS } from "./group_packets.ts";
import { joinProblem } from "./join.ts";

/** Returns the conflict in a server's configuration that concerns groups; undefined without one. */
export function listenConflict(
  { listenAddr, listenAddrKey, join, protocol, stamp, workers = 1, ...limits }: {
    readonly listenAddr?: string;
    readonly listenAddrKey?: string;
    readonly join?: string;
    readonly protocol?: string;
    readonly stamp?: unknown;
    readonly workers?: number;
    readonly maxRate?: unknown;
    readonly maxDuration?: number;
    readonly maxFlows?: number;
  },
): string | undefined {
  if ((listenAddr === undefined) === (join === undefined)) return "expected exactly one of listenAddr and join";
  if (join !== undefined && listenAddrKey !== undefined) {
    return "has join and listenAddrKey: clients send to the group itself; leave listenAddrKey out";
  }
  if (join !== undefined && stamp !== undefined) {
    return "has join and stamp: a reflector listens; leave one of them out";
  }
  if (join !== undefined && workers > 1) return `has ${workers} workers, but a receiver of multicast has one`;
  const { maxRate, maxDuration, maxFlows } = limits;
  const limit = Object.entries({ maxRate, maxDuration, maxFlows }).find(([, value]) => value !== undefined);
  if (join !== undefined && limit !== undefined) return `has join and ${limit[0]}: a receiver cannot limit who sends`;
  return joinProblem(join, protocol);
}

/** The fields of a client that matter here. */
interface Client {
  readonly addr?: string;
  readonly ttl?: number;
  readonly interface?: string;
  readonly loop?: boolean;
  readonly warmup?: number;
  readonly stamp?: unknown;
  readonly sender: readonly {
    readonly unresponsive?: { readonly echo?: boolean; readonly reverse?: boolean };
    readonly requestResponse?: unknown;
  }[];
}

/** Returns the conflict in a client's configuration that concerns groups; undefined without one. */
export function groupConflict(client: Client): string | undefined {
  const { addr, ttl, interface: device, loop, warmup, sender } = client;
  const host = addr === undefined ? undefined : hostOf(addr);
  if (host === undefined || !isGroup(host)) {
    const [given] = Object.entries({ ttl, interface: device, loop }).find(([, value]) => value !== undefined) ?? [];
    const hint = given === "interface" ? "; for a server, bind has the interface" : "";
    return given && `is no group, but ${given} is for groups of multicast such as 239.1.2.3${hint}`;
  }
  if (client.stamp !== undefined) return `is the group ${host}, which reflects nothing; stamp needs a reflector`;
  if (sender.some(({ requestResponse }) => requestResponse !== undefined)) {
    return `is the group ${host}, which answers no requests; requestResponse needs a server`;
  }
  if (sender.some(({ unresponsive }) => unresponsive?.echo)) {
    return `is the group ${host}, whose receivers send no echoes: each would answer each packet; echo needs a server`;
  }
  if (sender.some(({ unresponsive }) => unresponsive?.reverse)) {
    return `is the group ${host}, whose receivers send nothing; reverse needs a server`;
  }
  const most = warmup ? MAX_GROUP_SENDERS / 2 : MAX_GROUP_SENDERS;
  if (sender.length > most) return `is the group ${host}, with ${sender.length} senders, expected at most ${most}`;
}

/** The host of an address; undefined for other text, which another check reports. */
export function hostOf(addr: string): string | undefined {
  const [, ipv6, name] = HOST_PORT_PATTERN.exec(addr) ?? [];
  return ipv6 ?? name;
}
