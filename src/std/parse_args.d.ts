/** The part of https://jsr.io/@std/cli that tine uses; its npm copy comes without types. */
export interface ParseOptions {
  boolean?: readonly string[];
  string?: readonly string[];
  collect?: readonly string[];
  alias?: Record<string, string | readonly string[]>;
  default?: Record<string, unknown>;
  negatable?: readonly string[];
  stopEarly?: boolean;
  "--"?: boolean;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}
export interface Args {
  _: (string | number)[];
  "--"?: string[];
  [flag: string]: unknown;
}
export function parseArgs(args: readonly string[], options?: ParseOptions): Args;
