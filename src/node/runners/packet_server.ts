import { DEFAULT_MAX_PACKET_BYTES } from "../../base/limits.ts";
import type { PacketServerConfig } from "../../flow/config.ts";
import type { Runner } from "../runner.ts";
import { serve } from "./traffic/flow_options.ts";

/** Serves UDP flows until its node is canceled. */
export const packetServer: Runner<PacketServerConfig> = {
  needs: ({ listenAddr, listenAddrKey, hmac = true, maxPacketSize = DEFAULT_MAX_PACKET_BYTES }) => ({
    sets: listenAddrKey === undefined ? [] : [listenAddrKey],
    serves: { protocol: "UDP", addr: listenAddr, addrKey: listenAddrKey, hmac, packetBytes: maxPacketSize },
  }),
  title: ({ listenAddr }) => listenAddr,
  run: (config, context) => serve(config, context, (flows, options) => flows.packetServer(config, options)),
};
