import { parseDialAddress } from "../base/address.ts";
import { TineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { UdfConfig } from "../node/plan/types.ts";
import { LINEAGE } from "../node/process/lineage.ts";
import type { Watchdog } from "../node/process/watchdog.ts";
import { BUNDLED_HANDLERS, isModulePath, loadBundledHandler } from "../udf/handlers/mod.ts";
import { type RunningUdf, startInProcess } from "../udf/running_udf.ts";
import { startProcess } from "../udf/udf_process.ts";
import { setGroupNice } from "../sys/scheduling.ts";
import { MODULE_THREADS, ProgramThreads, restrained } from "./restraint.ts";

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
/** How long one call of a module's handler may take, in milliseconds: it is to be found out before the test has ended. */
const HANDLER_TIMEOUT_MS = 10_000;

/**
 * Starts a UDF of a plan, or connects to it.
 *
 * @throws {TineError} `unknown-handler`, `no-module`, `cannot-start`, `cannot-connect`, `invalid-address`
 */
export async function reachPlanUdf(
  { handler, command, socket, connect }: Pick<UdfConfig, "handler" | "command" | "socket" | "connect">,
  options: ReachPlanUdfOptions,
): Promise<RunningUdf> {
  const { log, waiting, retryMs, signal, onRestraint } = options;
  if (handler !== undefined) {
    const bundled = await loadBundledHandler(handler);
    if (bundled !== undefined) return startInProcess(handler, bundled);
    if (!isModulePath(handler)) throw unknownHandler(handler);
    const { startModule } = await import("../udf/module/module_runner.ts");
    const module = await startModule(handler, { log, handlerTimeoutMs: HANDLER_TIMEOUT_MS });
    return restrained(module, MODULE_THREADS, onRestraint, () => module.busyMs);
  }
  if (command !== undefined) return startWatched(command, options);
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
function startWatched(command: readonly string[], { log, watchdog, onRestraint }: ReachPlanUdfOptions): RunningUdf {
  watchdog.start();
  const udf = startProcess(command, log, { [LINEAGE]: watchdog.lineage.command });
  const watch = watchdog.watchGroup(udf.pid);
  void udf.ended.then(() => watch[Symbol.dispose]());
  setGroupNice(udf.pid, PROGRAM_NICE);
  return restrained(udf, new ProgramThreads(udf.pid, PROGRAM_NICE), onRestraint);
}
