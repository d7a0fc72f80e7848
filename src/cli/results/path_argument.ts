import type { Positional } from "../command.ts";

/** Where results are looked for when no path is given. */
export const DEFAULT_PATH = "results";

/** The argument of commands that look at results. */
export const PATH: Positional = {
  name: "PATH",
  help: `a folder of runs, a run, or a test; default: ${DEFAULT_PATH}`,
  optional: true,
  complete: "directory",
};

/** What a run is that has not said its end. */
export const NOT_COMPLETE = "not complete: it is still running, or was killed";
