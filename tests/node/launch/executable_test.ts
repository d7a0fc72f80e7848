import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  buildFolder,
  exeFile,
  firstOf,
  knownFiles,
  noExecutable,
  selfCommand,
} from "../../../src/node/launch/executable.ts";
import { TineError } from "../../../src/base/errors.ts";

Deno.test("selfCommand() starts the tine that this is, from any folder", async () => {
  const { command: [program, ...args], env, files } = selfCommand();
  const { stdout, success } = await new Deno.Command(program, { args: [...args, "--version"], env, cwd: "/" }).output();
  assert(success);
  assert(new TextDecoder().decode(stdout).startsWith("tine "));
  assertEquals(files, [Deno.execPath(), new URL("../../../main.ts", import.meta.url).pathname]);
});

const OPTIONS = { signal: new AbortController().signal, lineage: "", onLine() {} };

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("buildFolder() finds builds by their names", () =>
  inFolder(async (folder) => {
    for (const name of ["tine-linux-x64", "tine-macos-arm64", "tine", "tine-linux-x64.old"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    const source = buildFolder(folder);
    assertEquals([...source.platforms().keys()].toSorted(), ["linux-x64", "macos-arm64"]);
    assertEquals(await source.find("linux-x64", OPTIONS), `${folder}/tine-linux-x64`);
    assertEquals(await source.find("linux-arm64", OPTIONS), undefined);
  }));

Deno.test("buildFolder() says what is missing", () =>
  inFolder((folder) => {
    assertThrows(() => buildFolder(folder), TineError, `deno task build --out ${folder}`);
    assertThrows(() => buildFolder(`${folder}/none`), TineError, "is not there");
    return Promise.resolve();
  }));

Deno.test("firstOf() asks one source after another", async () => {
  const source = firstOf([knownFiles({ a: "1" }), knownFiles({ a: "2", b: "3" })]);
  const found = await Promise.all(["a", "b", "c"].map((platform) => source.find(platform, OPTIONS)));
  assertEquals(found, ["1", "3", undefined]);
  assertEquals(Object.fromEntries(source.platforms()), { a: "1", b: "3" });
  assertStringIncludes(noExecutable("linux-arm64").message, "deno task build --platform linux-arm64");
});

Deno.test("exeFile() hashes a file, and again when it has changed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/exe`;
    await Deno.writeTextFile(path, "abc");
    const file = await exeFile(path);
    assertEquals(file, {
      path,
      size: 3,
      hash: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
    assertEquals(await exeFile(path), file);
    await Deno.writeTextFile(path, "abcd");
    assertEquals((await exeFile(path)).size, 4);
    await Deno.remove(path);
    await assertRejects(() => exeFile(path), TineError, "cannot be read");
  }));
