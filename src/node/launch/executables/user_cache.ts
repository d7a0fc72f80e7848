import { TineError } from "../../../base/errors.ts";

/**
 * The folder of this user where tine keeps what can be made anew.
 *
 * @throws {TineError} `no-cache`: there is none, and what lies in a folder of all must not be executed
 */
export function userCache(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME");
  if (cache?.startsWith("/")) return `${cache}/tine`;
  const home = Deno.env.get("HOME");
  if (home?.startsWith("/")) return `${home}/.cache/tine`;
  throw new TineError("no-cache", "there is no place to keep executables: set HOME or XDG_CACHE_HOME");
}
