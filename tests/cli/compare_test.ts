import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder } from "../result/fixtures.ts";
import { repeats, type StoredTest, storeRun } from "../result/compare/repeated_runs.ts";
import { tine } from "../support/tine.ts";

/** Ten repeats around a goodput, a few thousandths apart, with round trips as the goodput has them. */
function tenOf(id: Record<string, string>, goodput: number, n = 10): StoredTest[] {
  const factors = Array.from({ length: n }, (_, i) => 1 + (i * 7 % 10 - 4.5) / 1000);
  return repeats(id, factors, (factor) => ({ bulk: { goodput: Math.round(goodput * factor), rtt: 20 * factor } }));
}

Deno.test("tine compare has a table of medians, differences and verdicts, and warns of what differs", () =>
  inFolder(async (out) => {
    const before = await storeRun(out, tenOf({ name: "link" }, 20e6));
    const after = await storeRun(out, tenOf({ name: "link" }, 19e6), {
      started: "2026-11-22T00:00:00Z",
      kernel: "6.2",
    });
    const { code, stdout, stderr } = await tine(["compare", before, after]);
    assertEquals([code, stderr], [0, `warning: different kernel: "6.1" in ${before}, "6.2" in ${after}\n`]);
    assertEquals(
      stdout,
      `base: ${before}, 10 repeats
new: ${after}, 10 repeats

figure                            base                       new            difference        p  verdict

name=link: bulk
  goodput     20.0 Mbit/s [19.9, 20.1]  19.0 Mbit/s [18.9, 19.1]  -5.0% [-5.3%, -4.7%]  <0.0001  worse
  resent                      0 [0, 0]                  0 [0, 0]                     0     1.00  no difference seen
  RTT median   20.00 ms [19.93, 20.07]   20.00 ms [19.93, 20.07]   0.0% [-0.3%, +0.3%]     1.00  no difference seen
  RTT p99      20.00 ms [19.93, 20.07]   20.00 ms [19.93, 20.07]   0.0% [-0.3%, +0.3%]     1.00  no difference seen

[ ]: interval of 95%
`,
    );
  }));

Deno.test("tine compare --by has a side for each value of a key, from the value that is named on", () =>
  inFolder(async (out) => {
    const path = await storeRun(out, [
      ...tenOf({ name: "cca", cca: "cubic" }, 20e6),
      ...tenOf({ name: "cca", cca: "bbr" }, 21e6),
      ...tenOf({ name: "cca", cca: "reno" }, 20e6),
    ]);
    const rows = async (...args: string[]) => {
      const { stdout, stderr } = await tine(["compare", path, "--figure", "goodput", "--json", ...args]);
      assertEquals(stderr, "");
      const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      return lines.filter(({ type }) => type === "row").map(({ base, other, verdict }) => [base, other, verdict]);
    };
    assertEquals(await rows("--by=cca"), [
      ["cca=cubic", "cca=bbr", "better"],
      ["cca=cubic", "cca=reno", "no difference seen"],
    ]);
    assertEquals(await rows("--by=cca=bbr", "--test=cca=c|b"), [["cca=bbr", "cca=cubic", "worse"]]);
  }));

Deno.test("tine compare --markdown prints a table for a pull request, with its warnings below", () =>
  inFolder(async (out) => {
    const before = await storeRun(`${out}/a_b`, tenOf({ name: "link" }, 20e6, 3));
    const after = await storeRun(`${out}/c`, tenOf({ name: "link" }, 19e6, 3), { kernel: "6.2" });
    const { stdout, stderr } = await tine(["compare", before, after, "--markdown", "--figure=goodput"]);
    assertEquals(stderr, "");
    const lines = stdout.replaceAll(out, "OUT").split("\n");
    assertEquals(lines[0], "**OUT/c/2026-11-21T02-55-00Z** against OUT/a\\_b/2026-11-21T02-55-00Z");
    assertEquals(
      lines[4],
      "| name=link: bulk | goodput | 20.0 Mbit/s (19.9 .. 20.1) | 19.0 Mbit/s (18.9 .. 19.0) | -5.0% (-5.7% .. -4.3%) | 3, 3 |  | \\~ |",
    );
    assertStringIncludes(
      stdout,
      "- \\~: no verdict: 3 against 3 cannot reach 0.05; it needs at least 4 repeats a side\n",
    );
    assertMatch(stdout, /- \*\*Warning:\*\* different kernel: "6.1" in .*, "6.2" in .*\n$/);
  }));

Deno.test("tine compare explains in one sentence what is wrong", () =>
  inFolder(async (out) => {
    const path = await storeRun(out, tenOf({ name: "link" }, 20e6, 2));
    const wrong = async (...args: string[]) => {
      const { code, stdout, stderr } = await tine(["compare", ...args]);
      assertEquals(stdout, "");
      return [code, stderr.split("\n")[0].replaceAll(path, "RUN")];
    };
    assertEquals(await wrong(path), [
      2,
      "tine compare: what to compare with is missing: name a second path, or a key of ids with --by",
    ]);
    assertEquals(await wrong(path, path, "--figure", "godput"), [
      2,
      'tine compare: --figure: there is no figure "godput": did you mean goodput?',
    ]);
    assertEquals(await wrong(path, path, "--flow", "blk"), [
      1,
      "tine compare: there is nothing to compare: no flow matches --flow: flows are bulk",
    ]);
    assertEquals(await wrong(path, path, "--test", "name=x"), [
      1,
      "tine compare: RUN has no test with name=x",
    ]);
    assertEquals(await wrong(path, path, "-o", `${out}/x.md`), [
      2,
      `tine compare: a page is HTML: expected a file such as page.html, not "${out}/x.md"; ` +
      "--markdown, --json and a table are for standard output",
    ]);
    assertEquals(await wrong(path, "--by", "cca"), [
      1,
      "tine compare: RUN has no two tests that differ in cca: keys of the ids are name",
    ]);
    assertEquals(await wrong(path, `${out}/nothing`), [
      1,
      `tine compare: there are no results in ${out}/nothing: there is no such folder`,
    ]);
    assertEquals(await wrong(path, path, "--json", "--markdown"), [
      2,
      "tine compare: --json and --markdown exclude each other",
    ]);
  }));

Deno.test("tine compare leaves out tests that are damaged, and compares the others", () =>
  inFolder(async (out) => {
    const ids = ["one", "two", "three"].map((name) => ({ name }));
    const before = await storeRun(out, ids.flatMap((id) => tenOf(id, 20e6, 1)));
    const after = await storeRun(out, ids.flatMap((id) => tenOf(id, 19e6, 1)), { started: "2026-11-22T00:00:00Z" });
    const { tests } = JSON.parse(await Deno.readTextFile(`${after}/run.json`));
    const folderOf = (name: string) =>
      `${after}/${tests.find(({ id }: { id: Record<string, string> }) => id.name === name).folder}`;
    await Deno.writeTextFile(`${folderOf("one")}/test.json`, "{");
    await Deno.remove(`${folderOf("two")}/figures.json`).catch(() => {}); // it may not have been made yet
    await Deno.writeTextFile(`${folderOf("two")}/records.tine`, "nothing that tine writes");
    const { code, stdout, stderr } = await tine(["compare", before, after]);
    assertEquals(code, 0, stderr);
    assertEquals(stdout.match(/^name=.*$/gm), ["name=three: bulk"]);
    const warnings = stderr.split("\n").filter((line) => line.includes("left out: "));
    assertEquals(warnings.length, 2, stderr);
    assertStringIncludes(warnings[0], "name=one,repeat=1/test.json");
    assertStringIncludes(warnings[1], "name=two,repeat=1/records.tine");
    // Of one that has nothing else, that is what is wrong.
    const alone = await tine(["compare", before, folderOf("two")]);
    assertEquals(alone.code, 1, alone.stderr);
    assertStringIncludes(alone.stderr, "records.tine");
  }));
