import { isPlanModule, type Plan, readPlan } from "../node/mod.ts";
import { workerPermissions } from "../udf/module/module_runner.ts";
import { UsageError } from "./errors.ts";
import { givenPermission, type PermissionFlagValues } from "./module_flags.ts";
import { escape } from "./terminal.ts";

/**
 * Reads the plan that the command line names; a module gets the arguments behind `--`, and what it is permitted.
 *
 * @throws {UsageError} for arguments or permissions of what is no module
 */
export async function readGivenPlan(
  path: string,
  flags: PermissionFlagValues,
  trailing: readonly string[] | undefined,
  repeat?: number,
): Promise<Plan> {
  const given = trailing === undefined ? givenPermission(flags) : "--";
  if (given !== undefined && !isPlanModule(path)) {
    throw new UsageError(`${given} is for plans that a module writes, a .ts or .js file, not for ${escape(path)}`);
  }
  const { allowNet: net, allowRead: read, allowEnv: env, trust } = flags;
  const permissions = given === undefined ? "none" : workerPermissions({ net, read, env, trust });
  return await readPlan(path, { args: trailing, permissions, repeat });
}
