import type { ZodType } from "zod";
import type { Duration } from "./plan/duration.ts";

/** What schemas are made of: zod, durations, sizes, names. */
export type Vocabulary = typeof import("./plan/vocabulary.ts");

/** What a run relies on, as far as its configuration tells. `tine vet` compares it with the rest of the plan. */
export interface Needs {
  /** Executables that it starts. */
  readonly programs?: readonly string[];
  /** It wants to be root. */
  readonly root?: boolean;
  /** Feedback keys that it sets. */
  readonly sets?: readonly string[];
  /** Feedback keys that must be set before. */
  readonly uses?: readonly string[];
  /** It takes this long or longer. */
  readonly atLeast?: Duration;
}

/**
 * A kind of work at the leaves of a run tree. A new one is a file in runners/ and a line in runners.ts.
 *
 * @typeParam Config its configuration as it is decoded: durations are milliseconds, sizes bytes
 * @typeParam Input its configuration as a plan has it
 */
export interface Runner<Config = unknown, Input = unknown> {
  /**
   * The schema of what stands behind its name in a plan. Made on demand, from words that are given: a node that is
   * served runs what its parent has validated, and loads no schema library.
   */
  schema(vocabulary: Vocabulary): ZodType<Config, Input>;
  /** What a run with this configuration relies on; nothing when absent. */
  needs?(config: Config): Needs;
}
