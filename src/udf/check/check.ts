import type { Context } from "./context.ts";

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
   * @throws {CheckError} for one that did not
   */
  run(context: Context): Promise<string | void>;
}

/** The result of a check. */
export interface CheckResult {
  readonly id: string;
  readonly title: string;
  readonly status: "pass" | NonPassStatus;
  /** What is wrong, why it was skipped, or a remark. */
  readonly reason?: string;
  readonly evidence?: Evidence;
  /** The id of an earlier check that failed by the same cause. */
  readonly follows?: string;
  /** It was skipped, as all others, since the UDF does not even answer info. */
  readonly unusable?: true;
  readonly durationMs: number;
}

/** The result of a check that did not pass. */
export type NonPassStatus = "fail" | "warn" | "skip";

/** What a failed check has to show. */
export interface Evidence {
  /** What was sent, in order. */
  sent: string;
  /** What came back, in order, and how the UDF ended where it did. */
  came: string;
  /** What the protocol asks for. */
  expected: string;
  /** The few lines of stderr around the UDF's last error, where it wrote any. */
  stderr?: readonly string[];
}

/** Ends a check with something else than a pass. */
export class CheckError extends Error {
  override name = "CheckError";

  /**
   * @param status `fail`: a real Kapacitor can run into it; `warn`: it is unwise; `skip`: it could not be checked
   * @param reason one clause: what is wrong, or why the check was skipped
   * @param evidence absent where the check was skipped
   * @param causeKey what two failures share that have one cause: how the UDF crashed, the error that it reported
   */
  constructor(
    readonly status: NonPassStatus,
    readonly reason: string,
    readonly evidence?: Evidence,
    readonly causeKey?: string,
  ) {
    super(reason);
  }
}

/** The end of a UDF that does not end at the end of its input. */
export const NEVER = "never";

/** A failure of a UDF that did all that was asked, and did not end well. */
export class BadEnd extends CheckError {
  override name = "BadEnd";

  /** @param end how it ended, without what it wrote to stderr; or {@linkcode NEVER} */
  constructor(reason: string, evidence: Evidence, readonly end: string) {
    super("fail", reason, evidence, `end: ${end}`);
  }
}

/** A failure of a UDF that does nothing any more: further checks would only wait. */
export class Stuck extends CheckError {
  override name = "Stuck";

  constructor(reason: string, evidence: Evidence) {
    super("fail", reason, evidence);
  }
}

/** A check that cannot be made, and why. */
export function skip(reason: string): CheckError {
  return new CheckError("skip", reason);
}

/** A failure as a warning, where a real Kapacitor does not send what led to it. */
export function warnOnly(error: unknown): unknown {
  return error instanceof CheckError && error.status === "fail"
    ? new CheckError("warn", error.reason, error.evidence)
    : error;
}
