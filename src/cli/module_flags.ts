import { duration, flag, list, section } from "./flags.ts";
import type { ModuleRunnerOptions } from "../udf/module/module_runner.ts";
import { nearest } from "../base/nearest.ts";
import { BUNDLED_HANDLERS, isModulePath } from "../udf/handlers/mod.ts";
import { UsageError } from "./errors.ts";
import { escape } from "./terminal.ts";

/** What an author's module may do. */
export const permissionFlags = section("Modules", {
  allowNet: list({ value: "HOST", help: "let the module reach a host (HOST or HOST:PORT)" }),
  allowRead: list({ value: "PATH", complete: "file", help: "let the module read a file or folder" }),
  allowEnv: list({ value: "NAME", help: "let the module read an environment variable" }),
  trust: flag({ help: "let the module do all that tine itself may do" }),
});

/** The flags above, as the command line gave them. */
export interface PermissionFlagValues {
  readonly allowNet: string[];
  readonly allowRead: string[];
  readonly allowEnv: string[];
  readonly trust: boolean;
}

/** Returns the first of the flags that was given; undefined where no flag was. */
export function givenPermission(flags: PermissionFlagValues): string | undefined {
  if (flags.allowNet.length > 0) return "--allow-net";
  if (flags.allowRead.length > 0) return "--allow-read";
  if (flags.allowEnv.length > 0) return "--allow-env";
  return flags.trust ? "--trust" : undefined;
}

/** What an author's module may do, and for how long. */
export const moduleFlags = {
  ...permissionFlags,
  ...section("Modules", {
    handlerTimeout: duration({ default: 60_000, zero: "none", help: "longest time for one call of the handler" }),
  }),
};

/** The flags above, as the command line gave them. */
export interface ModuleFlagValues extends PermissionFlagValues {
  readonly handlerTimeout: number;
}

/** How a module is run, as the flags say. */
export function moduleOptions(flags: ModuleFlagValues): ModuleRunnerOptions {
  const { trust, allowNet: net, allowRead: read, allowEnv: env, handlerTimeout } = flags;
  const stuck = (tid: number) => void letGiveWay(tid).catch(() => {}); // it has ended, or system calls cannot be made here
  return { permissions: { trust, net, read, env }, handlerTimeoutMs: handlerTimeout, stuck };
}

/** Leaves a thread that cannot be stopped only the time that all others of this process leave. */
async function letGiveWay(tid: number): Promise<void> {
  const { giveWay } = await import("../sys/scheduling.ts");
  giveWay(tid);
}

/**
 * Refuses permissions for what has no sandbox: a bundled handler, or another process.
 *
 * @param handler what is run; undefined: another process
 * @throws {UsageError} for permissions of what is no module
 */
export function checkModuleFlags(flags: ModuleFlagValues, handler: string | undefined): void {
  if (handler !== undefined && !BUNDLED_HANDLERS.includes(handler)) return;
  const given = givenPermission(flags);
  if (given === undefined) return;
  const instead = handler === undefined ? "another process is not sandboxed" : `${handler} comes with tine`;
  throw new UsageError(`${given} is for modules, the path of a .ts or .js file: ${instead}`);
}

/**
 * Whether HANDLER is the path of a module.
 *
 * @param name how the argument is called, for the message
 * @throws {UsageError} if it is neither that nor a bundled handler
 */
export function isModule(handler: string, name: string): boolean {
  if (BUNDLED_HANDLERS.includes(handler)) return false;
  if (isModulePath(handler)) return true;
  const near = nearest(handler, BUNDLED_HANDLERS);
  throw new UsageError(
    `${name}: expected ${BUNDLED_HANDLERS.join(", ")}, or the path of a .ts or .js module, not "${escape(handler)}"` +
      (near === undefined ? "" : `; did you mean ${near}?`),
  );
}
