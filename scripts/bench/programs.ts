/** Where the programs that benchmarks run are. @module */

const path = (relative: string) => new URL(relative, import.meta.url).pathname;
const denoRun = [Deno.execPath(), "run", "--no-prompt", "-A"];

/** The command line that runs `tine` with these arguments from this checkout. */
export function tine(...args: string[]): string[] {
  return [...denoRun, path("../../main.ts"), ...args];
}

/** The command line that runs a program of this folder. */
export function program(name: string): string[] {
  return [...denoRun, path(name)];
}
