import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { exists } from "../../src/result/owner.ts";
import { inFolder } from "../result/fixtures.ts";
import { sampleMessages } from "../report/sample_report.ts";
import { startRun, testNamed } from "../result/fixtures.ts";
import { startTine, TextReader, tine } from "../support/tine.ts";
import { unless } from "../support/unless.ts";
import { findTool } from "../../src/node/process/tools.ts";

/** Stores a run of tests, and returns its folder. */
async function recordRun(out: string, names: readonly string[]): Promise<string> {
  await using run = await startRun(out);
  for (const name of names) {
    const store = await run.startTest(testNamed(name));
    for (const message of sampleMessages()) await store.add(message);
    await store.finish({ status: "ok" });
  }
  return await run.finish();
}

Deno.test("report writes pages to a file, a folder or standard output, and says where they are", () =>
  inFolder(async (folder) => {
    const run = await recordRun(`${folder}/results`, ["a", "b"]);
    const file = `${folder}/page.html`, pages = `${folder}/pages/`;
    assertEquals(await tine(["report", run, "-o", file]), { code: 0, stdout: "", stderr: `${file}\n` });
    assertStringIncludes(await Deno.readTextFile(file), '<a href="#test-2">b</a>');

    assertEquals(await tine(["report", `${folder}/results`, "-o", pages]), {
      code: 0,
      stdout: "",
      stderr: `${pages}index.html\n`,
    });
    const names = await Array.fromAsync(Deno.readDir(pages), ({ name }) => name);
    assertEquals(names.sort(), ["index.html", "name=a.html", "name=b.html"]);
    assertStringIncludes(await Deno.readTextFile(`${pages}index.html`), 'href="name%3Da.html"');

    const { stdout, stderr } = await tine(["report", `${run}/name=a`, "--title", "My <test>", "-o", "-"]);
    assertStringIncludes(stdout, "<h1>My &lt;test&gt;</h1>");
    assertEquals(stderr, "");
  }));

Deno.test("report writes one plot as SVG, and names what it cannot draw", () =>
  inFolder(async (folder) => {
    const run = await recordRun(`${folder}/results`, ["a", "b"]);
    const { stdout } = await tine(["report", `${run}/name=a`, "--plot", "rtt-cdf", "-o", "-"]);
    assertMatch(stdout, /^<svg[^]*<\/svg>$/);
    const both = await tine(["report", `${run}/name=a`, `${run}/name=b`, "--plot", "box", "-o", "-"]);
    assertStringIncludes(both.stdout, "one (name=b)");
    assertEquals(
      (await tine(["report", run, "--plot", "rtt"])).stderr,
      [
        `tine report: --plot needs one test, and ${run} has 2: name one, such as ${run}/name=a\n`,
      ].join(),
    );
    const { code, stderr } = await tine(["report", `${run}/name=a`, "--plot", "cwmd"]);
    assertEquals([code, stderr], [1, 'tine report: there is no plot "cwmd": did you mean cwnd?\n']);
  }));

const noRasteriser = ["rsvg-convert", "chromium"].every((name) => {
  try {
    return findTool(name, "") === "";
  } catch {
    return true;
  }
});

Deno.test({
  ...unless(
    noRasteriser ? "neither rsvg-convert nor chromium is installed" : undefined,
    "report writes one plot as PNG, of the size of its SVG",
  ),
  fn: () =>
    inFolder(async (folder) => {
      const run = await recordRun(`${folder}/results`, ["a"]);
      const { code } = await tine(["report", run, "--plot", "rtt-cdf", "-o", `${folder}/rtt.png`]);
      assertEquals(code, 0);
      const png = await Deno.readFile(`${folder}/rtt.png`);
      assertEquals([...png.subarray(1, 4)], [..."PNG"].map((letter) => letter.charCodeAt(0)));
      assertEquals(new DataView(png.buffer).getUint32(16), 840);
    }),
});

Deno.test("report leaves an older page in place where it fails, and no other file behind", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/page.html`, "older");
    const { code, stderr } = await tine(["report", `${folder}/nothing`, "-o", `${folder}/page.html`]);
    assertEquals(code, 1);
    assertMatch(stderr, /^tine report: there are no results in .*nothing: there is no such folder\n$/);
    assertEquals(await Deno.readTextFile(`${folder}/page.html`), "older");
    const run = await recordRun(`${folder}/results`, ["a"]);
    const failed = await tine(["report", run, "-o", `${folder}/no/such/page.html`]);
    assertEquals(failed.code, 1);
    assertMatch(failed.stderr, /^tine report: cannot write .*page\.html: /);
    const left = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    assertEquals(left.sort(), ["page.html", "results"]);
  }));

Deno.test("run --report writes a page, also when a test failed, and checks first that it can", () =>
  inFolder(async (folder) => {
    const plan = `${folder}/plan.json`, page = `${folder}/page.html`;
    await Deno.writeTextFile(
      plan,
      JSON.stringify({ tests: [{ id: { name: "failing" }, timeout: "10s", system: { command: "false" } }] }),
    );
    const { code, stderr } = await tine(["run", plan, "--out", `${folder}/results`, "--report", page]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `${page}\n`);
    assertMatch(await Deno.readTextFile(page), /class="status failed">failed<[^]*false/);

    const bad = await tine(["run", plan, "--out", `${folder}/other`, "--report", `${folder}/missing/page.html`]);
    assertEquals(bad.code, 2);
    assertStringIncludes(bad.stderr, "expected a file in a folder that is there, and there is no folder");
    assertEquals(await exists(`${folder}/other`), false);
  }));

Deno.test("report refuses a file whose name says that it is something else, and takes a folder that is there", () =>
  inFolder(async (folder) => {
    const run = await recordRun(`${folder}/results`, ["a", "b"]);
    const failed = async (...args: string[]) => {
      const { code, stdout, stderr } = await tine(["report", ...args]);
      assertEquals(stdout, "");
      return [code, stderr.split("\n")[0]];
    };
    assertEquals(await failed(`${run}/name=a`, "--plot", "rtt", "-o", `${folder}/rtt.pdf`), [
      2,
      `tine report: -o: expected a plot's file such as rtt.svg or rtt.png, not "${folder}/rtt.pdf"`,
    ]);
    assertEquals(await failed(run, "-o", `${folder}/page.png`), [
      2,
      `tine report: a page is HTML: expected a file such as page.html, not "${folder}/page.png"; ` +
      "a plot by itself takes --plot NAME",
    ]);
    assertEquals(await failed(run, "-o", `${folder}/nothing/page.html`), [
      1,
      `tine report: cannot write ${folder}/nothing/page.html: there is no such folder`,
    ]);
    await Deno.mkdir(`${folder}/pages`);
    assertEquals(await failed(run, "-o", `${folder}/pages`), [0, `${folder}/pages/index.html`]);
    await Deno.writeTextFile(`${folder}/file`, "");
    assertEquals(await failed(run, "-o", `${folder}/file/`), [
      1,
      `tine report: cannot write ${folder}/file/: a file of this name is there`,
    ]);
    assertEquals((await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort(), [
      "file",
      "pages",
      "results",
    ]);
  }));

Deno.test("report --serve refuses a file, and waits for a folder that is not there", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    assertEquals(await tine(["report", "--serve", "--with-stdin", `${folder}/file`]), {
      code: 1,
      stdout: "",
      stderr: `tine report: ${folder}/file is no folder of results\n`,
    });
    const server = startTine("report", "--serve", `${folder}/later`);
    await using out = new TextReader(server.stdout);
    await out.until(/^http:.*\n/);
    server.kill("SIGINT");
    await using err = new TextReader(server.stderr);
    await err.until(/there is no folder .*later so far: pages wait for it\n/);
    await server.stdin.close();
    assertEquals((await server.status).code, 0);
  }));
