import { isGroup } from "../../base/address.ts";
import { expects, refinement, z } from "../../base/schema.ts";
import { hostOf } from "./conflicts.ts";
import { JOIN_FORM } from "./join.ts";

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
    "239.1.2.3%eth0:7001, 10.0.0.1@232.1.2.3 for what one source sends there, [ff15::1%eth0]:7001. The default port is 7001.",
);

/** Refuses groups where a flow is not of packets. */
export const isNoGroup = refinement<{ addr?: string }>(
  ({ addr }) =>
    addr !== undefined && isGroup(hostOf(addr) ?? "")
      ? "is a group of multicast, to which only packetClient sends"
      : undefined,
  "addr",
);
