import type { Item } from "../../node/item.ts";
import type { UdfProgress } from "../../bridge/messages.ts";
import type { PlanOutcome } from "../../experiment/run_plan.ts";
import type { UdfSummary } from "../../result/summary.ts";
import type { GateVerdict } from "../../result/gates/mod.ts";
import { showsUnicode, style, writeStdout } from "../terminal.ts";
import { JsonDisplay } from "./json_display.ts";
import { LineDisplay } from "./line_display.ts";
import type { ScreenSize } from "./live_block.ts";
import { TerminalDisplay } from "./terminal_display.ts";

/** The names and values that distinguish a test from others. */
export type TestId = Readonly<Record<string, string>>;

/** A plan that is about to run. */
export interface PlanStart {
  /** The name of the file, or `stdin`. */
  readonly plan: string;
  /** Where the results go. */
  readonly folder: string;
  /** The number of selected tests, those that are kept included. */
  readonly tests: number;
  /** The number of tests that are kept from before and do not run. */
  readonly kept: number;
}

/** A test that is about to run. */
export interface TestStart {
  readonly id: TestId;
  /** Which one of the selected tests it is, from 1. */
  readonly number: number;
  /** The least time that it takes by its plan, in milliseconds. */
  readonly expectedMs: number;
  /** It is canceled after this many milliseconds; 0: never. */
  readonly timeoutMs: number;
}

/** How a test ended; a kept one did not run, since its results from before still hold. */
export type TestEnd = "ok" | "failed" | "timeout" | "canceled" | "kept";

/** What went wrong on a node. */
export interface TestError {
  readonly nodeId: string;
  /** The name of the runner, or what the node was doing. */
  readonly tag: string;
  /** For programs, in kebab-case. */
  readonly code: string;
  readonly message: string;
}

/** A test that has ended, or is kept. */
export interface EndedTest {
  readonly id: TestId;
  /** Which one of the selected tests it is, from 1. */
  readonly number: number;
  readonly status: TestEnd;
  readonly durationMs: number;
  readonly errors: readonly TestError[];
  /** Errors beyond those in the list. */
  readonly moreErrors?: number;
  /** Results that did not reach the root, such as `12 frames of records`. */
  readonly missing?: readonly { readonly nodeId: string; readonly what: string }[];
  /** Why it ended early without having failed. */
  readonly stopped?: string;
  /** The UDFs that its rows flowed through. */
  readonly udfs?: readonly UdfSummary[];
  /** Where its results are. */
  readonly folder: string;
}

/** A plan that has ended. */
export interface PlanSummary extends Omit<PlanOutcome, "gates"> {
  readonly durationMs: number;
  /** Verdicts of gates. */
  readonly gates?: readonly GateVerdict[];
}

/**
 * Shows what `tine run` does.
 *
 * Calls never wait and never fail: what shows a test must not disturb it, not even where a terminal stands still. Too much
 * of what is in the results anyway, such as lines of logs, is left out, and counted.
 */
export interface Display extends AsyncDisposable {
  /** The plan is about to run. */
  planStarts(plan: PlanStart): void;
  /** A test is about to run. */
  testStarts(test: TestStart): void;
  /**
   * A result of the running test. Types other than `nodeInfo`, `log`, `error`, `activity` and `progress` are
   * passed over.
   */
  item(item: Item): void;
  /** How far the UDFs of the running test are, now and then. */
  udfs(progress: readonly UdfProgress[]): void;
  /** Something to know about the run, such as that it is being canceled, and why. */
  note(text: string): void;
  /** The running test has ended, or a test is kept. */
  testEnds(outcome: EndedTest): void;
  /**
   * The plan has ended. Waits until everything was written.
   *
   * Without `--json`, the folder of the results is all that is written to standard output, so that
   * `dir=$(tine run my_plan.yaml)` works, also where tests have failed: what they measured is there as well.
   *
   * @throws {TineError} `stdout-closed` or `cannot-write`, if data did not reach standard output
   */
  planEnds(summary: PlanSummary): Promise<void>;
  /** Takes down what is still shown of a run, and waits until everything was written. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How to show a run. */
export interface DisplayOptions {
  /** An object a line on standard output. */
  readonly json?: boolean;
  /**
   * Show log entries of nodes as well, which otherwise only go into the results, and how flows get on; as JSON, also
   * what nodes do.
   */
  readonly verbose?: boolean;
}

/**
 * Returns the display that fits: JSON lines on standard output if asked for, a live one where standard error is a terminal,
 * else a line on standard error for each event.
 *
 * @example
 * ```ts
 * import { createDisplay } from "./display.ts";
 * await using display = createDisplay({ json: false, verbose: true });
 * display.note("nothing runs yet");
 * ```
 */
export function createDisplay({ json = false, verbose = false }: DisplayOptions = {}): Display {
  if (json) return new JsonDisplay({ verbose, write: writeStdout });
  const options = { verbose, style: style(Deno.stderr), write: writeStderr, writeResult: writeStdout };
  if (!Deno.stderr.isTerminal() || Deno.env.get("TERM") === "dumb") return new LineDisplay(options);
  return new TerminalDisplay({ ...options, size: stderrSize, unicode: showsUnicode() });
}

const encoder = new TextEncoder();

/** Returns the size of the terminal as it is now; 80 by 24 where it is not known. */
function stderrSize(): ScreenSize {
  try {
    // A terminal that was never given a size reports 0.
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}

/** Writes all of a text to standard error, in another thread: a terminal that takes nothing holds up no other work. */
async function writeStderr(text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let done = 0; done < bytes.length;) done += await Deno.stderr.write(bytes.subarray(done));
}
