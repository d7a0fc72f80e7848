/// <reference lib="dom" />
import type { Page } from "puppeteer-core";
import { TestBrowser } from "../../tests/support/browser.ts";
import { whyNotInstalled } from "../../tests/support/unless.ts";
import { type Benchmark, type Finding, MissingPeer } from "./benchmark.ts";
import { median } from "./median.ts";
import { tine } from "./programs.ts";
import { recordEchoes, SAMPLES_PER_ECHO } from "./recorded_echoes.ts";
import { residentMegabytes } from "./resident.ts";
import { thousands } from "./throughput.ts";

/** Points that the page has of an echo: its RTT, both one-way delays, and how late it was sent. */
const POINTS_PER_ECHO = 4;

/** How fast pages are made, opened and zoomed. */
export const benchmark: Benchmark = {
  summary: "`tine report` of 10,000,000 records, and a page of 1,000,000 points in Chromium",

  async *run({ quick }) {
    const folder = await Deno.makeTempDir({ prefix: "tine-bench-" });
    try {
      const records = quick ? 40_000 : 10_000_000;
      const large = await makePage(await recordEchoes(`${folder}/large`, records / SAMPLES_PER_ECHO), folder);
      yield {
        what: `page of ${thousands(records)} records`,
        figures: `${large.seconds.toFixed(1)} s, ${large.megabytes} MB of memory, ${large.fileMegabytes.toFixed(2)} MB`,
        target: "12 s, 300 MB, 5 MB",
        reached: large.seconds <= 12 && large.megabytes <= 300 && large.fileMegabytes <= 5,
      };
      const points = quick ? 40_000 : 1_000_000;
      const { path } = await makePage(await recordEchoes(`${folder}/points`, points / POINTS_PER_ECHO), folder, "50MB");
      yield* open(path, points, quick ? 1 : 5);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

/** Makes a page of a test by the command; its memory is looked at 50 times a second. */
async function makePage(test: string, folder: string, size?: string) {
  const path = `${folder}/page.html`;
  const [command, ...args] = tine("report", test, `--out=${path}`, ...size === undefined ? [] : [`--size=${size}`]);
  const started = performance.now();
  const child = new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  let megabytes = 0;
  const look = setInterval(async () => megabytes = Math.max(megabytes, await residentMegabytes(child.pid) ?? 0), 20);
  const { success, stderr } = await child.output();
  clearInterval(look);
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const seconds = (performance.now() - started) / 1000;
  return { path, seconds, megabytes: Math.round(megabytes), fileMegabytes: (await Deno.stat(path)).size / 1e6 };
}

async function* open(path: string, points: number, rounds: number): AsyncGenerator<Finding> {
  const why = whyNotInstalled("chromium");
  if (why !== undefined) throw new MissingPeer(why);
  const browser = new TestBrowser();
  try {
    const opened: number[] = [], zoomed: number[] = [], heaps: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await using open = await browser.open(`file://${path}#plot-rtt`);
      const { page } = open;
      opened.push(await usableAfter(page));
      zoomed.push(...await zooms(page));
      heaps.push(await heapMegabytes(page));
    }
    const zoom = median(zoomed), worst = Math.max(...zoomed);
    yield {
      what: `page of ${thousands(points)} points, opened at its RTT`,
      figures: `usable ${Math.round(median(opened))} ms after navigation; a zoom ${zoom.toFixed(0)} ms, ` +
        `at most ${worst.toFixed(0)} ms; ${Math.round(Math.max(...heaps))} MB of heap`,
      target: "1,000 ms, 50 ms, 100 MB",
      reached: median(opened) <= 1000 && zoom <= 50 && Math.max(...heaps) <= 100,
    };
  } finally {
    await browser.close();
  }
}

/** Milliseconds from the start of the navigation until the plot in sight can be zoomed. */
async function usableAfter(page: Page): Promise<number> {
  await page.waitForSelector("#plot-rtt .live svg");
  return await page.evaluate(() => performance.now());
}

/** Milliseconds of each of 20 zooms, in and out and sideways, from the key to the end of the frame. */
async function zooms(page: Page): Promise<number[]> {
  return await page.evaluate(async () => {
    const plot = document.querySelector("#plot-rtt .live")!;
    const took: number[] = [];
    for (
      const key of ["+", "+", "+", "ArrowLeft", "-", "-", "ArrowRight", "Escape", "+", "Escape"].flatMap((k) => [k, k])
    ) {
      // From an idle page, as for a reader.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const started = performance.now();
      plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      await new Promise<void>((resolve) =>
        requestAnimationFrame(() => {
          // A message is handled after the frame is painted.
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve();
          port2.postMessage(0);
        })
      );
      took.push(performance.now() - started);
    }
    return took;
  });
}

/** Megabytes of JavaScript's objects and buffers, after a collection. */
async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.createCDPSession();
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = await session.send("Runtime.getHeapUsage") as {
    usedSize: number;
    backingStorageSize: number;
  };
  await session.detach();
  return (usedSize + backingStorageSize) / 1e6;
}
