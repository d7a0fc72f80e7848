import type { StreamClientConfig } from "../../flow/config.ts";
import { DEFAULT_DURATION_MS } from "../../flow/stream/limits.ts";
import { formatDuration } from "../../base/duration.ts";
import { formatSize } from "../../base/size.ts";
import type { Runner } from "../runner.ts";
import { flowOptions, serverAddress } from "./traffic/flow_options.ts";

/** Runs a TCP flow in one direction. */
export const streamClient: Runner<StreamClientConfig> = {
  needs: ({ addr, addrKey, hmac = true, upload, download }) => {
    const { flow, duration, length } = upload ?? download!;
    return {
      uses: addrKey === undefined ? [] : [addrKey],
      flow,
      dials: { protocol: "TCP", addr, addrKey, hmac },
      atLeast: length === undefined ? duration ?? DEFAULT_DURATION_MS : undefined,
    };
  },
  title({ upload, download }) {
    const { flow, duration, length } = upload ?? download!;
    const words = [upload === undefined ? "download" : "upload", flow];
    if (length !== undefined) words.push(formatSize(length));
    if (duration !== undefined || length === undefined) words.push(formatDuration(duration ?? DEFAULT_DURATION_MS));
    return words.join(" ");
  },
  async run(config, context) {
    const flows = await context.flows();
    await flows.streamClient(serverAddress(config, context.feedback), config, flowOptions(context, config.hmac));
  },
};
