import type { StreamServerConfig } from "../../flow/config.ts";
import type { Runner } from "../runner.ts";
import { serve } from "./traffic/flow_options.ts";

/** Serves TCP flows until its node is canceled. */
export const streamServer: Runner<StreamServerConfig> = {
  needs: ({ listenAddr, listenAddrKey, hmac = true }) => ({
    sets: listenAddrKey === undefined ? [] : [listenAddrKey],
    serves: { protocol: "TCP", addr: listenAddr, addrKey: listenAddrKey, hmac },
  }),
  title: ({ listenAddr }) => listenAddr,
  run: (config, context) => serve(config, context, (flows, options) => flows.streamServer(config, options)),
};
