import { assertEquals } from "@std/assert";
import { byFolder, keepSources } from "../../scripts/coverage.ts";

Deno.test("byFolder() sums up the sources of each folder, and leaves out all other files", () => {
  const file = (path: string, lf: number, lh: number, brf = 0, brh = 0) =>
    `SF:${path}\nFNF:1\nFNH:1\nBRDA:1,0,0,1\nBRF:${brf}\nBRH:${brh}\nDA:1,1\nLF:${lf}\nLH:${lh}\nend_of_record\n`;
  const report = [
    file("/tine/src/wire/pipe.ts", 10, 9, 4, 3),
    file("/tine/src/node/plan/parse.ts", 5, 5),
    file("/tine/src/wire/a/b.ts", 2, 0, 1, 0),
    file("/tine/tests/wire/pipe_test.ts", 7, 7),
    file("/elsewhere/src/wire/pipe.ts", 7, 7),
  ].join("");
  assertEquals([...byFolder(report, "/tine/")], [
    ["src/node", { lines: 5, linesRun: 5, branches: 0, branchesRun: 0 }],
    ["src/wire", { lines: 12, linesRun: 9, branches: 5, branchesRun: 3 }],
  ]);
});

Deno.test("keepSources() drops what is cut or no source, and takes copies of the checkout for it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tine-coverage-" });
  try {
    const files = {
      "own.json": '{"url":"file:///tine/src/wire/pipe.ts","functions":[]}',
      "copy.json": '{"url":"file:///tmp/tine-checkout-1a2b/src/wire/pipe.ts","functions":[]}',
      "cut.json": '{"url":"file:///tine/src/wire/pipe.ts","funct',
      "empty.json": "",
      "test.json": '{"url":"file:///tine/tests/wire/pipe_test.ts","functions":[]}',
      "test_of_copy.json": '{"url":"file:///tmp/tine-checkout-1a2b/tests/a_test.ts","functions":[]}',
    };
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    assertEquals(keepSources(folder, "/tine/"), 2);
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
    assertEquals(names, ["copy.json", "own.json"]);
    for (const name of names) {
      const text = await Deno.readTextFile(`${folder}/${name}`);
      assertEquals(JSON.parse(text), { url: "file:///tine/src/wire/pipe.ts", functions: [] });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
