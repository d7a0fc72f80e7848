import { assertEquals, assertStringIncludes } from "@std/assert";
import { openResults } from "../../src/result/mod.ts";
import { readTestReport, testPage } from "../../src/report/mod.ts";
import { inFolder } from "../result/fixtures.ts";
import { info, node, record, recordsOf } from "../result/recorded_flows.ts";

/** A call of three echoes, the second one a spike. */
function* call() {
  yield node("a", "boot");
  yield info("packetInfo", "a", "voip", { tinit: 1_000n, values: {} });
  yield info("packetInfo", "a", "voip", { tinit: 1_000n, server: true, values: {} });
  const samples = [500_000, 9_000_000, 700_000].flatMap((rtt, seq) => {
    const t = seq * 20_000_000;
    return [
      { t, seq, len: 172, sent: 1, packets: 1 },
      { t: t + rtt, seq, len: 172, sent: 0, packets: 1 },
    ];
  });
  yield* recordsOf("a", "voip", "packetIO", samples);
}

Deno.test("testPage() is one document that loads nothing", async () => {
  await inFolder(async (out) => {
    const test = await openResults(await record(out, call()));
    if (test.kind !== "test") throw new Error("no test");
    const page = await testPage(await readTestReport(test));
    assertStringIncludes(page, "<!doctype html>");
    assertStringIncludes(page, "default-src &#39;none&#39;".replaceAll("&#39;", "'"));
    assertEquals(/\b(src|href)="(?!#)/.exec(page), null);
  });
});
