/// <reference lib="dom" />
import { assert, assertEquals } from "@std/assert";
import { ReportServer } from "../../../src/report/serve/server.ts";
import { writeUdfHead } from "../../../src/result/udf_output.ts";
import { encodeResponse } from "../../../src/udf/codec.ts";
import { toPoint } from "../../../src/udf/handler.ts";
import { ByteWriter } from "../../../src/wire/byte_writer.ts";
import { createRun } from "../../../src/result/mod.ts";
import { inFolder, log, STARTED, testNamed } from "../../result/fixtures.ts";
import { info, node, recordsOf } from "../../result/recorded_flows.ts";
import { inBrowser, TestBrowser } from "../../support/browser.ts";

const browser = new TestBrowser();

Deno.test.afterAll(() => browser.close());

const EVIL = `<img src=x onerror=alert(1)>"'`;

/** Samples of a flow with a goodput of 1 Mbit/s, a millisecond apart, in chunks of a tenth of a second. */
function* bytes(from: number, to: number) {
  for (let start = from; start < to; start += 100) {
    const samples = Array.from({ length: 100 }, (_, i) => ({ t: (start + i) * 1e6, total: (start + i) * 125 }));
    yield* recordsOf("left", "bulk", "streamIO", samples);
  }
}

Deno.test({
  ...inBrowser("the page of a run that is under way grows, is inert, and becomes the final page"),
  fn: () =>
    inFolder(async (out) => {
      const udf = { name: "smooth", table: "intervals", handler: "moving-avg" };
      const planned = { ...testNamed(EVIL), udfs: [udf] };
      await using run = await createRun(out, { tests: [planned] }, { planName: "p", tine: "1", started: STARTED });
      const test = await run.startTest(planned);
      await test.add(node("left", "b"));
      const tinit = BigInt(Date.now()) * 1_000_000n;
      await test.add(info("streamInfo", "left", "bulk", { tinit, values: { direction: "upload" } }));
      for (const message of bytes(0, 1000)) await test.add(message);
      await test.add(log("left", tinit, `${EVIL}\n`));
      await Deno.mkdir(`${test.folder}/udfs`);
      const returned = new ByteWriter();
      writeUdfHead(returned, udf);
      for (let i = 0n; i < 3n; i++) {
        const start = returned.openLength(1);
        const time = tinit + i * 100_000_000n;
        encodeResponse(returned, {
          kind: "point",
          point: toPoint({ name: "p", time, tags: { flow: "bulk" }, fields: { [EVIL]: i } }),
        });
        returned.closeLength(start, 1);
      }
      await Deno.writeFile(`${test.folder}/udfs/1.tine`, returned.written());
      const listen = { hostname: "127.0.0.1", port: 0 };
      const reports: string[] = [];
      await using server = await ReportServer.start({ path: out, listen, report: (text) => reports.push(text) });
      const address = `${server.url}2026-11-21T02-55-00Z/`;
      await using opened = await browser.open(address);
      const { page, watched } = opened;
      await page.waitForSelector("#plot-goodput svg path");
      await page.waitForFunction(() => document.querySelectorAll("#lines tr").length === 1);
      await page.waitForFunction(() => document.querySelectorAll("#plots svg path").length > 1);
      await page.waitForFunction(
        (id) => document.getElementById(id)?.querySelector("svg path"),
        {},
        `plot-udf.smooth.${EVIL}`,
      );
      const texts = () =>
        page.evaluate(() => ({
          test: document.querySelector("#test")!.textContent,
          flow: document.querySelector("#flows-body th")!.textContent,
          goodput: document.querySelector("#flows-body td")!.textContent,
          line: document.querySelector("#lines .text")!.textContent,
          legend: document.querySelector("#legend")!.textContent,
          images: document.images.length,
        }));
      assertEquals(await texts(), {
        test: EVIL,
        flow: "bulk",
        goodput: "995 kbit/s",
        line: `${EVIL}\n`,
        legend: `bulkbulk: ${EVIL}`,
        images: 0,
      });
      const drawn = () => page.evaluate(() => document.querySelector("#plot-goodput .drawing")!.innerHTML);
      const before = await drawn();
      for (const message of bytes(1000, 3000)) await test.add(message);
      await page.waitForFunction(
        (before) => {
          const drawing = document.querySelector("#plot-goodput .drawing");
          return drawing !== null && drawing.innerHTML.length > before.length;
        },
        {},
        before,
      );
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
      const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assertEquals(dark, "rgb(15, 19, 24)");
      await test.finish({ status: "ok" });
      await run.finish();
      await page.waitForFunction(() => document.querySelector("#state") === null);
      assertEquals(page.url(), address);
      assert(await page.evaluate(() => document.querySelector("h1")!.textContent) === EVIL);
      // It asks for its own pages and events, and for nothing else; a browser asks for an icon by itself.
      const others = watched.requests.filter((url) => !url.startsWith(server.url) && !url.endsWith("/favicon.ico"));
      assertEquals([others, watched.errors, reports], [[], [], []]);
    }),
});
