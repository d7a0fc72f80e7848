/**
 * How a declared flag is written on the command line.
 *
 * @example
 * ```ts
 * import { flagName } from "./flag_name.ts";
 * console.assert(flagName("handlerTimeout") === "--handler-timeout");
 * ```
 */
export function flagName(key: string): string {
  return "--" + key.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}
