/** The C compiler of this machine; undefined if there is none. Constants and layouts are held against it. */
export const compiler = Deno.build.os === "linux" ? await findCompiler() : undefined;

/** Why a test that takes a C compiler is left out; undefined where it is not. */
export const whyNoCompiler: string | undefined = compiler === undefined ? "no C compiler is installed" : undefined;

async function findCompiler(): Promise<string | undefined> {
  for (const name of ["cc", "gcc", "clang"]) {
    try {
      const { success } = await new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
        .output();
      if (success) return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/**
 * Compiles and runs statements of C.
 *
 * @param headers to include, with the definitions of GNU and Linux
 * @returns what they print, by lines
 */
export async function runC(headers: readonly string[], statements: readonly string[]): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "tine-test-c-" });
  try {
    const source = [
      "#define _GNU_SOURCE",
      ...["stdio.h", "stddef.h", ...headers].map((header) => `#include <${header}>`),
      `int main(void) {`,
      ...statements,
      `return 0; }`,
    ].join("\n");
    await Deno.writeTextFile(`${folder}/main.c`, source);
    await run(compiler!, "-o", `${folder}/main`, `${folder}/main.c`);
    return (await run(`${folder}/main`)).trimEnd().split("\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr).slice(0, 2000)}`);
  return new TextDecoder().decode(stdout);
}
