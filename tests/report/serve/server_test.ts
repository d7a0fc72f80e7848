import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createRun } from "../../../src/result/mod.ts";
import { writeUdfHead } from "../../../src/result/udf_output.ts";
import { encodeResponse } from "../../../src/udf/codec.ts";
import { toPoint } from "../../../src/udf/handler.ts";
import { ByteWriter } from "../../../src/wire/byte_writer.ts";
import { ReportServer } from "../../../src/report/serve/server.ts";
import type { TestUpdate } from "../../../src/report/serve/live_test.ts";
import { eventually } from "../../support/eventually.ts";
import { errorMessage, inFolder, log, startRun, testNamed } from "../../result/fixtures.ts";
import { info, node, recordsOf } from "../../result/recorded_flows.ts";

const listen = { hostname: "127.0.0.1", port: 0 };

/** Serves a folder, and collects what the server reports. */
async function serve(path: string): Promise<{ server: ReportServer; reports: string[] } & AsyncDisposable> {
  const reports: string[] = [];
  const server = await ReportServer.start({ path, listen, report: (message) => reports.push(message) });
  return { server, reports, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  assertEquals(response.status, 200, text);
  return text;
}

/** Sends a request as it is, and returns the response as text. */
async function raw(url: string, request: string): Promise<string> {
  using connection = await Deno.connect({ port: Number(new URL(url).port) });
  await connection.write(new TextEncoder().encode(`${request}\r\nConnection: close\r\n\r\n`));
  return await new Response(connection.readable).text();
}

async function statusOf(url: string, request: string): Promise<number> {
  return Number((await raw(url, request)).split(" ")[1]);
}

/** Samples of a TCP flow whose goodput is 1 Mbit/s, a millisecond apart, in chunks of a tenth of a second. */
function* bytes(flow: string, from: number, to: number) {
  for (let start = from; start < to; start += 100) {
    const samples = Array.from({ length: 100 }, (_, i) => ({ t: (start + i) * 1e6, total: (start + i) * 125 }));
    yield* recordsOf("left", flow, "streamIO", samples);
  }
}

const describe = (flow: string) =>
  info("streamInfo", "left", flow, { tinit: BigInt(Date.now()) * 1_000_000n, values: { direction: "upload" } });

/** Server-sent events of a run, as they come. */
class Events implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(response: Response, stop: AbortController) {
    this.#stop = stop;
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open(url: string): Promise<Events> {
    const stop = new AbortController();
    const response = await fetch(url, { signal: stop.signal });
    assertEquals([response.status, response.headers.get("content-type")], [200, "text/event-stream; charset=utf-8"]);
    return new Events(response, stop);
  }

  /** Returns the data of the next event of a name; others before it are passed over. */
  // deno-lint-ignore no-explicit-any -- each event has data of its own
  async next(name: string): Promise<any> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(this.#text.slice(0, end)) ?? [];
        this.#text = this.#text.slice(end + 2);
        if (event === name) return JSON.parse(data);
        continue;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`no event ${name} before the end`);
      this.#text += value;
    }
  }

  /** Collects updates until something holds for what has come. */
  async until(first: TestUpdate, holds: (all: TestUpdate) => boolean): Promise<TestUpdate> {
    let all = first;
    while (!holds(all)) {
      const { series, udfs, flows, lines } = await this.next("update") as TestUpdate;
      all = {
        ...all,
        udfs,
        series: [...all.series, ...series],
        flows: [...all.flows, ...flows],
        lines: [...all.lines, ...lines],
      };
    }
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#reader.cancel().catch(() => {});
  }
}

/** The address of the only run. */
async function pageOf(out: string, server: string): Promise<string> {
  for await (const { name } of Deno.readDir(out)) return `${server}${name.replace(/\.work$/, "")}/`;
  throw new Error("there is no run");
}

/** Samples of a plot, in all. */
const valuesOf = (update: TestUpdate, plot: string) =>
  update.series.filter((series) => series.plot === plot)
    .reduce((sum, { samples = [], buckets = [] }) => sum + samples.length / 2 + buckets.length / 7, 0);

Deno.test("ReportServer answers GET and HEAD, with the token, under a name of its machine", () =>
  inFolder(async (out) => {
    await using served = await serve(out);
    const { url } = served.server;
    const { host, pathname, port } = new URL(url);
    assert(/^\/[\w-]{22}\/$/.test(pathname), pathname);
    const get = (path: string, name = host) => statusOf(url, `GET ${path} HTTP/1.1\r\nHost: ${name}`);
    assertEquals(await get(pathname), 200);
    for (const name of ["localhost", `localhost:8080`, "127.0.0.1:1", "[::1]:80", `LOCALHOST:${port}`]) {
      assertEquals(await get(pathname, name), 200, name);
    }
    for (
      const name of [
        "evil.example",
        `evil.example:${port}`,
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
      ]
    ) {
      assertEquals(await get(pathname, name), 421, name);
    }
    const wrong = `${pathname[1] === "A" ? "B" : "A"}${pathname.slice(2)}`;
    for (const path of ["/", "/favicon.ico", `/${wrong}`, pathname.slice(0, -2), `${pathname.slice(0, -1)}x/`, "//"]) {
      assertEquals(await get(path), 404, path);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const response = await raw(url, `${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0`);
      assertStringIncludes(response, "405 Method Not Allowed");
      assertStringIncludes(response, "Allow: GET, HEAD");
    }
    const head = await raw(url, `HEAD ${pathname} HTTP/1.1\r\nHost: ${host}`);
    assertStringIncludes(head, "200 OK");
    assert(!head.includes("<"), "no body");
    for (
      const header of ["Cache-Control: no-store", "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"]
    ) {
      assertStringIncludes(head, header);
    }
    assertEquals(await statusOf(url, `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nX: ${"x".repeat(20_000)}`), 431);
  }));

Deno.test("ReportServer serves runs and tests by their names, and no file", () =>
  inFolder(async (out) => {
    await using run = await startRun(`${out}/results`);
    for (const name of ["a", "b"]) await (await run.startTest(testNamed(name))).finish({ status: "ok" });
    await run.finish();
    await Deno.writeTextFile(`${out}/secret`, "secret");
    await Deno.symlink(out, `${out}/results/link`);
    await using served = await serve(`${out}/results`);
    const { url } = served.server;
    const { host, pathname } = new URL(url);
    const name = "2026-11-21T02-55-00Z";
    assertStringIncludes(await textOf(url), `<a href="${name}/">`);
    assertStringIncludes(await textOf(`${url}${name}/`), 'href="name%3Da/"');
    assertStringIncludes(await textOf(`${url}${name}/name%3Da/`), "<h1>a</h1>");
    for (
      const path of [
        "../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        `${name}/../../secret`,
        `${name}/..%2f..%2fsecret/`,
        `${name}/test.json`,
        `${name}/run.json/`,
        `${name}/name%3Da/records.tine`,
        `${name}/%00/`,
        "%ff/",
        "link/",
        "link/results/",
        "latest/",
        `${name}/name%3Dc/`,
        `${name}/events`,
      ]
    ) {
      assertEquals(await statusOf(url, `GET ${pathname}${path} HTTP/1.1\r\nHost: ${host}`), 404, path);
    }
  }));

Deno.test("ReportServer lists what there is beside folders that are broken or of others", () =>
  inFolder(async (out) => {
    await using served = await serve(`${out}/none`);
    assertStringIncludes(await textOf(served.server.url), "There is no run yet");
    const folder = `${out}/none`;
    await using run = await startRun(folder);
    await run.finish();
    await Deno.mkdir(`${folder}/broken`);
    await Deno.writeTextFile(`${folder}/broken/run.json`, "{");
    await Deno.mkdir(`${folder}/foreign/src`, { recursive: true });
    await Deno.writeTextFile(`${folder}/README`, "x");
    const page = await textOf(served.server.url);
    assertStringIncludes(page, 'href="2026-11-21T02-55-00Z/"');
    assertStringIncludes(page, "broken/run.json");
    assert(!page.includes("foreign"));
    assertStringIncludes(await textOf(`${served.server.url}2026-11-21T02-55-00Z/`), "No test has run");
    // A test whose summary is damaged is no obstacle to another one.
    await using second = await startRun(folder);
    for (const name of ["a", "b"]) await (await second.startTest(testNamed(name))).finish({ status: "ok" });
    await second.finish();
    await Deno.writeTextFile(`${folder}/2026-11-21T02-55-00Z-2/name=a/test.json`, "{");
    const tests = await textOf(`${served.server.url}2026-11-21T02-55-00Z-2/`);
    assertStringIncludes(tests, 'href="name%3Db/"');
    assert(!tests.includes('href="name%3Da/"') && served.reports.some((report) => report.includes("name=a/test.json")));
    const broken = await fetch(`${served.server.url}2026-11-21T02-55-00Z-2/name%3Da/`);
    assertEquals(broken.status, 500);
    assertStringIncludes(await broken.text(), "name=a/test.json");
  }));

Deno.test("ReportServer lets pages follow a run: flows, plots and logs grow, and the final page comes at its end", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    await using served = await serve(out);
    const page = `${served.server.url}2026-11-21T02-55-00Z/`;
    assertStringIncludes(await textOf(served.server.url), ">runs</span>");
    assertStringIncludes(await textOf(page), "new EventSource");
    await using first = await Events.open(`${page}events`);
    const test = await run.startTest(testNamed("hello"));
    await test.add(node("left", "b"));
    await test.add(describe("bulk"));
    for (const message of bytes("bulk", 0, 1000)) await test.add(message);
    await test.add(log("left", Date.now() * 1e6, "<script>alert(1)</script>\n"));
    const start = await first.next("test");
    assertEquals([start.folder, start.id], ["name=hello", "hello"]);
    const grown = await first.until(
      start,
      (all) => valuesOf(all, "goodput") >= 4 && all.lines.length > 0 && all.flows.length > 0,
    );
    assertEquals(grown.series[0].kind, "steps");
    assertEquals(
      grown.series[0].samples!.filter((_, i) => i % 2 === 1).map(Math.round),
      grown.series[0].samples!.filter((_, i) => i % 2 === 1),
    );
    // The last sample lacks a millisecond to the end of its interval.
    assertEquals([grown.flows[0].flow, grown.flows[0].goodput], ["bulk", "995 kbit/s"]);
    assertEquals([grown.lines[0].node, grown.lines[0].text], ["left", "<script>alert(1)</script>\n"]);
    // One that comes late gets what there was.
    await using late = await Events.open(`${page}events`);
    const snapshot = await late.next("test") as TestUpdate;
    assertEquals([valuesOf(snapshot, "goodput"), snapshot.lines.length], [valuesOf(grown, "goodput"), 1]);
    for (const message of bytes("bulk", 1000, 2000)) await test.add(message);
    for (const events of [first, late]) {
      const all = await events.until({ ...snapshot, series: [] }, (all) => valuesOf(all, "goodput") >= 4);
      assertEquals(all.lines.length, 1, "a line does not come twice");
    }
    // The test that runs is the page of the run.
    const redirect = await fetch(`${page}name%3Dhello/`, { redirect: "manual" });
    await redirect.body?.cancel();
    assertEquals([redirect.status, redirect.headers.get("location")], [302, "../"]);
    await test.finish({ status: "ok" });
    const second = await run.startTest(testNamed("second"));
    assertEquals((await first.next("test")).id, "second");
    await second.finish({ status: "failed" });
    await run.finish();
    for (const events of [first, late]) assertEquals(await events.next("end"), {});
    // The server is there until both pages are loaded anew.
    let isDrained = false;
    const drained = served.server.drained(60_000).then(() => isDrained = true);
    const final = await textOf(page);
    assertEquals(isDrained, false);
    await textOf(page);
    await drained;
    assertStringIncludes(final, "<h1>hello.yaml</h1>");
    assert(!final.includes("new EventSource"));
    assertStringIncludes(await textOf(`${page}name%3Dhello/`), "1.00");
    await using over = await Events.open(`${page}events`);
    assertEquals(await over.next("end"), {});
    assertEquals(served.reports, []);
  }));

Deno.test("ReportServer shows what UDFs return while their test runs, as the page of the test does", () =>
  inFolder(async (out) => {
    const udfs = [
      { name: "smooth", table: "round_trips", handler: "moving-avg", options: { field: "rtt_us" } },
      { name: "count", table: "intervals", handler: "./count.ts" },
    ];
    const planned = { ...testNamed("hello"), udfs };
    await using run = await createRun(out, { tests: [planned] }, { planName: "p", tine: "1", started: new Date() });
    await using served = await serve(out);
    const test = await run.startTest(planned);
    await test.add(node("left", "b"));
    const start = BigInt(Date.parse(JSON.parse(await Deno.readTextFile(`${test.folder}/test.json`)).started)) *
      1_000_000n;
    await Deno.mkdir(`${test.folder}/udfs`);
    const append = async (number: number, write: (writer: ByteWriter) => void) => {
      const writer = new ByteWriter();
      write(writer);
      await Deno.writeFile(`${test.folder}/udfs/${number}.tine`, writer.written(), { append: true });
    };
    const points =
      (from: number, fields: (i: number) => Record<string, number | bigint | boolean>, tags: Record<string, string>) =>
      (writer: ByteWriter) => {
        for (let i = from; i < from + 3; i++) {
          const point = toPoint({ name: "p", time: start + BigInt(i) * 1_000_000n, tags, fields: fields(i) });
          const begin = writer.openLength(1);
          encodeResponse(writer, { kind: "point", point });
          writer.closeLength(begin, 1);
        }
      };
    await append(1, (writer) => writeUdfHead(writer, udfs[0]));
    await append(2, (writer) => writeUdfHead(writer, udfs[1]));
    const averages = (i: number) => ({ avg: i + 0.5, rtt_us: 7.5, seq: BigInt(i), odd: true });
    await append(1, points(0, averages, { flow: "voip", sender: "0", name: "hello" }));
    await using events = await Events.open(`${await pageOf(out, served.server.url)}events`);
    const first = await events.until(await events.next("test"), (all) => valuesOf(all, "udf.smooth.avg") >= 3);
    // Of what it was given, nothing that it hands on; over it, where both have one unit.
    const head = { id: "udf.smooth.avg", title: "UDF smooth: avg", y: { title: "smooth: avg", unit: "us" } } as const;
    assertEquals(first.udfs, [{ ...head, worst: "greatest", under: "rtt" }]);
    const [series] = first.series.filter(({ plot }) => plot === head.id);
    assertEquals([series.name, series.kind, series.samples], ["voip: avg", "line", [0, 0.5, 1000, 1.5, 2000, 2.5]]);
    // What comes later, with a UDF that says nothing of what it is about.
    await append(1, points(3, averages, { flow: "voip", sender: "0", name: "hello" }));
    await append(2, points(0, (i) => ({ flows: BigInt(i) }), { name: "hello" }));
    const all = await events.until(
      first,
      (all) => valuesOf(all, "udf.smooth.avg") >= 6 && valuesOf(all, "udf.count.flows") >= 3,
    );
    assertEquals(all.series.find(({ plot }) => plot === "udf.count.flows")!.name, "flows");
    await using late = await Events.open(`${await pageOf(out, served.server.url)}events`);
    const snapshot = await late.next("test");
    assertEquals(snapshot.udfs.map(({ id, under }: { id: string; under?: string }) => [id, under]), [
      ["udf.smooth.avg", "rtt"],
      ["udf.count.flows", undefined],
    ]);
    assertEquals(valuesOf(snapshot, "udf.smooth.avg"), 6);
    // What a kernel has smoothed is a line, which does not stand below what a UDF of echoes returned.
    await test.add(describe("bulk"));
    const kernel = { t: 1e6, rtt: 1000, cwnd: 10, sndMss: 1448, totalRetrans: 0, deliveredCe: -1 };
    for (const message of recordsOf("left", "bulk", "tcpInfo", [kernel])) await test.add(message);
    const drawn = await events.until(all, (all) => valuesOf(all, "rtt") > 0);
    assertEquals(drawn.series.find(({ plot }) => plot === "rtt")!.kind, "line");
    assertEquals(served.reports, []);
  }));

Deno.test("ReportServer ends pages of a run that is killed, and shows what there is", () =>
  inFolder(async (out) => {
    await using served = await serve(out);
    const page = `${served.server.url}2026-11-21T02-55-00Z/`;
    const events = await (async () => {
      await using run = await startRun(out);
      const test = await run.startTest(testNamed("hello"));
      await test.add(node("left", "b"));
      await test.add(describe("bulk"));
      for (const message of bytes("bulk", 0, 1000)) await test.add(message);
      const events = await Events.open(`${page}events`);
      await events.until(await events.next("test"), (all) => valuesOf(all, "goodput") >= 4);
      return events;
    })();
    assertEquals(await events.next("end"), {});
    await events[Symbol.asyncDispose]();
    assertStringIncludes(await textOf(page), "bulk");
    assertStringIncludes(await textOf(served.server.url), "not complete");
  }));

Deno.test("ReportServer limits pages that follow, and takes others when some leave", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    await using served = await serve(out);
    const events = `${served.server.url}2026-11-21T02-55-00Z/events`;
    const open: Events[] = [];
    for (let i = 0; i < 32; i++) open.push(await Events.open(events));
    const refused = await fetch(events);
    assertEquals([refused.status, await refused.text()], [503, "32 pages follow runs already\n"]);
    for (const each of open) await each[Symbol.asyncDispose]();
    let status = 0;
    const ask = async () => {
      const response = await fetch(events);
      status = response.status;
      await response.body?.cancel();
    };
    let asking = ask();
    await eventually("there is room", () => {
      if (status === 503) asking = ask();
      return status === 200;
    });
    await asking;
    await run.finish();
  }));

Deno.test("ReportServer answers a thousand requests", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    await (await run.startTest(testNamed("a"))).finish({ status: "ok" });
    await run.finish();
    await using served = await serve(out);
    const urls = ["", "2026-11-21T02-55-00Z/", "2026-11-21T02-55-00Z/name%3Da/", "nothing/"];
    const counts = new Map<number, number>();
    await Promise.all(Array.from({ length: 10 }, async (_, worker) => {
      for (let i = 0; i < 100; i++) {
        const response = await fetch(served.server.url + urls[(i + worker) % urls.length]);
        await response.text();
        counts.set(response.status, (counts.get(response.status) ?? 0) + 1);
      }
    }));
    assertEquals([...counts].sort(), [[200, 750], [404, 250]]);
  }));

Deno.test("ReportServer has nothing in its pages that a recorded text could become", () =>
  inFolder(async (out) => {
    const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`;
    await using run = await startRun(out, { planName: evil });
    await using served = await serve(out);
    const page = `${served.server.url}2026-11-21T02-55-00Z/`;
    const test = await run.startTest(testNamed(evil, { [evil]: evil }));
    await test.add(node("left", "b"));
    await test.add(describe("bulk"));
    for (const message of bytes("bulk", 0, 500)) await test.add(message);
    await test.add(errorMessage("left", evil));
    await using events = await Events.open(`${page}events`);
    await events.until(await events.next("test"), (all) => all.lines.length > 0);
    const live = [await textOf(served.server.url), await textOf(page)];
    await test.finish({ status: "failed" });
    await (await run.startTest(testNamed("b"))).finish({ status: "ok" });
    await run.finish();
    await events.next("end");
    const folder = encodeURIComponent(
      (await Array.fromAsync(Deno.readDir(run.path))).find(({ name }) => name.includes("script"))!.name,
    );
    for (
      const text of [...live, await textOf(served.server.url), await textOf(page), await textOf(`${page}${folder}/`)]
    ) {
      assert(!/<script>alert|<img/.test(text), text.slice(text.search(/<script>alert|<img/) - 200).slice(0, 400));
      assertStringIncludes(text, "default-src 'none'");
    }
  }));
