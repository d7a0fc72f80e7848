/// <reference lib="dom" />
import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import type { RunOptions } from "axe-core";
import type { ElementHandle, Page } from "puppeteer-core";
import { comparePage, makePages, type Reported, type ReportedTest, testPage } from "../../src/report/mod.ts";
import { compare, readSamples } from "../../src/result/compare/mod.ts";
import { createRun, openResults } from "../../src/result/mod.ts";
import { areaOf as drawnArea } from "../../src/report/svg/drawing.ts";
import { type Color, inBrowser, PATIENCE_MS, type Region, TestBrowser, touch } from "../support/browser.ts";
import { repeats, storeRun } from "../result/compare/repeated_runs.ts";
import { END, HOSTILE, LONE, recordSample, RTTS, RUN, sampleMessages, sampleReport, SPIKE } from "./sample_report.ts";

const browser = new TestBrowser();
let folder = "", file = "";
const BLUE: Color = [0, 0x72, 0xb2];
const GREEN: Color = [0, 0x9e, 0x73];
const DARK_BLUE: Color = [0x3e, 0xa6, 0xe6];
/** How near colours of bars are, which are half transparent, and none of others. */
const NEAR = 170;
const DARK_NEAR = 130;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "tine-pages-" });
  file = `${folder}/page.html`;
  await Deno.writeTextFile(file, await testPage(await sampleReport(folder)));
});

Deno.test.afterAll(async () => {
  await browser.close();
  await Deno.remove(folder, { recursive: true });
});

/** Writes the page of results, an overlay or an index; returns its address. */
async function pageOf(name: string, ...reported: Reported[]): Promise<string> {
  for await (const { text } of makePages(reported)) await Deno.writeTextFile(`${folder}/${name}.html`, text);
  return `file://${folder}/${name}.html`;
}

/** Stores the sample once more. */
async function sampleTest(name: string): Promise<ReportedTest> {
  const test = await openResults(await recordSample(`${folder}/${name}`));
  if (test.kind !== "test") throw new Error("no test");
  return { test, run: name };
}

/** Opens the sample page. */
function openSample(prepare?: (page: Page) => Promise<void>) {
  return browser.open(`file://${file}`, prepare);
}

/** Waits for a plot to be drawn by the script; returns where its values are, in pixels of the page. */
async function areaOf(page: Page, id: string): Promise<Region> {
  await page.evaluate((id) => document.getElementById(`plot-${id}`)!.scrollIntoView({ block: "center" }), id);
  await page.waitForSelector(`#plot-${id} .live svg`);
  // It may be drawn again at any time: one that is held would be gone.
  const { left, top, width, height } = await page.$eval(`#plot-${id} .live svg`, (svg) => {
    const { left, top, width, height } = svg.getBoundingClientRect();
    return { left, top, width, height };
  });
  const area = drawnArea({ width, height });
  return { ...area, x: left + area.left, y: top + area.top };
}

/** The same region in pixels of the document, as screenshots take it. */
async function onPaper(page: Page, { x, y, width, height }: Region): Promise<Region> {
  const scrolled = await page.evaluate(() => scrollY);
  return { x, y: y + scrolled, width, height };
}

/** What part of time is shown, in seconds; undefined for everything. */
async function shown(page: Page): Promise<[from: number, to: number] | undefined> {
  await nextFrame(page);
  const text = await page.$eval(".zoom-bar output", (output) => output.textContent ?? "");
  const match = /^([\d.]+) to ([\d.]+) s$/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** Waits until what has changed is drawn. */
async function nextFrame(page: Page): Promise<void> {
  await page.evaluate(() =>
    new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())))
  );
}

/** Waits until something of a page is as expected: plots that come into sight are drawn a moment later. */
async function eventually<T>(read: () => Promise<T>, expected: T): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const actual = await read();
    if (JSON.stringify(actual) === JSON.stringify(expected) || performance.now() > deadline) {
      return assertEquals(actual, expected);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Drags over shares of the width of a plot. */
async function drag(page: Page, id: string, from: number, to: number): Promise<void> {
  const { x, y, width } = await areaOf(page, id);
  await page.mouse.move(x + from * width, y + 20);
  await page.mouse.down();
  await page.mouse.move(x + (from + to) / 2 * width, y + 25);
  await page.mouse.move(x + to * width, y + 30);
  await page.mouse.up();
  await nextFrame(page);
}

/** Texts of the ticks of the x axis of a plot. */
function ticks(page: Page, id: string): Promise<string[]> {
  return page.$$eval(
    `#plot-${id} .live text.tick[text-anchor=middle]`,
    (all) => all.map(({ textContent }) => textContent ?? ""),
  );
}

/** Pixels of a colour around a time in a plot that shows all, from the left upper corner of its area. */
async function inkAt(page: Page, id: string, time: number, color: Color): Promise<[x: number, y: number][]> {
  const area = await onPaper(page, await areaOf(page, id));
  const x = Math.round(area.x + time / END * area.width);
  return await browser.pixels(page, { x: x - 2, y: area.y, width: 5, height: area.height }, color, NEAR);
}

Deno.test({
  ...inBrowser("a page draws its plots anew, asks for nothing, and reports no error"),
  async fn() {
    await using open = await openSample();
    const { page, watched } = open;
    for (const id of ["runs", "rtt", "goodput", "lateness"]) {
      const area = await onPaper(page, await areaOf(page, id));
      if (id === "runs") continue;
      const ink = await browser.pixels(page, area, BLUE, NEAR);
      const columns = new Set(ink.map(([x]) => x));
      // A line of two colours lies over the goodput.
      assert(columns.size > area.width * (id === "goodput" ? 0.3 : 0.7), `${id}: ink in ${columns.size} columns`);
      assertEquals(await page.$eval(`#plot-${id} .drawing`, (element) => getComputedStyle(element).display), "none");
    }
    assertEquals(watched, { requests: [`file://${file}`], errors: [] });
  },
});

Deno.test({
  ...inBrowser("a spike of one sample has ink at its height, at full width, zoomed in, and zoomed out again"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    const top = async () => {
      const ink = await inkAt(page, "rtt", SPIKE.at, BLUE);
      return Math.min(...ink.map(([, y]) => y));
    };
    const area = await areaOf(page, "rtt");
    const atFullWidth = await top();
    assert(atFullWidth < area.height * 0.2, `the spike begins at ${atFullWidth} of ${area.height}`);
    // Beside it there is none.
    const beside = await inkAt(page, "rtt", SPIKE.at - 200_000, BLUE);
    assert(beside.every(([, y]) => y > area.height * 0.7));

    await drag(page, "rtt", SPIKE.at / END - 0.0001, SPIKE.at / END + 0.0101);
    assertNotEquals(await shown(page), undefined);
    const zoomed = await browser.pixels(page, await onPaper(page, await areaOf(page, "rtt")), BLUE, NEAR);
    assert(zoomed.some(([, y]) => y < area.height * 0.2), "the spike is seen zoomed in");
    await page.keyboard.press("Escape");
    assertEquals(await shown(page), undefined);
    assertEquals(await top(), atFullWidth);
  },
});

Deno.test({
  ...inBrowser("a sample between two gaps has ink: a point, a step and a piece of a line"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    assert((await inkAt(page, "rtt", LONE, BLUE)).length > 0, "points");
    assert((await inkAt(page, "rtt", LONE - 100_000, BLUE)).length === 0, "nothing is around it");
    // Both flows have the same goodput: the second is drawn over the first.
    assert((await inkAt(page, "goodput", LONE, GREEN)).length > 0, "line");
    await (await page.waitForSelector(`.legend li:nth-child(3) button`))!.click();
    await nextFrame(page);
    assert((await inkAt(page, "goodput", LONE, BLUE)).length > 0, "steps");
  },
});

Deno.test({
  ...inBrowser("the cursor reads out each sample as it was recorded, once they are far enough apart"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    await drag(page, "rtt", 0.1, 0.11);
    await drag(page, "rtt", 0.2, 0.22);
    const [from, to] = (await shown(page))!;
    const { x, y, width } = await areaOf(page, "rtt");
    // Without the others.
    await (await page.waitForSelector(`.legend li:nth-child(2) button`))!.click();
    const indices = [...RTTS.x.keys()].filter((i) => RTTS.x[i] > from * 1e6 && RTTS.x[i] < to * 1e6);
    assert(indices.length >= 5 && indices.length <= 12, `${indices.length} samples are shown`);
    for (const i of indices) {
      await page.mouse.move(x + (RTTS.x[i] / 1e6 - from) / (to - from) * width, y + 40);
      await nextFrame(page);
      const texts = await page.$$eval(
        "#plot-rtt .readout-time, #plot-rtt .reading-value",
        (all) => all.map(({ textContent }) => textContent ?? ""),
      );
      assertEquals(texts.map(toMicros), [RTTS.x[i], RTTS.y[i]]);
    }
    await page.mouse.move(x - 30, y);
    await page.waitForSelector("#plot-rtt .readout[hidden]");
  },
});

/** What a text such as `1.25 ms` is in microseconds. */
function toMicros(text: string): number {
  const [number, unit] = text.split("\u00a0");
  return Math.round(Number(number) * { "µs": 1, ms: 1e3, s: 1e6 }[unit]! * 1000) / 1000;
}

Deno.test({
  ...inBrowser("the cursor reads out the extremes of many samples, and of buckets, exactly"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    for (const id of ["rtt", "lateness"]) {
      const { x, y, width } = await areaOf(page, id);
      await page.mouse.move(x + SPIKE.at / END * width, y + 40);
      await nextFrame(page);
      const reading = await page.waitForSelector(`#plot-${id} .readout:not([hidden]) .reading`);
      const text = await reading!.evaluate(({ textContent }) => textContent ?? "");
      assertStringIncludes(text, "to 250\u00a0ms, mean ", id);
    }
  },
});

Deno.test({
  ...inBrowser("all plots show the same time: by dragging, the wheel, keys, a click on a run, and fingers"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    const all = await (await areaOf(page, "rtt"), ticks(page, "rtt"));
    await drag(page, "rtt", 0.2, 0.4);
    const [from, to] = (await shown(page))!;
    assertAlmostEquals(from, 2, 0.05);
    assertAlmostEquals(to, 4, 0.05);
    for (const id of ["runs", "goodput", "lateness"]) {
      await areaOf(page, id);
      await eventually(() => ticks(page, id), await ticks(page, "rtt"));
    }
    assertNotEquals(await ticks(page, "rtt"), all);

    // Keys, in the plot that has the focus.
    await page.focus("#plot-rtt .live");
    const press = async (...keys: ("+" | "-" | "ArrowLeft" | "ArrowRight" | "Escape")[]) => {
      for (const key of keys) await page.keyboard.press(key);
      return await shown(page);
    };
    const close = (actual: [number, number] | undefined, wanted: [number, number]) => {
      actual!.forEach((value, i) => assertAlmostEquals(value, wanted[i], 0.1, `${actual} for ${wanted}`));
    };
    close(await press("+"), [2.5, 3.5]);
    close(await press("ArrowRight"), [2.75, 3.75]);
    close(await press("ArrowLeft", "ArrowLeft"), [2.25, 3.25]);
    close(await press("-"), [1.75, 3.75]);
    assertEquals(await press("Escape"), undefined);
    assertEquals(await ticks(page, "rtt"), all);

    // The wheel, where the pointer is, in the plot with the focus; elsewhere the page scrolls.
    const { x, y, width } = await areaOf(page, "rtt");
    await page.mouse.move(x + width / 4, y + 50);
    await page.mouse.wheel({ deltaY: -300 });
    await page.waitForFunction(() => document.querySelector(".zoom-bar.zoomed") !== null);
    const [left, right] = (await shown(page))!;
    assertAlmostEquals(left / (10 - right), 1 / 3, 0.02, "it zooms where the pointer is");
    await page.keyboard.press("Escape");

    // A click on a run.
    await areaOf(page, "runs");
    await page.locator('#plot-runs .live [data-path="tests[0].serial[0]"] rect').click();
    const [start, end] = (await shown(page))!;
    assertAlmostEquals(start, RUN.start / 1e6, 0.1);
    assertAlmostEquals(end, RUN.end / 1e6, 0.1);
    await (await page.waitForSelector(".zoom-bar button"))!.click();
    assertEquals(await shown(page), undefined);

    // Two fingers that part, then one that moves.
    const plot = await areaOf(page, "goodput");
    const at = (share: number): [number, number] => [plot.x + share * plot.width, plot.y + 60];
    await touch(page, [at(0.4)], [at(0.4), at(0.6)], [at(0.3), at(0.7)], [at(0.2), at(0.8)], []);
    const pinched = (await shown(page))!;
    assert(pinched[1] - pinched[0] < 5, `${pinched}`);
    await touch(page, [at(0.5)], [at(0.45)], [at(0.4)], [at(0.3)], []);
    assert((await shown(page))![0] > pinched[0], "what is later is shown");
  },
});

Deno.test({
  ...inBrowser("the legend filters flows in all plots and in the tables"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    await areaOf(page, "goodput");
    await areaOf(page, "rtt");
    const count = (selector: string) => page.$$eval(selector, (all) => all.length);
    const rows = () =>
      page.$$eval(
        "table.sortable tr[data-flow]",
        (all) =>
          all.filter((row) => getComputedStyle(row).display !== "none").map((row) =>
            (row as HTMLElement).dataset.flow!
          ),
      );
    assert((await rows()).includes("two"));
    assertEquals(await count('#plot-rtt .live g[data-flow="two"]'), 2);
    const button = await page.waitForSelector(".legend li:nth-child(2) button");
    assertEquals(await button!.evaluate(({ ariaPressed }) => ariaPressed), "true");
    await button!.focus();
    await page.keyboard.press("Enter");
    await nextFrame(page);
    assertEquals(await button!.evaluate(({ ariaPressed }) => ariaPressed), "false");
    assertEquals(await count('#plot-rtt .live g[data-flow="two"]'), 0);
    assertEquals(await count('#plot-rtt .live g[data-flow="one"]'), 1);
    assert(!(await rows()).includes("two") && (await rows()).includes("one"));
    await page.keyboard.press("Enter");
    await nextFrame(page);
    assertEquals(await count('#plot-rtt .live g[data-flow="two"]'), 2);
    assert((await rows()).includes("two"));
  },
});

Deno.test({
  ...inBrowser("flows of a crowd are drawn by themselves where their names are typed into the box above the plots"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    await areaOf(page, "crowd");
    const drawn = () =>
      page.$$eval("#plot-crowd .live g[data-flow]", (all) => all.map((flow) => flow.getAttribute("data-flow")));
    const found = () => page.$eval("#plots .filter output", ({ textContent }) => textContent);
    assertEquals(await drawn(), []);
    const box = await page.waitForSelector("#plots .filter input");
    await box!.type("f1");
    await areaOf(page, "crowd");
    await eventually(drawn, ["f1", ...Array.from({ length: 10 }, (_, i) => `f1${i}`)]);
    assertEquals(await found(), "11 of 30");
    await box!.press("Backspace");
    await areaOf(page, "crowd");
    await eventually(async () => (await drawn()).length, 24);
    assertEquals(await found(), "30 of 30, the first 24 drawn");
    await box!.press("Backspace");
    await areaOf(page, "crowd");
    await eventually(drawn, []);
    assertEquals(await found(), "");
  },
});

Deno.test({
  ...inBrowser("tables are sorted by the keyboard, up, down and as they were"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    const table = await page.waitForSelector("table.sortable");
    const state = () =>
      table!.evaluate((table) => ({
        flows: [...table.querySelectorAll<HTMLElement>("tbody tr")].map(({ dataset }) => dataset.flow),
        sorts: [...table.querySelectorAll("[aria-sort]")].map(({ ariaSort, textContent }) => [textContent, ariaSort]),
      }));
    const before = await state();
    assertEquals(before, { flows: ["one", "two", "ten"], sorts: [] });
    const head = await table!.evaluateHandle((table) =>
      [...table.querySelectorAll<HTMLElement>("th button")].find(({ textContent }) => textContent === "sent")!
    );
    await (head.asElement() as ElementHandle<HTMLElement>).focus();
    await page.keyboard.press("Enter");
    assertEquals(await state(), { flows: ["one", "ten", "two"], sorts: [["sent", "ascending"]] });
    await page.keyboard.press("Enter");
    assertEquals(await state(), { flows: ["two", "ten", "one"], sorts: [["sent", "descending"]] });
    await page.keyboard.press("Enter");
    assertEquals(await state(), before);
    await (await table!.$("th button"))!.press("Space");
    assertEquals((await state()).flows, ["one", "ten", "two"]);
  },
});

Deno.test({
  ...inBrowser("the box above the logs leaves lines with what is typed into it"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    await page.$$eval("details", (all) => all.forEach((details) => details.open = true));
    const box = await page.waitForSelector("details .filter input");
    const lines = () => page.$$eval("table.logs tbody tr", (rows) => rows.filter((row) => row.offsetHeight > 0).length);
    assertEquals(await lines(), 4);
    await box!.type("first");
    assertEquals(await lines(), 2);
    assertEquals(await page.$eval("details .filter output", ({ textContent }) => textContent), "2 of 4");
    await box!.press("Escape");
    await page.waitForFunction(() => document.querySelector("details .filter output")?.textContent === "");
    assertEquals(await lines(), 4);
  },
});

Deno.test({
  ...inBrowser("plots turn dark with the system, at once, and are light on paper"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    const ink = async (color: Color, near: number) => {
      await nextFrame(page);
      return (await browser.pixels(page, await onPaper(page, await areaOf(page, "rtt")), color, near)).length;
    };
    assert(await ink(BLUE, NEAR) > 500);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    assert(await ink(DARK_BLUE, DARK_NEAR) > 500);
    assert(await ink([0x0f, 0x13, 0x18], 10) > 10_000, "the ground is dark");
    const display = (selector: string) => page.$eval(selector, (element) => getComputedStyle(element).display);
    await page.emulateMediaType("print");
    assertEquals([await display("#plot-rtt .live"), await display("#plot-rtt .drawing")], ["none", "block"]);
    const stroke = await page.$eval("#plot-rtt .drawing .s0", (path) => getComputedStyle(path).stroke);
    assertEquals(stroke, "rgb(0, 114, 178)");
    const pdf = await page.pdf();
    assertEquals(new TextDecoder().decode(pdf.slice(0, 5)), "%PDF-");
    assert(pdf.length > 20_000);
  },
});

Deno.test({
  ...inBrowser(
    "plots are there at their full size without JavaScript, and where a server lets through neither styles nor scripts",
  ),
  async fn() {
    await using plain = await openSample((page) => page.setJavaScriptEnabled(false));
    const size = (page: Page) =>
      page.$eval("#plot-rtt svg", (svg) => {
        const { width, height } = svg.getBoundingClientRect();
        return { width: Math.round(width), height: Math.round(height) };
      });
    assertEquals(await size(plain.page), { width: 960, height: 220 });
    // As Jenkins serves what a build has made.
    const headers = {
      "content-type": "text/html",
      "content-security-policy": "sandbox; default-src 'none'; style-src 'self'",
    };
    const html = await Deno.readTextFile(file);
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response(html, { headers }),
    );
    await using open = await browser.open(`http://127.0.0.1:${server.addr.port}/`);
    assertEquals(await size(open.page), { width: 960, height: 220 });
    assertEquals(await open.page.$$eval(".live", (all) => all.length), 0);
    const { x, y } = await open.page.$eval("#plot-rtt svg", (svg) => {
      const { left, top } = svg.getBoundingClientRect();
      return { x: left, y: top + scrollY };
    });
    const area = drawnArea({ width: 960, height: 220 });
    const region = { ...area, x: x + area.left, y: y + area.top };
    assert((await browser.pixels(open.page, region, BLUE, NEAR)).length > 1000);
  },
});

Deno.test({
  ...inBrowser("nothing that was recorded runs in the page or becomes a part of it"),
  async fn() {
    await using open = await openSample();
    const { page, watched } = open;
    for (const id of ["runs", "rtt", "goodput", "lateness"]) {
      const { x, y, width } = await areaOf(page, id);
      await page.mouse.move(x + width / 2, y + 10);
    }
    await page.$$eval("details", (all) => all.forEach((details) => details.open = true));
    assertEquals(await page.$$eval("img, iframe, [onerror], [onload]", (all) => all.length), 0);
    assertEquals(await page.$$eval("script:not([type='application/json'])", (all) => all.length), 1);
    const text = await page.$eval("body", ({ textContent }) => textContent ?? "");
    assert(text.split(HOSTILE).length > 5, "it is there as text");
    assertEquals(watched, { requests: [`file://${file}`], errors: [] });
  },
});

/**
 * What axe finds in a page, with everything open and all plots drawn.
 *
 * @param rules those that are looked at; all by default, which takes a second or more
 */
async function barriers(page: Page, rules?: readonly string[]): Promise<unknown[]> {
  const { default: axe } = await import("axe-core");
  await page.$$eval("details", (all) => all.forEach((details) => details.open = true));
  await drawAll(page);
  await page.evaluate(axe.source);
  const options: RunOptions = { resultTypes: ["violations"], ...rules && { runOnly: [...rules] } };
  const { violations } = await page.evaluate(
    (options) => (globalThis as unknown as { axe: typeof axe }).axe.run(document, options),
    options,
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, target, failureSummary]));
}

/** Scrolls through a page, so that the script draws all its plots. */
async function drawAll(page: Page): Promise<void> {
  for (const figure of await page.$$("figure.plot:has(script)")) {
    await figure.evaluate((figure) => figure.scrollIntoView({ block: "center" }));
    await figure.waitForSelector(".live svg");
  }
}

Deno.test({
  ...inBrowser("axe finds nothing that keeps people from a page, light and dark, zoomed, sorted and filtered"),
  async fn() {
    await using open = await openSample();
    const { page } = open;
    assertEquals(await barriers(page), []);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await drag(page, "rtt", 0.2, 0.4);
    await (await page.waitForSelector("th button"))!.click();
    await (await page.waitForSelector(".legend button"))!.click();
    assertEquals(await barriers(page, ["color-contrast", "aria-valid-attr-value", "button-name"]), []);
  },
});

Deno.test({
  ...inBrowser("an overlay of two runs filters the flows of each, draws all plots, and keeps nobody out"),
  async fn() {
    const address = await pageOf("overlay", await sampleTest("before"), await sampleTest("after"));
    await using open = await browser.open(address);
    const { page, watched } = open;
    const shownFlows = () =>
      page.$$eval(
        "figure .live g[data-flow], figure.box g[data-flow], table.sortable tr[data-flow]",
        (all) =>
          all.filter((element) => getComputedStyle(element).display !== "none").map((element) =>
            element.getAttribute("data-flow")!
          ),
      );
    assertEquals(await barriers(page), []);
    const all = await shownFlows();
    assert(all.includes("one (before)") && all.includes("one (after)"), `${all}`);
    const button = await page.waitForSelector('.legend [data-flow="one (after)"] button');
    await button!.evaluate((button) => (button as HTMLElement).click());
    await nextFrame(page);
    await drawAll(page);
    await eventually(shownFlows, all.filter((flow) => flow !== "one (after)"));
    assertEquals(watched, { requests: [address], errors: [] });
  },
});

Deno.test({
  ...inBrowser("an index of a run zooms the plots of each test by themselves, and keeps nobody out"),
  async fn() {
    const tests = ["one", "two"].map((name) => ({ id: { name, note: HOSTILE }, timeout: 1000, sleep: 1 }));
    const path = `${folder}/index-run`;
    await using run = await createRun(path, { tests }, { planName: HOSTILE, tine: "1" });
    for (const test of tests) {
      const store = await run.startTest(test);
      for (const message of sampleMessages()) await store.add(message);
      await store.finish({ status: "ok" });
    }
    const results = await openResults(await run.finish());
    if (results.kind !== "run") throw new Error("no run");
    const address = await pageOf("index", results);
    await using open = await browser.open(address);
    const { page, watched } = open;
    assertEquals(await barriers(page), []);
    const zoomed = () => page.$$eval(".zoom-bar", (bars) => bars.map((bar) => bar.classList.contains("zoomed")));
    assertEquals(await zoomed(), [false, false]);
    await page.focus("#test-2-plot-rtt .live");
    await page.keyboard.press("+");
    await nextFrame(page);
    assertEquals(await zoomed(), [false, true]);
    assertEquals(watched, { requests: [address], errors: [] });
  },
});

Deno.test({
  ...inBrowser("a page of a comparison asks for nothing, and keeps nobody out, light and dark"),
  async fn() {
    const run = (name: string, goodput: number) => {
      const id = { name: HOSTILE };
      const tests = repeats(
        id,
        [1, 2, 3, 4],
        (i) => ({ bulk: { goodput: goodput * (1 + i / 100) }, voip: { rtt: i } }),
      );
      return storeRun(`${folder}/${name}`, tests);
    };
    const [before, after] = [await run("base", 18e6), await run("other", 15e6)];
    const comparisons = compare(await readSamples(before), [await readSamples(after)]);
    const address = `file://${folder}/comparison.html`;
    await Deno.writeTextFile(`${folder}/comparison.html`, await comparePage(comparisons));
    await using open = await browser.open(address);
    const { page, watched } = open;
    assertEquals(await barriers(page), []);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    assertEquals(await barriers(page, ["color-contrast"]), []);
    assertEquals(watched, { requests: [address], errors: [] });
  },
});
