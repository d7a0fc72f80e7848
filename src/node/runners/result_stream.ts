import { glob } from "../../base/glob.ts";
import type { Item } from "../item.ts";
import type { Runner, Unsigned } from "../runner.ts";

/** Chooses results: those that any of its members names. */
export interface MessageFilter {
  /** Glob patterns for names of files. */
  file?: string[];
  /** Log entries. */
  log?: boolean;
  /** Ids of flows. */
  flow?: string[];
  /** Everything. */
  all?: boolean;
}

/** Which results are sent at once. */
export interface ResultStreamConfig {
  /** What is sent at once; everything when absent. */
  include?: MessageFilter;
  /** What is not, of that. */
  exclude?: MessageFilter;
}

/**
 * Chooses which results are sent at once; the others wait on their node until the run is over, so that they do not
 * disturb the traffic under test. Without it, all are sent at once.
 */
export const resultStream: Runner<ResultStreamConfig, ResultStreamConfig> = {
  schema({ z, expects, pattern }) {
    const filter = z.strictObject({
      file: z.array(pattern("a glob pattern such as *.txt", /^\P{Cc}+$/u), expects("a list of glob patterns"))
        .optional().describe("Files whose names match; * and ? stay in a folder, ** does not."),
      log: z.boolean(expects("true or false")).optional().describe("Log entries."),
      flow: z.array(pattern("a flow id such as bulk.1", /^[a-z][a-z0-9.-]{0,15}$/), expects("a list of flow ids"))
        .optional().describe("Samples of these flows, and what describes them."),
      all: z.boolean(expects("true or false")).optional().describe("Everything."),
    }, expects("an object such as {log: true}"));
    return z.strictObject({
      include: filter.optional().describe("What is sent at once; left out: everything; {}: nothing."),
      exclude: filter.optional().describe("What is not, of that."),
    }, expects("an object such as {include: {log: true}}"))
      .describe(
        "Choose which results of this node are sent at once; the others wait on the node until the run is over. " +
          "Without a resultStream, all are sent at once. Errors, progress, what a node tells of itself and feedback " +
          "never wait.",
      );
  },
  run({ include, exclude }, context) {
    const included = include === undefined ? () => true : compileFilter(include);
    const excluded = exclude === undefined ? () => false : compileFilter(exclude);
    context.choose((item) => neverWaits(item) || (included(item) && !excluded(item)));
    return Promise.resolve();
  },
};

/** They are few and small, and late they are of little use. */
function neverWaits({ type }: Unsigned<Item>): boolean {
  return type === "nodeInfo" || type === "error" || type === "feedback" || type === "progress" || type === "activity";
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
      case "records":
        return flows.has(item.flow);
      default:
        return false;
    }
  };
}
