import { messageOf, TineError } from "../../base/errors.ts";

/**
 * Returns an unguessable path for a temporary file or folder, in the folder that TMPDIR names, or in /tmp.
 *
 * It is absolute and has no links or needless slashes, as {@linkcode import("./watchdog.ts").Watchdog} wants it: it can
 * be watched before it exists.
 *
 * @param prefix what its name begins with
 * @throws {TineError} `no-temporary-folder`
 */
export function temporaryPath(prefix: string): string {
  const folder = Deno.env.get("TMPDIR") || "/tmp";
  try {
    return `${Deno.realPathSync(folder)}/${prefix}${crypto.randomUUID()}`;
  } catch (error) {
    throw new TineError(
      "no-temporary-folder",
      `the folder for temporary files, ${JSON.stringify(folder)}, cannot be used: correct TMPDIR (${messageOf(error)})`,
      { cause: error },
    );
  }
}
