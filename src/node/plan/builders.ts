/**
 * Functions that write plans in TypeScript. They return plain JSON, so `deno run my_plan.ts | tine run -` works.
 *
 * @module
 */
import { TineError } from "../../base/errors.ts";
import type { RunnerInputs, RunnerName } from "../runner_schemas.ts";
import type { ChildInput, PlanInput, RunInput, ScheduleOptions, TestInput } from "./types.ts";

/**
 * A plan: tests that run one after another.
 *
 * @example
 * ```ts
 * import { child, plan, printPlan, serial, sleep, system, test } from "@tine/tine/node";
 *
 * const left = { id: "left", launcher: { local: {} }, netns: { create: true } };
 * const hello = plan(
 *   test({ name: "hello" }, child(left, serial(system("ip -br addr"), sleep("1s"))), { timeout: "60s" }),
 * );
 * if (import.meta.main) await printPlan(hello);
 * ```
 */
export function plan(...tests: TestInput[]): PlanInput {
  return { tests };
}

/** What a test has beside its id and its run. */
export type TestOptions = Omit<TestInput, "id" | keyof RunInput>;

/**
 * A test: its id, and its run; several where the options have a matrix, or repeat it.
 *
 * @throws {TineError} `bad-plan`, if there is more than one run
 */
export function test(id: Record<string, string>, run: RunInput, options?: TestOptions): TestInput {
  takes("test", 3, arguments);
  const unknown = Object.keys(options ?? {}).filter((key) => !TEST_OPTIONS.has(key));
  if (unknown.length > 0) {
    throw badCall(
      `test(${JSON.stringify(id)}) takes one run and options such as timeout, but its options have ${
        unknown.join(", ")
      }: ` +
        "put several runs into serial() or parallel()",
    );
  }
  return { id, ...options, ...run };
}

/** Runs one after another, up to the first failure. */
export function serial(...runs: RunInput[]): RunInput {
  return { serial: runs };
}

/** Runs at the same time. */
export function parallel(...runs: RunInput[]): RunInput {
  return { parallel: runs };
}

/** Runs started one after another at given distances. */
export function schedule(options: ScheduleOptions, ...runs: RunInput[]): RunInput {
  const unknown = Object.keys(options).filter((key) => !SCHEDULE_OPTIONS.has(key));
  if (unknown.length > 0) throw badCall(`schedule() takes options first, but they have ${unknown.join(", ")}`);
  return { schedule: { ...options, run: runs } };
}

/** A run on another node. */
export function child(node: ChildInput["node"], run: RunInput): RunInput {
  takes("child", 2, arguments);
  return { child: { node, ...run } };
}

/**
 * A run of any runner, by its name and configuration. `run()`, `serve()` and `parsePlan()` take the runners of a program
 * as their option `runners`.
 */
export function runner<N extends RunnerName>(name: N, config: RunnerInputs[N]): RunInput;
export function runner(name: string, config: unknown): RunInput;
export function runner(name: string, config: unknown): RunInput {
  takes("runner", 2, arguments);
  return { [name]: config };
}

/** Sleeps, e.g. for `500ms`. */
export function sleep(duration: RunnerInputs["sleep"]): RunInput {
  takes("sleep", 1, arguments);
  return { sleep: duration };
}

/** Runs a command, e.g. `ip -br addr`. */
export function system(command: string, options?: Omit<RunnerInputs["system"], "command">): RunInput {
  takes("system", 2, arguments);
  return { system: { command, ...options } };
}

/** Chooses which results are sent at once. */
export function resultStream(config?: RunnerInputs["resultStream"]): RunInput {
  takes("resultStream", 1, arguments);
  return { resultStream: config ?? {} };
}

/** Describes the node's system. */
export function sysInfo(config?: RunnerInputs["sysInfo"]): RunInput {
  takes("sysInfo", 1, arguments);
  return { sysInfo: config ?? {} };
}

/** Records counters of queues, interfaces and processors until the runs of the node are over. */
export function counters(config?: RunnerInputs["counters"]): RunInput {
  takes("counters", 1, arguments);
  return { counters: config ?? {} };
}

/** Serves TCP flows until the node ends, e.g. at `10.0.0.1:0`. */
export function streamServer(
  listenAddr: string,
  options?: Omit<RunnerInputs["streamServer"], "listenAddr">,
): RunInput {
  takes("streamServer", 2, arguments);
  return { streamServer: { listenAddr, ...options } };
}

/** Runs a TCP flow, e.g. `{ addrKey: "server", upload: { flow: "bulk", duration: "10s" } }`. */
export function streamClient(config: RunnerInputs["streamClient"]): RunInput {
  takes("streamClient", 1, arguments);
  return { streamClient: config };
}

/** Serves UDP flows until the node ends, e.g. at `10.0.0.1:0`. */
export function packetServer(
  listenAddr: string,
  options?: Omit<RunnerInputs["packetServer"], "listenAddr">,
): RunInput {
  takes("packetServer", 2, arguments);
  return { packetServer: { listenAddr, ...options } };
}

/** Runs a UDP flow, e.g. `{ addrKey: "server", flow: "voip", sender: [{ unresponsive: { duration: "10s" } }] }`. */
export function packetClient(config: RunnerInputs["packetClient"]): RunInput {
  takes("packetClient", 1, arguments);
  return { packetClient: config };
}

/** Writes a plan to standard output as JSON, for `tine run -`. */
export async function printPlan(plan: PlanInput): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(plan, null, 2) + "\n");
  for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
}

const TEST_OPTIONS: ReadonlySet<string> = new Set(
  ["timeout", "gates", "repeat", "matrix", "exclude", "udfs"] satisfies (keyof TestOptions)[],
);
const SCHEDULE_OPTIONS: ReadonlySet<string> = new Set(
  ["wait", "random", "waitFirst", "sequential"] satisfies (keyof ScheduleOptions)[],
);

/** Refuses arguments that would be ignored: JavaScript passes any number. */
function takes(name: string, most: number, given: IArguments): void {
  if (given.length <= most) return;
  throw badCall(`${name}() takes at most ${most} argument${most === 1 ? "" : "s"}, but has ${given.length}`);
}

function badCall(message: string): TineError {
  return new TineError("bad-plan", message);
}
