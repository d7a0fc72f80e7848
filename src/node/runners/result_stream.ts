import type { Runner } from "../runner.ts";

/** Chooses results. */
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

/** Chooses which results are sent at once; the others wait on their node until the run is over. */
export const resultStream: Runner<ResultStreamConfig, ResultStreamConfig> = {
  schema({ z, expects, pattern }) {
    const filter = z.strictObject({
      file: z.array(pattern("a glob pattern such as *.txt", /^\P{Cc}+$/u), expects("a list of glob patterns"))
        .optional().describe("Files whose names match."),
      log: z.boolean(expects("true or false")).optional().describe("Log entries."),
      flow: z.array(pattern("a flow id such as bulk.1", /^[a-z][a-z0-9.-]{0,15}$/), expects("a list of flow ids"))
        .optional().describe("Samples of these flows."),
      all: z.boolean(expects("true or false")).optional().describe("Everything."),
    }, expects("an object such as {log: true}"));
    return z.strictObject({
      include: filter.optional().describe("What is sent at once; left out: everything."),
      exclude: filter.optional().describe("What is not, of that."),
    }, expects("an object such as {include: {log: true}}"))
      .describe("Choose which results are sent at once; the others wait on their node until the run is over.");
  },
};
