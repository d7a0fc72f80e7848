import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { flowJson } from "../../src/cli/results/flow_tables.ts";
import { TineError } from "../../src/base/errors.ts";
import { makePages, type Page, readTestReport, singlePlot, testPage } from "../../src/report/mod.ts";
import { overlay } from "../../src/report/overlay.ts";
import { joinedShades, type XYPlot } from "../../src/report/plot.ts";
import type { Message } from "../../src/node/protocol/frame.ts";
import { openResults, readFlows, type RunResults, type TestResults, testsOf } from "../../src/result/mod.ts";
import { errorMessage, fileData, inFolder, item, log, startRun, testNamed } from "../result/fixtures.ts";
import { info, node, progressOf, record, recordsOf } from "../result/recorded_flows.ts";
import { streamReport } from "../flow/reports.ts";

const MS = 1_000_000;
const TINIT = BigInt(Date.now()) * 1_000_000n;

/** Echoes, one each 10 ms, of a client whose server records nothing. */
function* echoes(flow: string, count: number, { start = 0, rtt = 1 } = {}): Generator<Message> {
  const tinit = TINIT + BigInt(start * MS);
  yield info("packetInfo", "left", flow, { tinit, values: { server: "10.0.0.2:2" } });
  const samples = Array.from({ length: count }, (_, seq) => {
    const t = seq * 10 * MS;
    const back = t + rtt * MS + seq * 1000;
    const sent = { t, scheduled: t, seq, packets: 1, flag: 1, len: 172, sent: 1 };
    return [sent, { ...sent, t: back, sent: 0, flag: 2, serverReceived: -rtt * MS / 2, serverCount: seq + 1 }];
  });
  yield* recordsOf("left", flow, "packetIO", samples.flat());
}

/** An upload of a second, 10 kB each 100 ms. */
function* upload(flow: string, { start = 0 } = {}): Generator<Message> {
  const values = { direction: "upload", client: "10.0.0.1:1", server: "10.0.0.2:2", cca: "cubic" };
  const tinit = TINIT + BigInt(start * MS);
  yield info("streamInfo", "left", flow, { tinit, values });
  yield info("streamInfo", "right", flow, { tinit, server: true, values });
  const steps = Array.from({ length: 11 }, (_, i) => ({ t: i * 100 * MS, total: i * 10_000 }));
  yield* recordsOf("right", flow, "streamIO", steps);
  const kernel = steps.map(({ t }, i) => ({ t, rtt: 20_000 + i, cwnd: 10, sndMss: 1448, totalRetrans: i > 5 ? 2 : 0 }));
  yield* recordsOf("left", flow, "tcpInfo", kernel);
  const report = { bytes: 100_000, durationNanos: 1000 * MS, fctNanos: 1010 * MS, retransmits: 2 };
  yield progressOf("left", flow, streamReport(report));
}

/** A call alone, then beside an upload. */
function* call(): Generator<Message> {
  yield node("left", "boot");
  yield node("right", "boot");
  yield* echoes("voip.alone", 50);
  yield* upload("bulk", { start: 1000 });
  yield* echoes("voip.beside", 90, { start: 1050, rtt: 50 });
}

async function openTest(folder: string): Promise<TestResults> {
  const test = await openResults(folder);
  if (test.kind !== "test") throw new Error(`a test was expected, not ${test.kind}`);
  return test;
}

/** The report of a test that was stored from these messages. */
async function reportOf(out: string, messages: Iterable<Message>) {
  return await readTestReport(await openTest(await record(out, messages)), { run: "a run" });
}

/** Stores a run of tests; returns its folder. */
async function recordRun(out: string, tests: readonly { id: Record<string, string>; messages: Iterable<Message> }[]) {
  await using run = await startRun(out);
  for (const { id: { name, ...id }, messages } of tests) {
    const store = await run.startTest(testNamed(name, id));
    for (const message of messages) await store.add(message);
    await store.finish({ status: "ok" });
  }
  return await run.finish();
}

async function openRun(folder: string): Promise<RunResults> {
  const run = await openResults(folder);
  if (run.kind !== "run") throw new Error(`a run was expected, not ${run.kind}`);
  return run;
}

/** All figures of a page's lists, by flow and key. */
function figuresOfPage(page: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, key, row] of page.matchAll(/<tr\s+data-figure="([^"]*)">(.*?)<\/tr>/gs)) {
    for (const [, flow, value] of row.matchAll(/data-flow="([^"]*)">\s*<data value="([^"]*)">/g)) {
      found.set(`${flow} ${key}`, value);
    }
  }
  return found;
}

/** Numbers and flags of JSON, by the path of their keys. */
function* valuesIn(json: object, within = ""): Generator<[key: string, value: string]> {
  for (const [key, value] of Object.entries(json)) {
    if (typeof value === "number" || typeof value === "boolean") yield [within + key, String(value)];
    else if (typeof value === "object" && value !== null && !Array.isArray(value)) yield* valuesIn(value, `${key}.`);
  }
}

Deno.test("the figures of a page are those of results --json, each of them", () =>
  inFolder(async (out) => {
    const folder = await record(out, call());
    const page = await testPage(await readTestReport(await openTest(folder)));
    const shown = figuresOfPage(page);
    let compared = 0;
    for await (const measured of readFlows(folder)) {
      for (const json of flowJson(measured, {})) {
        // What is not a figure: states, addresses, and clocks, which the page has elsewhere.
        const { type: _, test: __, client: ___, server: ____, complete: _____, sender: ______, ...figures } = json as
          & Record<string, unknown>
          & { clock?: unknown };
        for (const [key, value] of valuesIn(figures)) {
          if (key.startsWith("clock")) continue;
          assertEquals(shown.get(`${measured.flow} ${key}`), value, `${measured.flow} ${key}`);
          compared++;
        }
      }
    }
    assert(compared > 60, `${compared} figures`);
    assert(shown.size >= compared);
  }));

Deno.test("testPage() is one document that loads nothing", () =>
  inFolder(async (out) => {
    const page = await testPage(await reportOf(out, call()));
    assertStringIncludes(page, "<!doctype html>");
    assertStringIncludes(page, "default-src 'none'; style-src 'sha256-");
    assertEquals(/\b(src|href)="(?!#)/.exec(page), null);
    assertEquals(/ style="/.exec(page), null);
    // HTML has a caption first or last in its figure.
    const figures = page.match(/<figure[^]*?<\/figure>/g)!;
    assertEquals(figures.filter((figure) => !/<\/figcaption>\s*<\/figure>$/.test(figure)), []);
    assert(figures.length > 2);
  }));

Deno.test("a page says first what load does to an idle path", () =>
  inFolder(async (out) => {
    const page = await testPage(await reportOf(out, call()), { script: false });
    const headlines = page.slice(page.indexOf('class="headlines"'), page.indexOf('id="flows"'));
    assertMatch(headlines, /RTT under load, median.*?50\.04<span class="unit">\s*\u00a0ms/s);
    assertMatch(headlines, /voip\.beside beside bulk; 1\.025 ms on the idle path, × 48\.8/);
    assertMatch(headlines, /Goodput, up.*?800<span class="unit">\s*\u00a0kbit\/s/s);
    assertMatch(page, /voip\.beside.*?beside bulk; median × 48\.8/s);
  }));

Deno.test("plots have every sample, on one axis of time that starts with the test", () =>
  inFolder(async (out) => {
    const folder = await record(out, call());
    const { timePlots, looks, start } = await readTestReport(await openTest(folder));
    assertEquals(timePlots.map(({ id }) => id), ["goodput", "rtt", "delays", "cwnd", "lateness"]);
    const rtt = timePlots.find(({ id }) => id === "rtt") as XYPlot;
    assertEquals(rtt.series.map(({ name, kind }) => [name, kind]), [
      ["bulk: smoothed, TCP", "line"],
      ["voip.alone", "points"],
      ["voip.beside", "points"],
    ]);
    const [, alone] = rtt.series;
    assertEquals(alone.look, looks.get("voip.alone"));
    if (alone.data.type !== "samples") throw new Error("these are few");
    assertEquals(alone.data.y.slice(0, 3), Float64Array.of(1000, 1001, 1002));
    assertEquals(alone.data.x[1], Number(TINIT - start) / 1000 + 10_000);
    const cwnd = timePlots.find(({ id }) => id === "cwnd") as XYPlot;
    assertEquals(cwnd.series.map(({ name, kind }) => [name, kind]), [["bulk", "steps"], ["bulk: resent", "ticks"]]);
  }));

Deno.test("distributions have the quantiles that the figures have", () =>
  inFolder(async (out) => {
    const { distributions, flows } = await reportOf(out, call());
    const box = distributions.find(({ id }) => id === "box");
    if (box?.type !== "box") throw new Error("no box plot");
    for (const { name, min, median, p99, max, mean } of box.boxes) {
      const flow = flows.find(({ flow }) => flow === name);
      if (flow?.protocol !== "udp") throw new Error(name);
      const { rtt } = flow.figures.senders[0];
      const micros = [rtt!.min, rtt!.median, rtt!.p99, rtt!.max, rtt!.mean].map((nanos) => nanos / 1000);
      assertEquals([min, median, p99, max, mean], micros);
    }
    const cdf = distributions.find(({ id }) => id === "rtt-cdf") as XYPlot;
    for (const { data } of cdf.series) {
      assertEquals([(data as { y: Float64Array }).y[0], (data as { y: Float64Array }).y.at(-1)], [0, 1]);
    }
  }));

Deno.test("more samples than the page has room for go into buckets whose extremes are exact", () =>
  inFolder(async (out) => {
    const test = await openTest(await record(out, echoes("voip", 6000)));
    const { timePlots } = await readTestReport(test, { maxBytes: 10_000 });
    const rtt = timePlots.find(({ id }) => id === "rtt") as XYPlot;
    const [{ data }] = rtt.series;
    if (data.type !== "buckets") throw new Error("these are too many");
    assertEquals(data.counts.reduce((a, b) => a + b), 6000);
    assertEquals(Math.min(...data.least), 1000);
    assertEquals(Math.max(...data.greatest), 1000 + 5999);
    assertStringIncludes(rtt.caption, "in buckets");
  }));

Deno.test("of 1,000 flows, plots show the band over them, their mean and the worst", () =>
  inFolder(async (out) => {
    function* crowd() {
      for (let i = 0; i < 1000; i++) yield* echoes(`flow.${i}`, 3, { rtt: i === 700 ? 90 : 1 });
    }
    const report = await reportOf(out, crowd());
    const rtt = report.timePlots.find(({ id }) => id === "rtt") as XYPlot;
    const shown = rtt.series.filter(({ hidden }) => !hidden);
    assertEquals(shown.map(({ name, kind }) => [name, kind]), [
      ["1000 flows, p5 to p95", "band"],
      ["1000 flows, mean", "line"],
      ["worst: flow.700", "line"],
    ]);
    // Each flow is there for readers that ask for it.
    assertEquals(rtt.series.length, 1003);
    const page = await testPage(report);
    assertEquals(page.match(/<tr\s+data-flow="flow\./g)?.length, 1000);
    assert(page.length < 2_000_000, `${page.length} bytes`);
  }));

Deno.test("the page of a run leads to its tests, by the keys and figures that differ", () =>
  inFolder(async (out) => {
    const folder = await recordRun(out, [
      { id: { name: "a", cca: "cubic" }, messages: call() },
      { id: { name: "a", cca: "bbr" }, messages: echoes("voip", 20, { rtt: 7 }) },
    ]);
    const [{ text }] = await Array.fromAsync(makePages([await openRun(folder)]));
    const [table] = /<table class="sortable index">.*?<\/table>/s.exec(text)!;
    assertEquals([...table.matchAll(/<a href="([^"]*)">([^<]*)</g)].map(([, href, name]) => [href, name]), [
      ["#test-1", "cubic"],
      ["#test-2", "bbr"],
    ]);
    // The name is alike in both.
    assertEquals(/scope="col">name</.test(table), false);
    assertMatch(table, /worst p99/);
    assertEquals(
      [...text.matchAll(/ id="([^"]*)"/g)].length,
      new Set(text.match(/ id="[^"]*"/g)).size,
      "ids are unique",
    );
  }));

Deno.test("tests of a run have pages of their own in a folder, with a way back to the index", () =>
  inFolder(async (out) => {
    const tests = Array.from({ length: 100 }, (_, i) => ({
      id: { name: `t${i}`, kind: "50% / more" },
      messages: i === 0 ? call() : [],
    }));
    const pages: Page[] = await Array.fromAsync(
      makePages([await openRun(await recordRun(out, tests))], { separate: true }),
    );
    assertEquals(pages.length, 101);
    const index = pages.at(-1)!;
    assertEquals(index.name, "index.html");
    const links = [...index.text.matchAll(/<a href="([^"]*)">/g)].map(([, href]) => decodeURIComponent(href));
    assertEquals(links, pages.slice(0, -1).map(({ name }) => name));
    assertStringIncludes(pages[0].text, '<a href="index.html">hello.yaml</a>');
  }));

Deno.test("runs are laid over each other: a flow keeps its colour, and is dashed in all but the base", () =>
  inFolder(async (out) => {
    const first = await recordRun(`${out}/1`, [{ id: { name: "a" }, messages: call() }]);
    const other = await recordRun(`${out}/2`, [
      { id: { name: "a" }, messages: [...echoes("extra", 5), ...call()] },
      { id: { name: "b" }, messages: [] },
    ]);
    const [{ text }] = await Array.fromAsync(makePages([await openRun(first), await openRun(other)]));
    const legend = [
      .../<ul class="legend">(.*?)<\/ul>/s.exec(text)![1].matchAll(/<li.*?class="s(\d)"(.*?)<\/svg>([^<]*)/gs),
    ]
      .map(([, color, look, name]) => [name.replace(/ \(.*\)/, ""), color, look.includes("dasharray")]);
    assertEquals(legend, [
      ["voip.alone", "0", false],
      ["bulk", "1", false],
      ["voip.beside", "2", false],
      ["extra", "3", true],
      ["voip.alone", "0", true],
      ["bulk", "1", true],
      ["voip.beside", "2", true],
    ]);
    const elsewhere = await recordRun(`${out}/3`, [{ id: { name: "c" }, messages: [] }]);
    const apart = [await openRun(first), await openRun(elsewhere)];
    const error = await assertRejects(() => Array.fromAsync(makePages(apart)), TineError);
    assertEquals(error.code, "no-results");
  }));

Deno.test("runs that are laid over each other are aligned where the first flow begins, and share what captions say", () =>
  inFolder(async (out) => {
    const base = await readTestReport(await openTest(await record(`${out}/1`, echoes("voip", 20))), { run: "base" });
    const later = echoes("voip", 20, { start: 700, rtt: 3 });
    const other = await readTestReport(await openTest(await record(`${out}/2`, later)), { run: "other" });
    const plot = overlay([base, other]).timePlots.find(({ id }) => id === "rtt") as XYPlot;
    const [first, second] = plot.series.map(({ data }) => (data as { x: Float64Array }).x);
    assertEquals(second.map(Math.round), first.map(Math.round));
    assertEquals(plot.series.map(({ name, look }) => [name, look.color, look.dash]), [
      ["voip (base)", 0, 0],
      ["voip (other)", 0, 1],
    ]);
    assertEquals(plot.caption.match(/Each echo/g)?.length, 1);
    assertMatch(plot.caption, /base: voip: median .* other: voip: median /);
  }));

Deno.test("a test that was killed, recorded nothing or is damaged has a page that says so", () =>
  inFolder(async (out) => {
    // As it is until a test ends, and stays where tine was killed.
    const killed = await record(`${out}/killed`, call());
    const summary = JSON.parse(await Deno.readTextFile(`${killed}/test.json`));
    await Deno.writeTextFile(
      `${killed}/test.json`,
      JSON.stringify({ ...summary, status: "running", ended: undefined }),
    );
    const running = await testPage(await readTestReport(await openTest(killed)), { script: false });
    assertStringIncludes(running, "The test has not ended");
    assertStringIncludes(running, "voip.alone");
    const empty = await testPage(await reportOf(`${out}/empty`, []), { script: false });
    assertStringIncludes(empty, "No flow has recorded anything.");

    const folder = await record(`${out}/damaged`, call());
    await Deno.remove(`${folder}/figures.json`).catch(() => {});
    const bytes = await Deno.readFile(`${folder}/records.tine`);
    bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 40);
    await Deno.writeFile(`${folder}/records.tine`, bytes);
    const report = await readTestReport(await openTest(folder));
    assertEquals(report.problems.length > 0, true);
    assertStringIncludes(await testPage(report, { script: false }), report.problems[0]);
  }));

Deno.test("recorded text is inert wherever it stands", () =>
  inFolder(async (out) => {
    const evil = `"'><img src=x onerror=alert(1)><script>alert(2)</script><a href="javascript:alert(3)">`;
    const file = "files-<b onmouseover=alert(4)>.txt";
    await using run = await startRun(out, { planName: evil });
    const store = await run.startTest(testNamed(evil, { [evil]: evil }));
    const messages = [
      item({
        type: "nodeInfo",
        nodeId: "left",
        platform: evil,
        hostname: evil,
        bootId: evil,
        clock: { offsetNs: 1, errorNs: 1 },
        pid: 1,
        versions: { tine: evil, deno: evil, kernel: evil },
      }),
      item({ type: "sysInfo", nodeId: "left", sections: { [evil]: { [evil]: evil }, text: evil } }),
      item({ type: "sysInfo", nodeId: "right", sections: { [evil]: { [evil]: "other" } } }),
      item({
        type: "runTimes",
        nodeId: "left",
        runs: [{ path: evil, name: evil, start: TINIT, end: TINIT, error: evil }],
      }),
      ...echoes("voip", 5),
      ...upload("bulk"),
      log("left", TINIT, evil, evil),
      errorMessage("left", evil),
      fileData("left", file),
    ];
    for (const message of messages) await store.add(message);
    await store.finish({ status: "failed" });
    await run.finish();
    const opened = await openRun(`${out}/latest`);
    const pages = [
      ...await Array.fromAsync(makePages([opened], { script: false })),
      ...await Array.fromAsync(makePages([opened, opened], { script: false, title: evil })),
    ];
    const [test] = await Array.fromAsync(testsOf(opened));
    const svg = await singlePlot([{ test }], "rtt", { title: evil });
    for (const text of [...pages.map(({ text }) => text), svg]) {
      assertStringIncludes(text, "onerror=alert(1)");
      assertEquals(/<(img|b |a href="javascript|script(?! type="application\/json"))/.exec(text), null);
      // No attribute ends where text has a quote.
      assertEquals(/["']["'][^>]*onerror/.exec(text.replace(/>[^<]*</g, "><")), null);
      assertEquals(
        [...text.matchAll(/<script type="application\/json">([^<]*)<\/script>/g)].every(([, json]) => JSON.parse(json)),
        true,
      );
    }
  }));

Deno.test("pages have requests and responses: what counts of them, a table, and their latency over time", () =>
  inFolder(async (out) => {
    const values = { transport: "tcp", connect: true, requestBytes: 64, responseBytes: 1000 };
    const samples = Array.from({ length: 400 }, (_, i) => {
      return { t: (i + 1) * 1e6, latency: 1e6, connect: 4e5, lost: 0 };
    });
    const folder = await record(out, [
      info("transactionInfo", "left", "crr", { values }),
      ...recordsOf("left", "crr", "transactionIO", samples),
      progressOf("left", "crr", {
        ...{ kind: "transactions", complete: true, elapsedNanos: 4e8, transactions: 400, lost: 0 },
        transactionsPerSecond: 1000,
      }),
    ]);
    const results = await openResults(folder);
    if (results.kind !== "test") throw new Error("not a test");
    const html = await testPage(await readTestReport(results));
    for (const text of ["Requests and responses", "TCP CRR, 64 / 1000 B", "Latency, median", "connectionsPerSecond"]) {
      assertStringIncludes(html, text);
    }
    const svg = await singlePlot([{ test: results }], "latency");
    assertStringIncludes(svg, "crr: median 1.000 ms, p99 1.000 ms, 1,000 a second.");
  }));

Deno.test("singlePlot() is a document by itself, with its legend, and names the nearest plot", () =>
  inFolder(async (out) => {
    const test = await openTest(await record(out, call()));
    const svg = await singlePlot([{ test }], "rtt-cdf", { title: "A call" });
    assertMatch(svg, /^<svg\s+xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    assertMatch(svg, /width="840" height="\d+"/);
    for (const text of ["A call", ">voip.alone<", ">voip.beside<", "Share of echoes"]) assertStringIncludes(svg, text);
    for (const id of ["goodput", "rtt", "delays", "cwnd", "lateness", "box"]) {
      assertStringIncludes(await singlePlot([{ test }], id), "<svg", id);
    }
    const error = await assertRejects(() => singlePlot([{ test }], "rtt-cfd"), TineError);
    assertEquals([error.code, error.message], ["unknown-plot", 'there is no plot "rtt-cfd": did you mean rtt-cdf?']);
    const nothing = await assertRejects(() => singlePlot([{ test }], "completion-cdf"), TineError);
    assertEquals(nothing.code, "no-plot");
  }));

Deno.test("testPage() shades the warm-up of flows, and says what that is", async () => {
  await inFolder(async (out) => {
    const values = { warmupNanos: 200e6, warmupEndNanos: 200e6, direction: "upload" };
    const steps = Array.from({ length: 11 }, (_, i) => ({ t: i * 100e6, total: i * 1e6 }));
    const test = await openResults(
      await record(out, [
        node("a", "boot"),
        info("streamInfo", "a", "bulk", { tinit: 1_000n, values }),
        info("streamInfo", "a", "bulk", { tinit: 1_000n, server: true, values }),
        ...recordsOf("a", "bulk", "streamIO", steps),
      ]),
    );
    if (test.kind !== "test") throw new Error("no test");
    const report = await readTestReport(test, { only: new Set(["goodput"]) });
    const [goodput] = report.timePlots;
    if (goodput.type !== "time") throw new Error(goodput.type);
    const [{ from, to, text }] = goodput.shades!;
    assertEquals([to - from, text], [200_000, "warm-up"]);
    const page = await testPage(await readTestReport(test));
    assertStringIncludes(page, 'class="shade"');
    assertStringIncludes(page, "What is shaded is the warm-up of flows, which is in no figure.");
  });
});

Deno.test("joinedShades() makes one of those that overlap, and keeps those of other words apart", () => {
  const shade = (from: number, to: number, text = "warm-up") => ({ from, to, text });
  assertEquals(joinedShades([shade(5, 9), shade(0, 3), shade(2, 4), shade(1, 7, "other")]), [
    shade(0, 4),
    shade(1, 7, "other"),
    shade(5, 9),
  ]);
});
