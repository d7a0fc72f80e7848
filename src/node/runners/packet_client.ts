import type { ZodType } from "zod";
import type { PacketClientConfig, UnresponsiveConfig } from "../../flow/config.ts";
import { DEFAULT_MAX_PACKET_BYTES, headerBytes } from "../../flow/packet/header.ts";
import { formatDuration } from "../../base/duration.ts";
import type { Runner, Vocabulary } from "../runner.ts";
import {
  addrFits,
  checkDial,
  dialMembers,
  dscp,
  flowId,
  ONE_ADDRESS,
  type Refinement,
  refinement,
  socketOptions,
} from "./traffic/address_schema.ts";
import { flowOptions, packetSize, serverAddress } from "./traffic/flow_options.ts";

/** Servers serve no flow for longer. */
const MAX_FLOW_MS = 24 * 3_600_000;

/** Runs a UDP flow. */
export const packetClient: Runner<PacketClientConfig, PacketClientConfig<string, string, string>> = {
  schema(vocabulary) {
    const { z, expects } = vocabulary;
    const sender = z.strictObject({
      unresponsive: unresponsiveSchema(vocabulary).optional()
        .describe("Sends on schedule whatever the network does."),
    }, expects("an object such as {unresponsive: {duration: 10s}}")).refine(
      ({ unresponsive }) => unresponsive !== undefined,
      "expected a kind of sender: unresponsive",
    );
    const ecn = "a whole number of 0 to 3: not capable, ECT(1), ECT(0), congestion experienced";
    return z.strictObject({
      ...dialMembers(vocabulary, 7001),
      protocol: z.enum(["udp", "udp4", "udp6"], expects("udp, udp4 or udp6")).optional()
        .describe("UDP over IPv4, IPv6, or (default) what the address says."),
      flow: flowId(vocabulary),
      maxPacketSize: packetSize(vocabulary).optional().describe("The longest packet that is accepted; default 1480B."),
      sender: z.array(sender, expects("a list of senders")).min(1, expects("at least one sender"))
        .max(256, expects("at most 256 senders")).describe("What sends the packets of the flow, at the same time."),
      dscp: dscp(vocabulary).optional(),
      ecn: z.int(expects(ecn)).min(0, expects(ecn)).max(3, expects(ecn)).optional()
        .describe("Explicit congestion notification, 0 to 3."),
      sockopt: socketOptions(vocabulary).optional(),
    }, expects("an object such as {addrKey: server, flow: voip, sender: [{unresponsive: {duration: 10s}}]}"))
      .refine(checkDial, ONE_ADDRESS)
      .refine(...addrFits)
      .refine(...packetsFit)
      .describe("Run a UDP flow, and measure it at both ends. Waits for late replies at the end.");
  },
  needs: ({ addr, addrKey, hmac = true, flow, sender }) => ({
    uses: addrKey === undefined ? [] : [addrKey],
    flow,
    dials: { protocol: "UDP", addr, addrKey, hmac, packetBytes: lengthsOf(sender, hmac).longest },
    atLeast: Math.max(...sender.map(({ unresponsive }) => unresponsive?.duration ?? 0)),
  }),
  title({ flow, sender }) {
    const longest = Math.max(...sender.map(({ unresponsive }) => unresponsive?.duration ?? 0));
    return `${flow} ${formatDuration(longest)}`;
  },
  async run(config, context) {
    const flows = await context.flows();
    await flows.packetClient(serverAddress(config, context.feedback), config, flowOptions(context, config.hmac));
  },
};

/** The shortest and the longest packet of all senders, in bytes. */
function lengthsOf(sender: PacketClientConfig["sender"], hmac: boolean): { shortest: number; longest: number } {
  let [shortest, longest] = [Infinity, 0];
  for (const { unresponsive } of sender) {
    for (const length of unresponsive?.length ?? [headerBytes(hmac)]) {
      shortest = Math.min(shortest, length);
      longest = Math.max(longest, length);
    }
  }
  return { shortest, longest };
}

/** A packet holds its header, and is not longer than what its flow accepts. */
const packetsFit: Refinement<PacketClientConfig> = refinement(
  ({ sender, hmac = true, maxPacketSize = DEFAULT_MAX_PACKET_BYTES }) => {
    const header = headerBytes(hmac);
    const { shortest, longest } = lengthsOf(sender, hmac);
    if (shortest < header) {
      return `has packets of ${shortest}B, but the header alone takes ${header}B${hmac ? " with hmac" : ""}`;
    }
    // The header alone may always be sent.
    if (longest <= maxPacketSize || longest === header) return undefined;
    return `has packets of ${longest}B, over the flow's maxPacketSize of ${maxPacketSize}B`;
  },
  "sender",
);

function unresponsiveSchema(
  vocabulary: Vocabulary,
): ZodType<UnresponsiveConfig, UnresponsiveConfig<string, string, string>> {
  const { z, duration, rate, expects } = vocabulary;
  const yes = (description: string) => z.boolean(expects("true or false")).optional().describe(description);
  return z.strictObject({
    wait: z.array(duration, expects("a list of durations such as [20ms]")).min(1, expects("at least one duration"))
      .optional().describe("What to wait between packets, cycled; default 200ms."),
    randomWait: yes("Draw the waits instead of cycling through them."),
    waitFirst: yes("Wait before the first packet as well."),
    rate: rate.optional().describe("In place of waits: 10Mbps, 1000pps, or max."),
    length: z.array(packetSize(vocabulary), expects("a list of sizes such as [172B]"))
      .min(1, expects("at least one size")).optional()
      .describe("Lengths of packets, header included, cycled; default: the header alone."),
    randomLength: yes("Draw the lengths instead of cycling through them."),
    duration: duration.refine((ms) => ms > 0 && ms <= MAX_FLOW_MS, "expected more than 0s and at most 24h").describe(
      "It stops after this long.",
    ),
    echo: yes("Ask the server to send each packet back."),
    gso: yes("Hand packets to the kernel by the burst: faster, and recorded by the burst."),
    reverse: yes("Send from the server to this client instead."),
  }, expects("an object such as {wait: [20ms], length: [172B], duration: 10s, echo: true}"))
    .refine(({ wait, rate }) => wait === undefined || rate === undefined, "expected at most one of wait and rate")
    .refine(({ echo, reverse }) => !echo || !reverse, "cannot echo packets that come from the server");
}
