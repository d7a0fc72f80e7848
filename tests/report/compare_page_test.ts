import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { compare, readSamples } from "../../src/result/compare/mod.ts";
import { storeVerdicts } from "../../src/result/gates/mod.ts";
import { openResults } from "../../src/result/mod.ts";
import { comparePage, readTestReport, testPage } from "../../src/report/mod.ts";
import { inFolder } from "../result/fixtures.ts";
import { repeats, type StoredTest, storeRun } from "../result/compare/repeated_runs.ts";

/** Ten repeats, a few thousandths apart. */
function tenOf(factor: number): StoredTest[] {
  const spread = Array.from({ length: 10 }, (_, i) => factor * (1 + (i - 4.5) / 1000));
  return repeats({ name: "<b>" }, spread, (by) => ({ bulk: { goodput: Math.round(20e6 * by), rtt: 20 } }));
}

Deno.test("comparePage() is one document that loads nothing, and has a row a figure with its repeats", () =>
  inFolder(async (out) => {
    const before = await storeRun(out, tenOf(1)),
      after = await storeRun(out, tenOf(0.95), { started: "2026-11-22T00:00:00Z" });
    const page = await comparePage(compare(await readSamples(before), [await readSamples(after)]), { title: "a <i>" });
    assertStringIncludes(page, "<h1>a &lt;i&gt;</h1>");
    assertEquals(/\b(src|href)="(?!#)|style="/.exec(page), null);
    const text = page.replace(/<script[^]*?<\/script>|<style>[^]*?<\/style>/g, "");
    assert(!/<b>/.test(text), "what was recorded is escaped");
    const [goodput, ...others] = [...text.matchAll(/<th scope="row">([^]*?)<\/tr>/g)].map(([row]) => row);
    assertEquals(others.length, 3);
    for (const part of ["goodput", "worse", "-5.0%", "[-5.3%, -4.7%]", "20.0 Mbit/s", "[19.9, 20.1]", "19.0 Mbit/s"]) {
      assertStringIncludes(goodput, part);
    }
    // A dot for each repeat, and one for the shift.
    assertEquals(goodput.match(/<circle/g)?.length, 21);
    assertStringIncludes(goodput, 'aria-label="20 repeats from 18.9 Mbit/s to 20.1 Mbit/s"');
  }));

Deno.test("the page of a test shows the verdicts of its gates", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, [{ id: { name: "a" }, flows: { bulk: { goodput: 1e6 } } }]);
    const common = { figure: "goodputBitsPerSecond", unit: "bit/s", flows: [] };
    await storeVerdicts(run, [
      { ...common, gate: "bulk goodput > 18Mbps", status: "fail", message: "bulk: 1.00 Mbit/s <slow>" },
      { ...common, gate: "bulk goodput > 1bps", status: "pass", message: "bulk: 1.00 Mbit/s" },
    ]);
    const test = await openResults(`${run}/name=a`);
    assert(test.kind === "test");
    const page = await testPage(await readTestReport(test));
    const [section] = /<section id="gates">[^]*?<\/section>/.exec(page)!;
    const items = [...section.matchAll(/<li\s+class="(\w+)">([^]*?)<\/li>/g)].map(([, mark, text]) => [
      mark,
      text.replace(/<[^>]*>/g, "").trim(),
    ]);
    assertEquals(items, [
      ["failed", "fail bulk goodput &gt; 18Mbps bulk: 1.00 Mbit/s &lt;slow&gt;"],
      ["passed", "pass bulk goodput &gt; 1bps bulk: 1.00 Mbit/s"],
    ]);
  }));
