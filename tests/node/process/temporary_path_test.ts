import { assert, assertEquals, assertThrows } from "@std/assert";
import { Watchdog } from "../../../src/node/process/watchdog.ts";
import { temporaryPath } from "../../../src/node/process/temporary_path.ts";
import { TineError } from "../../../src/base/errors.ts";

/** Calls a function with another TMPDIR. */
async function inFolder<T>(folder: string, action: () => T | Promise<T>): Promise<T> {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  try {
    return await action();
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
}

Deno.test("temporaryPath() gives a path that a watchdog takes, however TMPDIR is written", async () => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "tine test " }));
  const home = Deno.cwd();
  try {
    Deno.mkdirSync(`${folder}/a b`);
    Deno.chdir(folder);
    await using watchdog = new Watchdog();
    for (const written of [`${folder}/a b/`, `${folder}//a b`, `${folder}/./a b/../a b`, "a b"]) {
      const path = await inFolder(written, () => temporaryPath("tine-"));
      assertEquals(path.slice(0, path.lastIndexOf("/")), `${folder}/a b`);
      using _watched = await watchdog.watchPath(path);
      const made = await inFolder(written, () => watchdog.makeFolder());
      assert(Deno.statSync(made).isDirectory);
      assert(!made.includes(watchdog.lineage.marker), "the marker can be seen by all users");
    }
  } finally {
    Deno.chdir(home);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("temporaryPath() tells of a TMPDIR that is not there", async () => {
  await inFolder("/nonexistent/x", () => {
    const error = assertThrows(() => temporaryPath("tine-"), TineError, "/nonexistent/x");
    assertEquals(error.code, "no-temporary-folder");
  });
});
