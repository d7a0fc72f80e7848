import { expects, refinement, toggle, z } from "../../base/schema.ts";

/**
 * What can be configured about STAMP: fields of the server that reflects, and of the client that sends.
 *
 * @module
 */

/** A reflector in place of a server. */
export const stampReflector = z.strictObject({
  stateless: toggle(
    "Send back the numbers of packets, rather than count for each session; then it is unknown in which " +
      "direction packets were lost.",
  ),
}, expects("an object such as {} or {stateless: true}")).optional().describe(
  "Be a reflector of STAMP (RFC 8762) and TWAMP Light in place of a server of this program's own flows, for senders such " +
    "as routers; the usual port is 862. hmac is false where it is left out.",
);

/** A reflector has one worker, and no flows to limit. */
export const reflectorFits = refinement<
  { stamp?: unknown; workers?: number; maxRate?: unknown; maxDuration?: number; maxFlows?: number }
>(({ stamp, workers = 1, maxRate, maxDuration, maxFlows }) => {
  if (stamp === undefined) return undefined;
  if (workers > 1) return "a reflector of STAMP has one worker";
  if ((maxRate ?? maxDuration ?? maxFlows) === undefined) return undefined;
  return "a reflector of STAMP has no flows to limit: leave maxRate, maxDuration and maxFlows out";
}, "stamp");

const MAX_SSID = 0xffff;
const AN_SSID = `a whole number of 0 to ${MAX_SSID}`;

/** A sender in place of a client. */
export const stampSender = z.strictObject({
  ssid: z.int(expects(AN_SSID)).min(0, expects(AN_SSID)).max(MAX_SSID, expects(AN_SSID)).optional().describe(
    "The identifier of the session, RFC 8972: sessions from one address and port differ by it; left out: it has no identifier.",
  ),
  timestamps: z.enum(["ntp", "ptp"], expects("ntp or ptp")).optional().meta({
    description: "The format of times in packets: that of NTP (RFC 5905) or that of PTP (IEEE 1588).",
    default: "ntp",
  }),
}, expects("an object such as {} or {ssid: 1, timestamps: ptp}")).optional().describe(
  "Be a session-sender of STAMP (RFC 8762) for a reflector of that or of TWAMP Light, such as a router, in place of " +
    "a client of a server of this program; the usual port is 862. All packets come back. hmac is false where it is left " +
    "out; with it, packets are those of the authenticated mode.",
);

/** A session of STAMP has one sender, and nothing that a reflector cannot do. */
export const stampFits = refinement<
  {
    stamp?: unknown;
    sender: readonly {
      readonly unresponsive?: { readonly reverse?: boolean; readonly gso?: boolean };
      readonly requestResponse?: unknown;
    }[];
  }
>(({ stamp, sender: [sender, ...others] }) => {
  if (stamp === undefined) return undefined;
  const { unresponsive } = sender ?? {};
  if (others.length > 0 || unresponsive === undefined) return "expected one sender, and that unresponsive";
  if (unresponsive.reverse) return "a reflector sends nothing but replies: expected a sender without reverse";
  return unresponsive.gso ? "each packet has its own time: expected a sender without gso" : undefined;
}, "stamp");
