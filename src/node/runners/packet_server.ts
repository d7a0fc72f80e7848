import type { PacketServerConfig } from "../../flow/config.ts";
import { DEFAULT_MAX_PACKET_BYTES } from "../../flow/packet/header.ts";
import type { Runner } from "../runner.ts";
import { checkListen, listenAddrFits, listenMembers, WILDCARD_UNDER_KEY } from "./traffic/address_schema.ts";
import { packetSize, serve } from "./traffic/flow_options.ts";

/** Serves UDP flows until its node is canceled. */
export const packetServer: Runner<PacketServerConfig, PacketServerConfig<string>> = {
  schema(vocabulary) {
    const { z, expects } = vocabulary;
    return z.strictObject({
      ...listenMembers(vocabulary, "UDP flows", 7001),
      protocol: z.enum(["udp", "udp4", "udp6"], expects("udp, udp4 or udp6")).optional()
        .describe("UDP over IPv4, IPv6, or (default) what the address says."),
      maxPacketSize: packetSize(vocabulary).optional().describe("The longest packet that is accepted; default 1480B."),
    }, expects("an object such as {listenAddr: '10.0.0.1:0', listenAddrKey: server}"))
      .refine(...listenAddrFits)
      .refine(checkListen, WILDCARD_UNDER_KEY)
      .describe(
        "Serve UDP flows: count packets, and echo each one once if it asks for it. Returns as soon as it listens, and " +
          "serves until its node ends.",
      );
  },
  needs: ({ listenAddr, listenAddrKey, hmac = true, maxPacketSize = DEFAULT_MAX_PACKET_BYTES }) => ({
    sets: listenAddrKey === undefined ? [] : [listenAddrKey],
    serves: { protocol: "UDP", addr: listenAddr, addrKey: listenAddrKey, hmac, packetBytes: maxPacketSize },
  }),
  title: ({ listenAddr }) => listenAddr,
  run: (config, context) => serve(config, context, (flows, options) => flows.packetServer(config, options)),
};
