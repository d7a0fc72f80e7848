import { parseDialAddress } from "../base/address.ts";
import { TineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { UdfConfig } from "../node/plan/types.ts";
import { LINEAGE } from "../node/process/lineage.ts";
import { selfCommand } from "../node/launch/executable.ts";
import type { Watchdog } from "../node/process/watchdog.ts";
import { BUNDLED_HANDLERS, isModulePath, loadBundledHandler } from "../udf/handlers/mod.ts";
import { checkModule } from "../udf/module/module_runner.ts";
import { type RunningUdf, startInProcess } from "../udf/running_udf.ts";
import { startProcess } from "../udf/udf_process.ts";
import { ProgramThreads, restrained } from "./restraint.ts";

/** How a UDF of a plan is reached. */
export interface ReachPlanUdfOptions {
  /** Gets the lines that it prints. */
  log(line: string): void;
  /** Gets a sentence when a socket is not there yet. */
  waiting?(why: string): void;
  /** Called when it computes without an answer, and has to give way to all others until it answers. */
  onRestraint?(): void;
  /** Ends processes that are started, also those that leave their group, and when this process is killed. */
  readonly watchdog: Watchdog;
  /** How long a socket that is not there yet is tried again, in milliseconds. */
  readonly retryMs: number;
  readonly signal?: AbortSignal;
}

/** Programs give way to the bridge too, which has the rows of all UDFs to make. */
const PROGRAM_NICE = 10;
/** What a module takes is mostly the work on its rows, which a program of a UDF has less of: it is as the bridge. */
const MODULE_NICE = 5;

/**
 * Starts a UDF of a plan, or connects to it.
 *
 * @throws {TineError} `unknown-handler`, `no-module`, `cannot-start`, `cannot-connect`, `invalid-address`
 */
export async function reachPlanUdf(
  { handler, command, socket, connect }: Pick<UdfConfig, "handler" | "command" | "socket" | "connect">,
  options: ReachPlanUdfOptions,
): Promise<RunningUdf> {
  const { waiting, retryMs, signal } = options;
  if (handler !== undefined) {
    const bundled = await loadBundledHandler(handler);
    if (bundled !== undefined) return startInProcess(handler, bundled);
    if (!isModulePath(handler)) throw unknownHandler(handler);
    await checkModule(handler);
    // Deno cannot end a thread that loops: a process gives the processor back to the test.
    const self = selfCommand({ forOther: true, smallHeap: false });
    const path = handler.startsWith("-") ? `./${handler}` : handler; // it is no flag
    const module = startWatched([...self.command, "node", "udf", path], self.env, MODULE_NICE, options);
    return { ...module, name: handler };
  }
  if (command !== undefined) return startWatched(command, {}, PROGRAM_NICE, options);
  const { connectSocket } = await import("../udf/udf_socket.ts");
  const address = socket === undefined ? parseDialAddress(connect!) : { path: socket };
  return await connectSocket(address, retryMs, signal, waiting);
}

/** @throws {TineError} `unknown-handler`, with the nearest name */
export function unknownHandler(handler: string): TineError {
  const near = nearest(handler, BUNDLED_HANDLERS);
  const hint = near === undefined
    ? `expected ${BUNDLED_HANDLERS.join(", ")}, or the path of a .ts or .js module`
    : `did you mean ${near}?`;
  return new TineError("unknown-handler", `there is no handler ${JSON.stringify(handler)}: ${hint}`);
}

/** Starts a process that the watchdog ends with this one. */
function startWatched(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  nice: number,
  { log, watchdog, onRestraint }: ReachPlanUdfOptions,
): RunningUdf {
  watchdog.start();
  const udf = startProcess(command, log, { ...env, [LINEAGE]: watchdog.lineage.command });
  const watch = watchdog.watchGroup(udf.pid);
  void udf.ended.then(() => watch[Symbol.dispose]());
  return restrained(udf, new ProgramThreads(udf.pid, nice), onRestraint);
}
