import { assertEquals } from "@std/assert";
import { findFiles } from "../../../../src/node/runners/sys_info/chosen.ts";

async function withFiles(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tine-test-" });
  try {
    await Deno.mkdir(`${folder}/a/b/c`, { recursive: true });
    for (const name of ["x.txt", "y.log", "a/x.txt", "a/b/x.txt", "a/b/c/x.txt", "a/[x].txt"]) {
      await Deno.writeTextFile(`${folder}/${name}`, name);
    }
    await Deno.symlink("..", `${folder}/a/up`);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("findFiles() finds the files that match", () =>
  withFiles(async (folder) => {
    const cases: [string, string[]][] = [
      ["x.txt", ["x.txt"]],
      ["*.txt", ["x.txt"]],
      ["*/x.*", ["a/x.txt"]],
      ["**/x.txt", ["a/b/c/x.txt", "a/b/x.txt", "a/x.txt", "x.txt"]],
      ["a/b/**", ["a/b/c/x.txt", "a/b/x.txt"]],
      ["a/\\[x].txt", ["a/[x].txt"]],
      ["a/up/y.log", ["a/up/y.log"]],
      ["a", []],
      ["no/*", []],
      ["x.txt/*", []],
    ];
    for (const [pattern, names] of cases) {
      const { paths, whole } = await findFiles(`${folder}/${pattern}`, 1000);
      assertEquals(paths, names.map((name) => `${folder}/${name}`), pattern);
      assertEquals(whole, true);
    }
  }));

Deno.test("findFiles() stops after so many entries", () =>
  withFiles(async (folder) => {
    assertEquals((await findFiles(`${folder}/**`, 3)).whole, false);
  }));
