import type { Runner } from "./runner.ts";
import type { RunnerConfigs, RunnerName } from "./runner_schemas.ts";
import { packetClient, packetServer, streamClient, streamServer } from "./runners/traffic.ts";
import { counters } from "./runners/counters.ts";
import { resultStream } from "./runners/result_stream.ts";
import { sleep } from "./runners/sleep.ts";
import { sysInfo } from "./runners/sys_info/sys_info.ts";
import { system } from "./runners/system.ts";

/** All runners of tine by the key that they have in a plan. */
export const runners: { readonly [N in RunnerName]: Runner<RunnerConfigs[N]> } = {
  sleep,
  system,
  resultStream,
  sysInfo,
  counters,
  streamServer,
  streamClient,
  packetServer,
  packetClient,
};
