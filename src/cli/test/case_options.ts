import { dirname, isAbsolute, join } from "node:path";
import { TineError, whyNotRead } from "../../base/errors.ts";
import type { CaseUdf, RunCaseOptions, UdfCase } from "../../udf/cases/mod.ts";
import { isModulePath } from "../../udf/handlers/mod.ts";
import { openInputs } from "../host/input.ts";
import { isModule, moduleOptions } from "../module_flags.ts";
import { reachUdf, type Target } from "../udf/target.ts";
import type { TestFlags } from "./test_cases.ts";

/** How long a socket that is not there yet is tried again, in ms. */
const RETRY_MS = 2_000;

/**
 * What a case needs from outside: its UDF, and files beside it.
 *
 * @param path of the file of cases
 * @param given the UDF of the command line; undefined: that of the case
 */
export function caseOptions(
  path: string,
  test: UdfCase,
  given: Target | undefined,
  flags: TestFlags,
): Pick<RunCaseOptions, "reach" | "openPoints" | "readFile"> {
  const folder = dirname(path);
  const beside = (path: string) => isAbsolute(path) ? path : join(folder, path);
  const target = given ?? targetOf(test.udf!, beside);
  return {
    async reach(log, signal) {
      // The message of a wrong one does not name a flag.
      if (given === undefined && target.handler !== undefined) isModule(target.handler, "handler");
      return await reachUdf(target, {
        retryMs: Math.min(flags.timeout || RETRY_MS, RETRY_MS),
        log,
        signal,
        cwd: given === undefined ? folder : undefined,
        module: { ...moduleOptions(flags), maxFrameBytes: flags.maxFrame },
      });
    },
    async openPoints({ file, format }) {
      const [input] = await openInputs([beside(file)], format);
      return input;
    },
    async readFile(file) {
      try {
        return await Deno.readFile(beside(file));
      } catch (error) {
        const reason = whyNotRead(error);
        throw new TineError("cannot-read", `cannot read the snapshot ${beside(file)}: ${reason}`, { cause: error });
      }
    },
  };
}

function targetOf({ handler, command, socket, connect }: CaseUdf, beside: (path: string) => string): Target {
  return {
    handler: handler === undefined || !isModulePath(handler) ? handler : beside(handler),
    socket: socket === undefined ? undefined : beside(socket),
    connect,
    trailing: command,
  };
}
