import { flag, list } from "./flags.ts";

/** What an author's module may do. */
export const permissionFlags = {
  allowNet: list({ value: "HOST", help: "let the module reach a host (HOST or HOST:PORT)" }),
  allowRead: list({ value: "PATH", complete: "file", help: "let the module read a file or folder" }),
  allowEnv: list({ value: "NAME", help: "let the module read an environment variable" }),
  trust: flag({ help: "let the module do all that tine itself may do" }),
};

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
