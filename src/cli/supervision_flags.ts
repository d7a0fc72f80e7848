import type { SupervisorCounts, SupervisorOptions } from "../udf/supervise/supervisor.ts";
import { duration, flag, integer, size } from "./flags.ts";

const SUPERVISED = ["restart", "watch"];

/** Whether and how a UDF that dies is started again. */
export const supervisionFlags = {
  restart: flag({ help: "start a UDF that dies again, with its state and the input since" }),
  restartLimit: integer({
    min: 1,
    default: 10,
    goesWith: SUPERVISED,
    help: "with --restart: give up after this many deaths in a row",
  }),
  snapshotInterval: duration({
    default: 10_000,
    goesWith: SUPERVISED,
    help: "with --restart: save the state this often",
  }),
  replayBuffer: size({
    min: 1,
    default: 64 * 2 ** 20,
    goesWith: SUPERVISED,
    help: "with --restart: input kept to be sent again",
  }),
};

/** The flags above, as the command line gave them. */
export interface SupervisionFlagValues {
  readonly restart: boolean;
  readonly restartLimit: number;
  readonly snapshotInterval: number;
  readonly replayBuffer: number;
}

/** Returns how a UDF is supervised by these flags. */
export function supervisorOptions(flags: SupervisionFlagValues): SupervisorOptions {
  return {
    backoff: { limit: flags.restart ? flags.restartLimit : 0 },
    snapshotIntervalMs: flags.snapshotInterval,
    replayBufferBytes: flags.replayBuffer,
  };
}

/** What supervision did, in one sentence; undefined where nothing had to be done. */
export function describeSupervision(counts: SupervisorCounts): string | undefined {
  const { restarts, resentPoints, repeatedOutputs, lostPoints } = counts;
  if (restarts === 0) return undefined;
  return `restarted ${restarts} ${restarts === 1 ? "time" : "times"}: ${resentPoints} points sent again, ` +
    `${repeatedOutputs} outputs may repeat, ${lostPoints} points lost from the state`;
}
