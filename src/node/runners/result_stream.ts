import { glob } from "../../base/glob.ts";
import type { Item } from "../item.ts";
import type { Runner, Unsigned } from "../runner.ts";
import type { RunnerConfigs } from "../runner_schemas.ts";

/** Which results are sent at once. */
export type ResultStreamConfig = RunnerConfigs["resultStream"];

/** A choice of results: those that any of its members names. */
type MessageFilter = NonNullable<ResultStreamConfig["include"]>;

/**
 * Chooses which results are sent at once; the others wait on their node until the run is over, so that they do not
 * disturb the traffic under test. Without it, all are sent at once.
 */
export const resultStream: Runner<ResultStreamConfig> = {
  run({ include, exclude }, context) {
    const included = include === undefined ? () => true : compileFilter(include);
    const excluded = exclude === undefined ? () => false : compileFilter(exclude);
    context.choose((item) => neverWaits(item) || (included(item) && !excluded(item)));
    return Promise.resolve();
  },
};

/** Returns whether results are few, small, and of little use when they are late. */
function neverWaits({ type }: Unsigned<Item>): boolean {
  return type === "nodeInfo" || type === "nodeEnd" || type === "error" || type === "feedback" || type === "progress" ||
    type === "activity";
}

function compileFilter({ file = [], log = false, flow = [], all = false }: MessageFilter) {
  const files = file.map((pattern) => glob(pattern));
  const flows = new Set(flow);
  return (item: Unsigned<Item>): boolean => {
    if (all) return true;
    switch (item.type) {
      case "log":
        return log;
      case "fileData":
        return files.some((matches) => matches(item.name));
      case "streamInfo":
      case "packetInfo":
      case "transactionInfo":
      case "records":
        return flows.has(item.flow);
      default:
        return false;
    }
  };
}
