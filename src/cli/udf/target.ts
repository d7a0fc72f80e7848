import type { ModuleRunnerOptions } from "../../udf/module/module_runner.ts";
import type { RunningUdf } from "../../udf/running_udf.ts";
import type { SocketAddress } from "../../udf/udf_socket.ts";
import { BUNDLED_HANDLERS } from "../../udf/handlers/mod.ts";
import { parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import { integer, list, size, text } from "../flags.ts";
import { isModule } from "../module_flags.ts";

/** The flags of all commands that drive a UDF; the command line of one may also stand behind `--`. */
export const targetFlags = {
  handler: text({
    value: "HANDLER",
    complete: "file",
    words: BUNDLED_HANDLERS,
    help: `run a handler in this process: ${BUNDLED_HANDLERS.join(", ")}, or the path of a module`,
  }),
  socket: text({ value: "PATH", complete: "file", help: "connect to a UDF on a Unix socket" }),
  connect: text({ value: "HOST:PORT", help: "connect to a UDF on TCP, or on the Unix socket of a path with a slash" }),
};

/** The limit of messages of a UDF, or of a host to it. */
export const maxFrame = size({
  min: 1,
  max: 2 ** 31 - 1,
  help: "largest message accepted (default: 64MiB, for snapshots as memory allows)",
});

/** The flags of commands that send data to a UDF: its options, and how data is divided. */
export const udfDataFlags = {
  set: list({
    value: "NAME=VALUE",
    short: "s",
    help: "set an option of the UDF; several values by comma; NAME alone: a flag",
  }),
  groupBy: text({
    value: "TAG,TAG",
    help: "group points as Kapacitor's groupBy does; *: by all tags (default: one group)",
  }),
  batchSize: integer({ min: 1, help: "a batch is this many points of a group" }),
};

/** Where a UDF is to be found, as the command line gives it. */
export interface Target {
  handler?: string;
  socket?: string;
  connect?: string;
  trailing?: readonly string[];
}

/** What reaching a UDF needs to know beyond its place. */
export interface ReachOptions {
  /** How long a socket that is not there yet is tried again, in ms. */
  retryMs: number;
  /** Gets the lines that a child process writes to stderr. */
  log: (line: string) => void;
  /** Gets a sentence where a socket is not there yet. */
  waiting?: (why: string) => void;
  signal?: AbortSignal;
  /** How a module of an author is run. */
  module?: ModuleRunnerOptions;
  /** The folder that a child process runs in; default: that of this process. */
  cwd?: string;
}

/**
 * Reaches the UDF that the command line names: starts or connects to it.
 *
 * @throws {UsageError} unless it names exactly one
 */
export async function reachUdf(
  target: Target,
  { retryMs, log, waiting, signal, module, cwd }: ReachOptions,
): Promise<RunningUdf> {
  checkTarget(target);
  const { handler, socket, connect, trailing } = target;
  if (handler !== undefined) {
    if (isModule(handler, "--handler HANDLER")) {
      const { startModule } = await import("../../udf/module/module_runner.ts");
      return await startModule(handler, { log, ...module });
    }
    const { loadBundledHandler } = await import("../../udf/handlers/mod.ts");
    const { startInProcess } = await import("../../udf/running_udf.ts");
    return startInProcess(handler, (await loadBundledHandler(handler))!);
  }
  if (trailing !== undefined) {
    const { startProcess } = await import("../../udf/udf_process.ts");
    return startProcess(trailing, log, {}, cwd);
  }
  const { connectSocket } = await import("../../udf/udf_socket.ts");
  const address = socket !== undefined ? { path: socket } : placeOfUdf(connect!);
  return await connectSocket(address, retryMs, signal, waiting);
}

/**
 * Reads the value of `--connect`: HOST:PORT, or the path of a Unix socket, which has a slash.
 *
 * @throws {UsageError}
 */
export function placeOfUdf(connect: string): SocketAddress {
  return connect.includes("/") ? { path: connect } : parseAddress(connect, "--connect");
}

/**
 * Makes sure that one UDF is named.
 *
 * @param handlerFlag what names a handler
 * @throws {UsageError} where it is none, or several
 */
export function checkTarget({ handler, socket, connect, trailing }: Target, handlerFlag = "--handler"): void {
  const given = [
    handler !== undefined && handlerFlag,
    socket !== undefined && "--socket",
    connect !== undefined && "--connect",
    trailing !== undefined && "-- CMD",
  ].filter((name) => name !== false);
  if (given.length > 1) throw new UsageError(`${given.join(" and ")} exclude each other: name one UDF`);
  if (given.length === 0 || trailing?.length === 0) {
    throw new UsageError(
      `which UDF? Give -- CMD ARGS..., ${handlerFlag} HANDLER, --socket PATH or --connect HOST:PORT`,
    );
  }
}
