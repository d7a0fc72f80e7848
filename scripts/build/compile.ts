import type { Platform } from "./platform.ts";
import { root, unstableFlags, workerModules } from "./program.ts";

/** Downloading the runtime takes a while on a slow line; one that hangs must not stop the build for ever. */
const TIMEOUT_MS = 180_000;

/**
 * Makes the executable with `deno compile`.
 *
 * @param platform what it is for
 * @param out the file to write
 * @returns undefined when it is done, or one line that says why it could not be
 */
export async function compile(platform: Platform, out: string): Promise<string | undefined> {
  const include = (await workerModules()).flatMap((path) => ["--include", path]);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "-q", "-A", "--no-check", "--no-prompt", ...unstableFlags, ...include],
      ...["--target", platform.target, "--output", out, "main.ts"],
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal,
  }).output();
  if (success) return undefined;
  if (signal.aborted) return `deno compile was not done after ${TIMEOUT_MS / 1000} s`;
  return reason(new TextDecoder().decode(stderr));
}

/** The innermost cause, without the addresses in it. */
function reason(stderr: string): string {
  const lines = stderr.split("\nStack backtrace")[0].split("\n").map((line) => line.trim()).filter(Boolean);
  const causes = lines.filter((line) => line.startsWith("error") || /^\d+: /.test(line));
  return (causes.at(-1) ?? lines.at(-1) ?? "deno compile failed").replace(/^\d+: /, "").replace(/ ?\(http[^)]*\)/g, "");
}
