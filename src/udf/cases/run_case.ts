import type { PointOrBatch } from "../batcher.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { startLongTimer } from "../../base/time.ts";
import { grouped } from "../../base/units.ts";
import { Feeder } from "../feeder.ts";
import { type InputFormat, readPoints } from "../format/point_reader.ts";
import { nanosecondsOf } from "../format/timestamp.ts";
import { Host, type Receiver } from "../host.ts";
import type { EdgeType } from "../messages.ts";
import { udfOptions } from "../option_values.ts";
import type { RunningUdf } from "../running_udf.ts";
import type { CaseStep, Expectation, UdfCase } from "./case_file.ts";
import type { CaseProblem } from "./compare.ts";
import { judge } from "./judge.ts";
import { ANY_TIME, type CaseItem, type CasePoints } from "./points.ts";
import type { PointFileConfig } from "./schema.ts";

/** Lines of stderr that are kept. */
const KEPT_LINES = 5;
/** The maximum length of a line of stderr that is kept. */
const KEPT_CHARACTERS = 200;

/** A file of points that has been opened. */
export interface OpenedPoints {
  readonly name: string;
  /** Undefined: detected from the beginning. */
  readonly format: InputFormat | undefined;
  /** The format that the file's name suggests. */
  readonly likelyFormat?: InputFormat;
  readonly stream: ReadableStream<Uint8Array>;
  /** Opens it once more, where types are decided over all of it. */
  readonly again?: () => Promise<ReadableStream<Uint8Array>>;
}

/** How cases are run. */
export interface RunCaseOptions {
  /**
   * Starts or connects to the UDF of a case.
   *
   * @param log gets what it writes to stderr
   */
  reach(log: (line: string) => void, signal: AbortSignal): Promise<RunningUdf>;
  /** Opens a file of points, by its path as a case has it. */
  openPoints(file: PointFileConfig): Promise<OpenedPoints>;
  /** Reads a file, by its path as a case has it. */
  readFile(path: string): Promise<Uint8Array>;
  /**
   * How long a UDF may be silent, and how long it may go on after the end of its input, in ms, where a case does not
   * say; 0: for ever.
   */
  timeoutMs: number;
  /** The largest message that is accepted, in bytes. */
  maxFrameBytes?: number;
  /** Ends the case. */
  signal?: AbortSignal;
  /** Gets what the UDF writes to stderr. */
  log?: (line: string) => void;
}

/** The result of a case. */
export interface CaseResult {
  /** `fail`: not as expected; `error`: the UDF failed, or the case could not be run. */
  readonly status: "pass" | "fail" | "error" | "skip";
  readonly problems: readonly CaseProblem[];
  /** Warnings, which are no failures. */
  readonly warnings: readonly string[];
  /** The last lines that the UDF wrote to stderr. */
  readonly stderr: readonly string[];
  /** What came in each step that was run to its end. */
  readonly outputs: readonly (readonly PointOrBatch[])[];
  readonly durationMs: number;
}

/**
 * Runs a case: starts the UDF, sends it the input of each step, and judges what comes back. Between two steps the UDF
 * gives a snapshot and ends, and a fresh one gets the snapshot. It ends whatever the UDF does.
 *
 * @example
 * ```ts
 * import { createHandler } from "../handlers/mirror.ts";
 * import { startInProcess } from "../running_udf.ts";
 * import { parseCaseFile } from "./case_file.ts";
 * import { runCase } from "./run_case.ts";
 * const text = "cases:\n  - name: one\n    input: cpu v=1 1\n    expect: cpu v=1 1\n";
 * const { cases: [one] } = await parseCaseFile(text, "cases.yaml");
 * const { status } = await runCase(one, {
 *   reach: () => Promise.resolve(startInProcess("mirror", createHandler)),
 *   openPoints: () => Promise.reject(new Error("no files here")),
 *   readFile: (path) => Deno.readFile(path),
 *   timeoutMs: 10_000,
 * });
 * console.assert(status === "pass");
 * ```
 */
export async function runCase(test: UdfCase, options: RunCaseOptions): Promise<CaseResult> {
  const started = performance.now();
  const run = new CaseRun(test, options);
  const { problems, isError } = test.skip === undefined ? await run.run() : { problems: [], isError: false };
  return {
    status: test.skip !== undefined ? "skip" : isError ? "error" : problems.length > 0 ? "fail" : "pass",
    problems,
    warnings: run.warnings,
    stderr: run.stderr,
    outputs: run.outputs,
    durationMs: performance.now() - started,
  };
}

class CaseRun {
  readonly warnings: string[] = [];
  readonly stderr: string[] = [];
  readonly outputs: PointOrBatch[][] = [];
  readonly #test: UdfCase;
  readonly #options: RunCaseOptions;
  #provides: EdgeType = "stream";

  constructor(test: UdfCase, options: RunCaseOptions) {
    this.#test = test;
    this.#options = options;
  }

  async run(): Promise<{ problems: CaseProblem[]; isError: boolean }> {
    const { steps, restore, limitMs } = this.#test;
    const problems: CaseProblem[] = [];
    const ending = new AbortController();
    const { signal } = this.#options;
    const interrupt = () => ending.abort(new TineError("interrupted", "it was interrupted"));
    signal?.addEventListener("abort", interrupt, { once: true });
    if (signal?.aborted) interrupt();
    using _limit = limitMs === 0 ? undefined : startLongTimer(limitMs, () => {
      ending.abort(new TineError("case-limit", `the case took longer than its limit of ${limitMs / 1000} s`));
    });
    try {
      let state = restore === undefined ? undefined : await this.#stateOf(restore);
      for (const [i, step] of steps.entries()) {
        const output: PointOrBatch[] = [];
        const isLast = i === steps.length - 1;
        let failure: unknown;
        try {
          state = await this.#drive(step, { state, isLast, output, signal: ending.signal });
        } catch (error) {
          failure = error;
        }
        if (failure instanceof TineError && failure.code === "interrupted") throw failure;
        this.outputs.push(output);
        const { found, isError } = await this.#judge(step, output, failure);
        problems.push(...found);
        if (isError || failure !== undefined) return { problems, isError };
      }
      return { problems, isError: false };
    } catch (error) {
      problems.push({ line: this.#test.line, message: messageOf(error) });
      return { problems, isError: true };
    } finally {
      signal?.removeEventListener("abort", interrupt);
    }
  }

  async #judge(
    { expect, line }: CaseStep,
    output: readonly PointOrBatch[],
    failure: unknown,
  ): Promise<{ found: CaseProblem[]; isError: boolean }> {
    if (failure !== undefined) {
      const message = messageOf(failure);
      const wanted = expect?.error;
      if (wanted === undefined) return { found: [{ line, message }], isError: true };
      if (!message.includes(wanted)) {
        const found = { line: expect!.line, message: `expected an error with ${quote(wanted)}, got: ${message}` };
        return { found: [found], isError: false };
      }
    } else if (expect?.error !== undefined) {
      const message = `expected an error with ${quote(expect.error)}, but the UDF ended well`;
      return { found: [{ line: expect.line, message }], isError: false };
    }
    if (expect === undefined) {
      const message = "nothing says what is expected: write expect, or let --update write what came";
      return { found: [{ line, message }], isError: false };
    }
    const points = expect.points && await this.#expectedItems(expect, expect.points);
    const { tolerance, precision } = this.#test;
    return {
      found: judge({
        expectation: expect,
        points,
        output,
        provides: this.#provides,
        tolerance,
        unit: nanosecondsOf(precision),
      }),
      isError: false,
    };
  }

  /**
   * Takes one UDF from its start to its end.
   *
   * @returns its state, where another one goes on
   */
  async #drive(
    step: CaseStep,
    { state, isLast, output, signal }: DriveOptions,
  ): Promise<Uint8Array | undefined> {
    const { options, timeoutMs = this.#options.timeoutMs } = this.#test;
    signal.throwIfAborted();
    const udf = await this.#options.reach((line) => this.#log(line), signal);
    const host = new Host(udf, this.#receiver(output), {
      taskId: "tine",
      nodeId: "udf",
      timeoutMs,
      maxFrameBytes: this.#options.maxFrameBytes,
      log: (message) => void this.warnings.push(message),
    });
    const giveUp = () => {
      const { reason } = signal;
      const waits = reason.code === "case-limit" && host.asked !== undefined;
      const message = `${reason.message}: the UDF has not answered ${host.asked}`;
      host.abort(waits ? new TineError(reason.code, message) : reason);
      host.kill();
    };
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      host.start();
      const info = await host.info();
      this.#provides = info.provides;
      await host.init(udfOptions(options, info));
      if (state !== undefined && state.length > 0) await host.restore(state);
      await this.#feed(step, host, info.wants);
      const next = isLast ? undefined : await host.snapshot();
      await host.stop(timeoutMs);
      return next;
    } catch (error) {
      host.abort(error instanceof Error ? error : new Error(messageOf(error)));
      host.kill();
      await host.stop().catch(() => {});
      throw host.failure ?? error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  #receiver(output: PointOrBatch[]): Receiver {
    const { maxPoints } = this.#test;
    let points = 0;
    const take = (item: PointOrBatch, more: number) => {
      points += more;
      if (points > maxPoints) {
        throw new TineError("too-many-points", `the UDF sent more than ${grouped(maxPoints)} points (maxPoints)`);
      }
      output.push(item);
    };
    return {
      // What is kept must not hold the whole buffer that it was read into.
      point: (point) => take({ kind: "point", point: point.copy() }, 1),
      batch: ({ begin, points, end }) =>
        take({ kind: "batch", batch: { begin, points: points.map((point) => point.copy()), end } }, points.length),
    };
  }

  async #feed({ input }: CaseStep, host: Host, wants: EdgeType): Promise<void> {
    if (input === undefined) return;
    const { groupBy, batches } = this.#test;
    const feeder = new Feeder(host, {
      wants,
      groupBy,
      batches,
      onBad: ({ line, reason, text }) => {
        throw new TineError(
          "bad-line",
          `${"file" in input ? `${input.file.file}:` : "line "}${line}: ${reason}: ${text}`,
        );
      },
    });
    if ("items" in input) await feeder.feed(input.items);
    else for await (const items of this.#read(input.file, undefined)) await feeder.feed(items);
    await feeder.end();
    if (feeder.late > 0) this.warnings.push(`${feeder.late} points came after their window had closed`);
  }

  async *#read(file: PointFileConfig, now: (() => bigint) | undefined) {
    const { name, format, likelyFormat, stream, again } = await this.#options.openPoints(file);
    const { measurement, tagColumns, timeColumn } = file;
    const { precision } = this.#test;
    const warn = (message: string) => void this.warnings.push(`${name} ${message}`);
    let seconds = 0n;
    const clock = now ?? (() => seconds++ * 1_000_000_000n);
    const columns = { measurement, tagColumns, timeColumn };
    yield* readPoints({ name, format, likelyFormat, precision, ...columns, again, warn, now: clock }, stream);
  }

  async #expectedItems(expect: Expectation, points: CasePoints): Promise<CaseItem[]> {
    if ("items" in points) return [...points.items];
    const items: CaseItem[] = [];
    for await (const piece of this.#read(points.file, () => ANY_TIME)) {
      for (const item of piece) {
        if (item.kind === "bad") {
          throw new TineError("bad-line", `${points.file.file}:${item.line}: ${item.reason}: ${item.text}`);
        }
        const { line } = expect;
        items.push(item.kind === "point" ? { kind: "point", line, point: item.point.copy() } : { ...item, line });
      }
    }
    return items;
  }

  async #stateOf(restore: NonNullable<UdfCase["restore"]>): Promise<Uint8Array> {
    if (typeof restore === "string") return new TextEncoder().encode(restore);
    return "base64" in restore ? Uint8Array.fromBase64(restore.base64) : await this.#options.readFile(restore.file);
  }

  #log(line: string): void {
    this.#options.log?.(line);
    this.stderr.push(line.length > KEPT_CHARACTERS ? line.slice(0, KEPT_CHARACTERS) + "..." : line);
    if (this.stderr.length > KEPT_LINES) this.stderr.shift();
  }
}

interface DriveOptions {
  /** What the UDF is given at its start. */
  readonly state: Uint8Array | undefined;
  readonly isLast: boolean;
  /** Gets what the UDF sends. */
  readonly output: PointOrBatch[];
  /** Ends the UDF by force. */
  readonly signal: AbortSignal;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
