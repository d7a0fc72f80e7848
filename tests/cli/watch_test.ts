import { assertEquals, assertStringIncludes } from "@std/assert";
import { startTine, TextReader, TINE } from "../support/tine.ts";

/** A module that counts points and answers with its version; `more` goes into the handler. */
function source(version: number, more = ""): string {
  return `import { step } from "./step.ts";
export function createHandler(agent) {
  let count = 0;
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point: (point) => agent.point({ name: "v${version}", time: point.time, fieldsInt: new Map([["count", BigInt(count += step)]]) }),
    snapshot: () => new TextEncoder().encode(String(count)),
    restore(state) { count = Number(new TextDecoder().decode(state)); },
    ${more}
  };
}
`;
}

/** A host that watches a module, by itself or through an agent. */
async function withWatched(
  through: "host" | "agent",
  fn: (watched: {
    path: string;
    folder: string;
    /** Sends a point, and gives the answer to it. */
    ask: (time: number) => Promise<string>;
    stderr: TextReader;
  }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/my udf.ts`;
  await Deno.writeTextFile(path, source(1));
  await Deno.writeTextFile(`${folder}/step.ts`, "export const step = 1;\n");
  const child = through === "host"
    ? startTine("host", "--handler", path, "--watch")
    : startTine("host", "--", ...TINE, "agent", path, "--watch");
  const writer = child.stdin.getWriter();
  const stdout = new TextReader(child.stdout);
  const stderr = new TextReader(child.stderr);
  try {
    await fn({
      path,
      folder,
      async ask(time) {
        await writer.write(new TextEncoder().encode(`cpu v=1 ${time}\n`));
        return (await stdout.until(new RegExp(`(.*) ${time}\n`)))[1];
      },
      stderr,
    });
    await writer.close();
    assertEquals((await child.status).code, 0, await stderr.rest());
  } finally {
    await stdout.rest();
    await stderr.rest();
    await Deno.remove(folder, { recursive: true });
  }
}

for (const through of ["host", "agent"] as const) {
  Deno.test(`tine ${through} --watch replaces a module that changes, with its state`, async () => {
    await withWatched(through, async ({ path, folder, ask, stderr }) => {
      assertEquals(await ask(1), "v1 count=1i");
      await Deno.writeTextFile(path, source(2));
      await stderr.until(/has taken over/);
      assertEquals(await ask(2), "v2 count=2i");

      // As editors do it: a new file takes the name.
      await Deno.writeTextFile(`${folder}/.my udf.ts.swp`, source(3));
      await Deno.rename(`${folder}/.my udf.ts.swp`, path);
      await stderr.until(/(has taken over[^]*){2}/);
      assertEquals(await ask(3), "v3 count=3i");

      await Deno.writeTextFile(`${folder}/step.ts`, "export const step = 10;\n");
      await stderr.until(/(has taken over[^]*){3}/);
      assertEquals(await ask(4), "v3 count=13i");
    });
  });
}

Deno.test("a version that is broken leaves the old one in place, and is told", async () => {
  await withWatched("host", async ({ path, ask, stderr }) => {
    assertEquals(await ask(1), "v1 count=1i");
    await Deno.writeTextFile(path, "export const x: = ;\n");
    await stderr.until(/the new version does not start, the old one goes on: .*SyntaxError/);
    assertEquals(await ask(2), "v1 count=2i");
    await Deno.writeTextFile(path, source(2));
    await stderr.until(/has taken over/);
    assertEquals(await ask(3), "v2 count=3i");
  });
});

Deno.test("a version that cannot take the state starts empty, and says so", async () => {
  await withWatched("host", async ({ path, ask, stderr }) => {
    assertEquals(await ask(1), "v1 count=1i");
    await Deno.writeTextFile(path, source(2, 'restore() { throw new Error("another format"); },'));
    await stderr.until(/the new version starts empty: .*another format/);
    await stderr.until(/has taken over/);
    assertEquals(await ask(2), "v2 count=1i");
  });
});

Deno.test("many quick saves end with the last version", async () => {
  await withWatched("host", async ({ path, ask, stderr }) => {
    assertEquals(await ask(1), "v1 count=1i");
    for (let version = 2; version <= 12; version++) {
      await Deno.writeTextFile(path, source(version));
      await new Promise((resolve) => setTimeout(resolve, version * 12));
    }
    let answer = "";
    for (let time = 2; !answer.startsWith("v12"); time++) {
      answer = await ask(time);
      assertStringIncludes(answer, `count=${time}i`);
    }
    await stderr.until(/has taken over/);
  });
});
