import { HOST_PORT_PATTERN, isGroup } from "../../base/address.ts";
import { expects, refinement, z } from "../../base/schema.ts";
import { MAX_GROUP_SENDERS } from "./group_packets.ts";
import { JOIN_FORM, joinProblem } from "./join.ts";

/**
 * What can be configured about flows to groups of multicast: fields of the client that sends, and of the server that
 * receives.
 *
 * @module
 */

const A_TTL = "a whole number of 0 to 255";

/** The fields of a client that only a group has. */
export const groupFields = {
  ttl: z.int(expects(A_TTL)).min(0, expects(A_TTL)).max(255, expects(A_TTL)).optional().meta({
    description:
      "Of a flow to a group: TTL of its packets, or hop limit of IPv6. 1 stays on the link, 0 on the machine.",
    default: 1,
  }),
  interface: z.string(expects("an interface such as eth0")).regex(
    /^[^\s%/:[\]]{1,15}$/,
    "expected an interface such as eth0",
  )
    .optional().describe("Of a flow to a group: interface that its packets leave by; left out: the route decides."),
  loop: z.boolean(expects("true or false")).optional().meta({
    description: "Of a flow to a group: receivers on the sender's own machine, in its network namespace, get it too.",
    default: true,
  }),
};

/** What a server joins in place of listening for clients. */
export const join = z.string(expects("a group such as 239.1.2.3%eth0:7001")).optional().describe(
  `In place of listenAddr: receive what clients send to a group of multicast, ${JOIN_FORM}: 239.1.2.3, ` +
    "239.1.2.3%eth0:7001, 10.0.0.1@232.1.2.3 for what one source sends there, [ff15::1%eth0]:7001. The port is 7001 where none is given.",
);

/** Returns why a server cannot be, as far as groups are concerned; undefined: it can. */
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

/** A client, as far as it matters here. */
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

/** Returns why a client cannot be, as far as groups are concerned; undefined: it can. */
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

/** Only packets go to groups. */
export const isNoGroup = refinement<{ addr?: string }>(
  ({ addr }) =>
    addr !== undefined && isGroup(hostOf(addr) ?? "")
      ? "is a group of multicast, to which only packetClient sends"
      : undefined,
  "addr",
);

/** The host of an address; undefined for what is none, which another check reports. */
function hostOf(addr: string): string | undefined {
  const [, ipv6, name] = HOST_PORT_PATTERN.exec(addr) ?? [];
  return ipv6 ?? name;
}
