import { BadEnd, type Check, CheckError, type CheckResult, NEVER, Stuck } from "./check.ts";
import { Context } from "./context.ts";
import { dataCheck } from "./data.ts";
import { Subject, type SubjectOptions } from "./subject.ts";
import { batchChecks, groupChecks } from "./batch_checks.ts";
import { compatibilityChecks, framingChecks } from "./framing_checks.ts";
import { earlyOutputCheck, optionChecks, startupChecks } from "./option_checks.ts";
import { endingChecks } from "./ending_checks.ts";
import { keepaliveChecks } from "./keepalive_checks.ts";
import { snapshotChecks } from "./snapshot_checks.ts";
import { valueChecks } from "./value_checks.ts";

/** What to check of a UDF, and how. */
export interface CheckOptions extends SubjectOptions {
  /** The ids of the checks to make; absent: all. */
  only?: readonly string[];
  /** The number of checks that run at the same time, each with a UDF of its own; default 1. */
  jobs?: number;
}

/**
 * Checks whether a UDF speaks the protocol. Results come in the order of {@linkcode CHECKS}; where the UDF cannot even
 * answer info, all others are skipped.
 *
 * @throws {TineError} `bad-option` where the settings do not fit what the UDF declares
 *
 * @example
 * ```ts
 * import { checkUdf } from "./runner.ts";
 * import { startInProcess } from "../running_udf.ts";
 * import { createHandler } from "../handlers/mirror.ts";
 * const connect = () => Promise.resolve(startInProcess("mirror", createHandler));
 * for await (const { id, status } of checkUdf({ connect })) console.log(status, id);
 * ```
 */
export async function* checkUdf(options: CheckOptions): AsyncGenerator<CheckResult> {
  const subject = new Subject(options);
  const chosen = CHECKS.filter(({ id }) => options.only?.includes(id) ?? true);
  const unusable = await prepare(subject);
  if (unusable !== undefined) {
    const [first] = CHECKS;
    yield unusable;
    const reason = "it does not answer info";
    for (const { id, title } of chosen) {
      if (id !== first.id) yield { id, title, status: "skip", reason, unusable: true, durationMs: 0 };
    }
    return;
  }
  const results = new Map<Check, CheckResult>();
  const [first] = CHECKS;
  if (chosen.includes(first)) results.set(first, await runCheck(first, subject, { reportsEnd: true }));
  const { result: data, stuck } = await tryData(subject, chosen.includes(dataCheck));
  results.set(dataCheck, data);
  const early = chosen.filter((check) => !check.last), late = chosen.filter((check) => check.last);
  const tasks = (checks: readonly Check[]) =>
    checks.map((check) => () => Promise.resolve(results.get(check) ?? runCheck(check, subject)));
  if (stuck && !chosen.includes(dataCheck)) yield data;
  const causes = new Map<string, string>();
  for (const [checks, jobs] of [[early, options.jobs ?? 1], [late, 1]] as const) {
    for await (const { causeKey, ...result } of inOrder<CheckResult & Caused>(tasks(checks), jobs)) {
      const before = causeKey === undefined ? undefined : causes.get(causeKey);
      if (causeKey !== undefined && before === undefined) causes.set(causeKey, result.id);
      yield before === undefined ? result : { ...result, follows: before };
    }
  }
}

/** What a failure shares with others of the same cause. */
interface Caused {
  causeKey?: string;
}

/** Asks for info, without which nothing is known, and finds out which options the UDF accepts. */
async function prepare(subject: Subject): Promise<CheckResult | undefined> {
  let info;
  const [first] = CHECKS;
  const result = await runCheck({
    ...first,
    async run(context) {
      const probe = await context.open();
      await probe.send({ kind: "info" });
      ({ info } = await probe.answer("info"));
    },
  }, subject);
  if (info === undefined) return result;
  await subject.learnOptions(info);
}

/** Sends ordinary data once. Where the UDF gets stuck on it, whatever needs data is skipped. */
async function tryData(
  subject: Subject,
  reportsEnd: boolean,
): Promise<{ result: CheckResult & Caused; stuck: boolean }> {
  let stuck = false;
  const result = await runCheck(
    {
      ...dataCheck,
      async run(context) {
        try {
          return await dataCheck.run(context);
        } catch (error) {
          stuck = error instanceof Stuck || error instanceof BadEnd && error.end === NEVER && !reportsEnd;
          throw error;
        }
      },
    },
    subject,
    { reportsEnd },
  );
  if (stuck) subject.giveUpData();
  return { result, stuck };
}

/**
 * Makes a check.
 *
 * @param reportsEnd a bad end is reported by this check, and others need not report it again
 */
async function runCheck(
  { id, title, run, judgesEnd }: Check,
  subject: Subject,
  { reportsEnd = false } = {},
): Promise<CheckResult & Caused> {
  const started = performance.now();
  const done = (status: CheckResult["status"], more: Partial<CheckResult & Caused> = {}): CheckResult & Caused => {
    return { id, title, status, ...more, durationMs: Math.round(performance.now() - started) };
  };
  try {
    await using context = new Context(subject);
    const remark = await run(context);
    if (!context.endedAsKnown) return done("pass", remark === undefined ? {} : { reason: remark });
    const known = subject.knownEnd!;
    const end = known.end === NEVER ? "it does not end" : `it ${known.end}`;
    if (judgesEnd) return done("skip", { reason: `follows from ${known.id}: ${end}`, follows: known.id });
    return done("pass", { reason: `${remark === undefined ? "" : `${remark}; `}but ${end}, see ${known.id}` });
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    if (reportsEnd && error instanceof BadEnd) subject.knownEnd ??= { id, end: error.end };
    if (error instanceof Stuck && (subject.silentSince !== undefined || !await subject.answers())) {
      if (subject.silentSince !== undefined) return done("skip", { reason: subject.silence });
      subject.silentSince = id;
    }
    const { status, reason, evidence, causeKey } = error;
    return done(status, { reason, evidence, causeKey });
  }
}

/** Runs tasks, at most `jobs` at a time; yields their results in order. */
async function* inOrder<T>(tasks: readonly (() => Promise<T>)[], jobs: number): AsyncGenerator<T> {
  const running: Promise<T>[] = [];
  let next = 0;
  let active = 0;
  let failed = false;
  const freed = () => {
    active--;
    if (!failed) fillUp();
  };
  const fillUp = () => {
    while (active < Math.max(1, jobs) && next < tasks.length) {
      active++;
      const result = tasks[next]();
      running[next++] = result;
      result.then(freed, () => {
        failed = true;
        active--;
      });
    }
  };
  fillUp();
  for (let i = 0; i < tasks.length; i++) {
    try {
      yield await running[i];
    } catch (error) {
      await Promise.allSettled(running);
      throw error;
    }
  }
}

/** All checks, in the order in which Kapacitor would come across what they look at. */
export const CHECKS: readonly Check[] = [
  ...startupChecks,
  ...optionChecks,
  dataCheck,
  earlyOutputCheck,
  ...keepaliveChecks,
  ...framingChecks,
  ...valueChecks,
  ...compatibilityChecks,
  ...batchChecks,
  ...groupChecks,
  ...snapshotChecks,
  ...endingChecks,
];
