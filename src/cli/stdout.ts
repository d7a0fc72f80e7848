import { messageOf, TineError } from "../base/errors.ts";

/** Nobody reads standard output any more, as in `tine host ... | head`: the command ends, and nothing is said. */
export class StdoutClosed extends TineError {
  override name = "StdoutClosed";

  constructor(options?: ErrorOptions) {
    super("stdout-closed", "standard output was closed", options);
  }
}

const encoder = new TextEncoder();

/**
 * Writes text or bytes to standard output, all of it.
 *
 * `console.log` hides that the reader has gone, so a command would compute on for nobody.
 *
 * @throws {StdoutClosed} once the reader has gone
 * @throws {TineError} `cannot-write` for any other reason, such as a full disk
 *
 * @example
 * ```ts
 * import { writeStdout } from "./stdout.ts";
 * await writeStdout("ready\n");
 * ```
 */
export async function writeStdout(data: string | Uint8Array): Promise<void> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  try {
    for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new StdoutClosed({ cause: error });
    throw new TineError("cannot-write", `cannot write to standard output: ${messageOf(error)}`, { cause: error });
  }
}
