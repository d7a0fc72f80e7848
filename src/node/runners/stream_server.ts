import type { StreamServerConfig } from "../../flow/config.ts";
import type { Runner } from "../runner.ts";
import { checkListen, listenAddrFits, listenMembers, WILDCARD_UNDER_KEY } from "./traffic/address_schema.ts";
import { serve } from "./traffic/flow_options.ts";

/** Serves TCP flows until its node is canceled. */
export const streamServer: Runner<StreamServerConfig, StreamServerConfig> = {
  schema(vocabulary) {
    const { z, expects } = vocabulary;
    return z.strictObject({
      ...listenMembers(vocabulary, "TCP flows", 7000),
      protocol: z.enum(["tcp", "tcp4", "tcp6"], expects("tcp, tcp4 or tcp6")).optional()
        .describe("TCP over IPv4, IPv6, or (default) what the address says."),
    }, expects("an object such as {listenAddr: '10.0.0.1:0', listenAddrKey: server}"))
      .refine(...listenAddrFits)
      .refine(checkListen, WILDCARD_UNDER_KEY)
      .describe("Serve TCP flows. Returns as soon as it listens, and serves until its node ends.");
  },
  needs: ({ listenAddr, listenAddrKey, hmac = true }) => ({
    sets: listenAddrKey === undefined ? [] : [listenAddrKey],
    serves: { protocol: "TCP", addr: listenAddr, addrKey: listenAddrKey, hmac },
  }),
  title: ({ listenAddr }) => listenAddr,
  run: (config, context) => serve(config, context, (flows, options) => flows.streamServer(config, options)),
};
