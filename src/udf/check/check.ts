import type { Context } from "./context.ts";
import type { Evidence, Trouble } from "./finding.ts";

/** One thing that a UDF has to do right. */
export interface Check {
  /** Short and stable, for `--only` and scripts. */
  readonly id: string;
  /** What a UDF does that passes, with the UDF as its subject: `answers info`. */
  readonly title: string;
  /** It judges what all others have seen, so it runs after them. */
  readonly last?: boolean;
  /** It judges how the UDF ends, and nothing else that a bad end leaves to be seen. */
  readonly judgesEnd?: boolean;

  /**
   * Makes the check.
   *
   * @returns a remark for a UDF that passed
   * @throws {Finding} for one that did not
   */
  run(context: Context): Promise<string | void>;
}

/** What a check came to. */
export interface CheckResult {
  readonly id: string;
  readonly title: string;
  readonly status: "pass" | Trouble;
  /** What is wrong, why it was skipped, or a remark. */
  readonly reason?: string;
  readonly evidence?: Evidence;
  /** The id of an earlier check that failed by the same cause. */
  readonly follows?: string;
  /** It was skipped, as all others, since the UDF does not even answer info. */
  readonly unusable?: true;
  readonly durationMs: number;
}
