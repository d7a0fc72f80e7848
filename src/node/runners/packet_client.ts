import type { PacketClientConfig } from "../../flow/config.ts";
import { headerBytes } from "../../flow/packet/header.ts";
import { packetLengths } from "../../flow/packet/packet_sender.ts";
import { formatDuration } from "../../base/duration.ts";
import type { Runner } from "../runner.ts";
import { flowOptions, serverAddress } from "./traffic/flow_options.ts";

/** Runs a UDP flow. */
export const packetClient: Runner<PacketClientConfig> = {
  needs: ({ addr, addrKey, hmac = true, flow, sender }) => ({
    uses: addrKey === undefined ? [] : [addrKey],
    flow,
    dials: { protocol: "UDP", addr, addrKey, hmac, packetBytes: packetLengths(sender, headerBytes(hmac)).longest },
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
