import { delay } from "../../base/time.ts";
import { type Duration, formatDuration } from "../../base/units.ts";
import type { Runner } from "../runner.ts";

/** Sleeps for a duration, or until the run is canceled. */
export const sleep: Runner<Duration> = {
  needs: (duration) => ({ atLeast: duration }),
  title: formatDuration,
  run: (duration, { signal }) => delay(duration, signal),
};
