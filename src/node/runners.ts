import { packetClient } from "./runners/packet_client.ts";
import { packetServer } from "./runners/packet_server.ts";
import { resultStream } from "./runners/result_stream.ts";
import { sleep } from "./runners/sleep.ts";
import { streamClient } from "./runners/stream_client.ts";
import { streamServer } from "./runners/stream_server.ts";
import { sysInfo } from "./runners/sys_info.ts";
import { system } from "./runners/system.ts";
import type { Runner } from "./runner.ts";

/** All runners by the key that they have in a plan. */
export const runners = {
  sleep,
  system,
  resultStream,
  sysInfo,
  streamServer,
  streamClient,
  packetServer,
  packetClient,
} as const;

/** The name of a runner. */
export type RunnerName = keyof typeof runners;

/** The configuration of each runner as a plan has it. */
export type RunnerInputs = {
  [N in RunnerName]: typeof runners[N] extends Runner<infer _, infer Input> ? Input : never;
};

/** The configuration of each runner as it is decoded. */
export type RunnerConfigs = {
  [N in RunnerName]: typeof runners[N] extends Runner<infer Config, infer _> ? Config : never;
};
