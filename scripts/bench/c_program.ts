import { isInstalled, outputOf } from "./command_output.ts";

/** A program in C of this folder, compiled into a folder that goes away. */
export interface CProgram extends AsyncDisposable {
  /** Undefined where there is no C compiler. */
  readonly path: string | undefined;
}

/** Stands in for the figures of a program where {@linkcode CProgram.path} is undefined. */
export const NO_COMPILER = "no C compiler is installed";

/**
 * Compiles a program.
 *
 * @param name of its file in this folder, without `.c`
 */
export async function compileC(name: string): Promise<CProgram> {
  const folder = await Deno.makeTempDir({ prefix: "tine-bench-" });
  const path = `${folder}/${name}`;
  const compiler = ["cc", "gcc", "clang"].find((name) => isInstalled(name, "--version"));
  if (compiler !== undefined) {
    await outputOf([compiler, "-O2", "-o", path, new URL(`${name}.c`, import.meta.url).pathname]);
  }
  return {
    path: compiler && path,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
