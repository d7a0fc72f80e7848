import { assert, assertEquals } from "@std/assert";
import { flowLines } from "../../src/cli/results/flow_lines.ts";
import { flowJson, flowTables } from "../../src/cli/results/flow_tables.ts";
import { FIGURES_VERSION } from "../../src/flow/analysis/mod.ts";
import type { Message } from "../../src/node/protocol/frame.ts";
import { findPrevious, measureFlows, openResults, readFlows } from "../../src/result/mod.ts";
import { tableNamed } from "../../src/result/tables/mod.ts";
import { packetReport, streamReport } from "../flow/reports.ts";
import { unless, whyNoRoot, whyNotInstalled } from "../support/unless.ts";
import { objectsOf } from "./export/odd_table.ts";
import { errorMessage, inFolder, listing, startRun, testNamed } from "./fixtures.ts";
import { info, node, progressOf, record, recordsOf } from "./recorded_flows.ts";

const MS = 1e6;
const TINIT = 1_795_916_003_000_000_000n;

/** Flows of each protocol, complete and cut, with all figures that there are. */
function* flows(): Generator<Message, void, void> {
  yield node("left", "boot a");
  yield node("right", "boot b");
  const values = {
    direction: "upload",
    cca: "cubic",
    client: "10.0.0.1:5",
    engine: "ffi",
    path: "tests[0]",
    config: "{}",
  };
  yield info("streamInfo", "left", "bulk", { tinit: TINIT, values });
  yield info("streamInfo", "right", "bulk", { server: true, values: { direction: "upload", server: "10.0.0.2:7" } });
  const times = Array.from({ length: 50 }, (_, i) => (i + 1) * 20 * MS);
  yield* recordsOf("left", "bulk", "streamIO", times.map((t) => ({ t, total: t / 1000, sent: 1 })));
  yield* recordsOf("right", "bulk", "streamIO", times.map((t) => ({ t, total: t / 1100 })));
  yield* recordsOf(
    "left",
    "bulk",
    "tcpInfo",
    times.map((t, i) => ({
      ...{ t, rtt: 1000 + i * 7, minRtt: 900, cwnd: 10 + i, sndMss: 1448, totalRetrans: i },
      ...{ bytesSent: t / 1000, bytesRetrans: i, busyTime: t / 2000, rwndLimited: t / 9000, sndbufLimited: 7 },
    })),
  );
  const report = { bytes: 9e5, durationNanos: 1e9, goodputBitsPerSecond: 8e6, fctNanos: 1.1e9, keyProofNanos: 5e5 };
  yield progressOf("left", "bulk", streamReport({ ...report, serverCpuNanos: 3e8 }));
  yield* recordsOf("right", 'cut "\u2028\n\x1b[2J', "streamIO", [{ t: 1e9, total: 1e6 }]);
  yield info("packetInfo", "left", "voip", { tinit: TINIT });
  yield info("packetInfo", "right", "voip", { tinit: TINIT + 5_000_000_000n, server: true });
  const seqs = Array.from({ length: 200 }, (_, seq) => seq).filter((seq) => seq % 40 !== 7);
  const packet = { packets: 1, len: 100 };
  const sent = (seq: number) => ({ ...packet, seq, t: seq * MS + seq * 5, scheduled: seq * MS, flag: 1, sent: 1 });
  const reply = (seq: number) => ({
    ...{ ...packet, seq, t: (seq + 3) * MS + seq * 11, flag: 2 },
    ...{ serverReceived: 3000 * MS - 2 * MS, serverTime: MS + seq, serverCount: seq + 1 },
  });
  yield* recordsOf("left", "voip", "packetIO", seqs.flatMap((seq) => [sent(seq), reply(seq)]));
  const at = (seq: number) => (seq + 1 + 3000 - 5000) * MS;
  yield* recordsOf(
    "right",
    "voip",
    "packetIO",
    seqs.map((seq) => ({ ...packet, seq, t: at(seq), flag: 1, server: 1 })),
  );
  yield progressOf("left", "voip", packetReport({ sent: 195, serverReceived: 195, received: 195, sendErrors: 2 }));
  const reverse = (seq: number) => ({ ...packet, sender: 3, seq, t: seq * MS, flag: 8 });
  yield* recordsOf("left", "down", "packetIO", seqs.map(reverse));
}

const figuresFile = (folder: string) => `${folder}/figures.json`;

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** What a look shows: all that is printed of flows. */
async function look(folder: string): Promise<string> {
  const all = await Array.fromAsync(readFlows(folder));
  const json = all.flatMap((flow) => [String(flow.start), ...flowJson(flow, {}).map((one) => JSON.stringify(one))]);
  return [...json, ...flowLines(all), ...flowTables(all)].join("\n");
}

/** All that the analysis makes, as text; a figure that is not known is left out. */
function text(flow: unknown): string {
  return JSON.stringify(flow, (_, value) => typeof value === "bigint" ? `${value}n` : value);
}

/** A test with figures that were kept, and what a look at it shows. */
async function keptTest(out: string): Promise<{ folder: string; shown: string; kept: string }> {
  const folder = await record(out, flows());
  const shown = await look(folder);
  return { folder, shown, kept: await Deno.readTextFile(figuresFile(folder)) };
}

/** Changes a figure in what is kept, so that it is seen whether it is used. */
async function mark(folder: string): Promise<void> {
  const kept = await Deno.readTextFile(figuresFile(folder));
  const marked = kept.replaceAll(/"goodputBitsPerSecond":[\d.]+/g, '"goodputBitsPerSecond":123456');
  assert(marked !== kept);
  await Deno.writeTextFile(figuresFile(folder), marked);
}

Deno.test("readFlows() keeps figures, which are those of the records, key for key", () =>
  inFolder(async (out) => {
    const folder = await record(out, flows());
    const fresh = (await Array.fromAsync(measureFlows(folder))).map(text);
    assertEquals(fresh.length, 4);
    assert(!await exists(figuresFile(folder)));
    const first = await look(folder);
    assertEquals((await Array.fromAsync(readFlows(folder))).map(text), fresh);
    assertEquals(await look(folder), first);
    const { version, figures, records } = JSON.parse(await Deno.readTextFile(figuresFile(folder)));
    const { size } = await Deno.stat(`${folder}/records.tine`);
    assertEquals([version, figures, records.bytes], [1, FIGURES_VERSION, size]);
    // They are what a look takes.
    await mark(folder);
    const [bulk] = await Array.fromAsync(readFlows(folder));
    assert(bulk.protocol === "tcp" && bulk.figures.goodputBitsPerSecond === 123456);
    assertEquals((await listing(folder)).filter((path) => path.includes("figures")), ["figures.json"]);
  }));

Deno.test("readFlows() reports how many samples it goes through, at the first look only", () =>
  inFolder(async (out) => {
    const folder = await record(out, flows());
    const { summary } = await openResults(folder) as { summary: { records: { samples: Record<string, number> } } };
    const all = Object.values(summary.records.samples).reduce((sum, count) => sum + count);
    await Deno.remove(figuresFile(folder)).catch(() => {});
    let samples = 0;
    for (let looks = 1; looks <= 2; looks++) {
      await Array.fromAsync(readFlows(folder, undefined, (count) => samples += count));
      assertEquals(samples, all);
    }
  }));

Deno.test("readFlows() takes of the kept figures the flows that are wanted, and keeps nothing of a part", () =>
  inFolder(async (out) => {
    const folder = await record(out, flows());
    const voip = async () => await Array.fromAsync(readFlows(folder, (flow) => flow === "voip"));
    const fresh = await voip();
    assert(!await exists(figuresFile(folder)));
    await look(folder);
    assertEquals((await voip()).map(text), fresh.map(text));
    for await (const _ of readFlows(folder)) break;
    await Deno.remove(figuresFile(folder));
    for await (const _ of readFlows(folder)) break;
    assert(!await exists(figuresFile(folder)), "of a look that ended early");
  }));

Deno.test("the table of flows is made from the kept figures, and is the same", () =>
  inFolder(async (out) => {
    const { folder } = await keptTest(out);
    const test = await openResults(folder);
    assert(test.kind === "test");
    const rows = async () => await objectsOf(tableNamed("flows")({ test, idKeys: [] }));
    const kept = await rows();
    await Deno.remove(figuresFile(folder));
    assertEquals(await rows(), kept);
    assertEquals(kept[0].time, TINIT);
    await mark(folder);
    assertEquals((await rows())[0].goodput_bits_per_second, 123456);
  }));

Deno.test("readFlows() makes figures anew that are stale, foreign, damaged or of another version", () =>
  inFolder(async (out) => {
    const { folder, shown, kept } = await keptTest(`${out}/a`);
    const path = figuresFile(folder);
    const foreign = await record(`${out}/b`, [...flows(), errorMessage("left", "an error")]);
    await look(foreign);
    const whole = JSON.parse(kept);
    const { records, flows: those } = whole;
    const bad = [
      await Deno.readTextFile(figuresFile(foreign)),
      ...["", "{", "null", "[]", "1", '"x"', "{}", "\0", "[".repeat(200_000), `{"a":${"[".repeat(100_000)}`],
      kept.slice(0, -10),
      kept.slice(0, kept.length / 2),
      ...[
        { version: 2 },
        { version: undefined },
        { figures: FIGURES_VERSION + 1 },
        { figures: "1" },
        { records: null },
        { records: { ...records, bytes: records.bytes + 1 } },
        { records: { ...records, end: "0".repeat(64) } },
        { flows: {} },
        { flows: "x" },
        { flows: [null] },
        { flows: [...those, {}] },
        { flows: those.map((flow: object) => ({ ...flow, start: 5 })) },
        { flows: those.map((flow: object) => ({ ...flow, start: "x" })) },
        { flows: those.map((flow: object) => ({ ...flow, start: "9".repeat(1000) })) },
        { flows: those.map((flow: object) => ({ ...flow, more: 1 })) },
      ].map((change) => JSON.stringify({ ...whole, ...change })),
      kept.replace('"complete"', '"__proto__":{"complete":true},"complete"'),
      kept.replace(/"goodputBitsPerSecond":[\d.]+/, '"goodputBitsPerSecond":1e999'),
    ];
    for (const content of bad) {
      await Deno.writeTextFile(path, content);
      assertEquals(await look(folder), shown, content.slice(0, 300));
      assertEquals(await Deno.readTextFile(path), kept, content.slice(0, 300));
    }
    // Bytes that are no text.
    await Deno.writeFile(path, Uint8Array.of(0xff, 0xfe, 0));
    assertEquals(await look(folder), shown);
  }));

/** Each way to put a value of another type into a tree of JSON, or a number that is no count. */
function* spoiled(whole: object): Generator<[where: string, tree: unknown], void, void> {
  const typeOf = (value: unknown) => Array.isArray(value) ? "list" : value === null ? "null" : typeof value;
  for (const [key, value] of Object.entries(whole)) {
    const others: unknown[] = [null, [], {}, "1", 7, true].filter((other) => typeOf(other) !== typeOf(value));
    if (/^(count|sent|received|lost|duplicates|reordered|retransmits|incoherent)$/.test(key)) {
      others.push(0.5, -3, 2e300);
    }
    if (key === "protocol" || key === "direction") others.push("sctp");
    for (const other of others) yield [`${key}: ${JSON.stringify(other)}`, { ...whole, [key]: other }];
    if (typeof value !== "object") continue;
    for (const [where, tree] of spoiled(value)) {
      yield [`${key}.${where}`, Object.assign(Array.isArray(whole) ? [...whole] : { ...whole }, { [key]: tree })];
    }
  }
}

Deno.test("readFlows() makes figures anew where one of them is of another type", () =>
  inFolder(async (out) => {
    const { folder, kept } = await keptTest(out);
    const fresh = (await Array.fromAsync(measureFlows(folder))).map(text);
    const whole = JSON.parse(kept);
    let count = 0;
    for (const [i, flow] of whole.flows.entries()) {
      for (const [where, tree] of spoiled(flow)) {
        await Deno.writeTextFile(figuresFile(folder), JSON.stringify({ ...whole, flows: whole.flows.with(i, tree) }));
        const read = await Array.fromAsync(readFlows(folder, () => true));
        assertEquals(read.map(text), fresh, `${i}.${where}`);
        count++;
      }
    }
    assert(count > 500, `${count}`);
  }));

Deno.test("readFlows() copes with any bytes in place of kept figures", () =>
  inFolder(async (out) => {
    const { folder, kept } = await keptTest(out);
    const bytes = new TextEncoder().encode(kept);
    let state = 7;
    const random = (below: number) => (state = (state * 1664525 + 1013904223) % 2 ** 32) % below;
    for (let i = 0; i < 300; i++) {
      const mutated = bytes.slice(0, random(4) === 0 ? random(bytes.length) : bytes.length);
      for (let n = random(4); n >= 0 && mutated.length > 0; n--) mutated[random(mutated.length)] = random(256);
      await Deno.writeFile(figuresFile(folder), mutated);
      await look(folder); // It does not throw.
    }
  }));

Deno.test("readFlows() never reads or writes kept figures through a link", () =>
  inFolder(async (out) => {
    const { folder, shown, kept } = await keptTest(out);
    const path = figuresFile(folder);
    const other = `${out}/other`;
    await Deno.writeTextFile(other, kept.replaceAll(/"goodputBitsPerSecond":[\d.]+/g, '"goodputBitsPerSecond":1'));
    const before = await Deno.readTextFile(other);
    await Deno.remove(path);
    await Deno.symlink(other, path);
    assertEquals(await look(folder), shown);
    assertEquals(await Deno.readTextFile(other), before);
    assert((await Deno.lstat(path)).isFile);
    await Deno.remove(path);
    // A folder cannot be replaced: nothing is kept, and no draft stays.
    await Deno.mkdir(`${path}/x`, { recursive: true });
    assertEquals(await look(folder), shown);
    assertEquals((await listing(folder)).filter((path) => path.includes("figures")), [
      "figures.json",
      "figures.json/x",
    ]);
  }));

Deno.test({
  ...unless(whyNotInstalled("mkfifo"), "readFlows() does not wait for a pipe in place of kept figures"),
  fn: () =>
    inFolder(async (out) => {
      const { folder, shown } = await keptTest(out);
      await Deno.remove(figuresFile(folder));
      await new Deno.Command("mkfifo", { args: [figuresFile(folder)] }).output();
      assertEquals(await look(folder), shown);
      assert((await Deno.lstat(figuresFile(folder))).isFile);
    }),
});

Deno.test("readFlows() needs no permission to write", () =>
  inFolder(async (out) => {
    const folder = await record(out, flows());
    const module = new URL("../../src/result/mod.ts", import.meta.url).href;
    const code =
      `import { readFlows } from "${module}"; console.log((await Array.fromAsync(readFlows("${folder}"))).length)`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", "--allow-read", `data:text/javascript,${encodeURIComponent(code)}`],
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "4\n", new TextDecoder().decode(stderr));
    assert(!await exists(figuresFile(folder)));
  }));

Deno.test("readFlows() follows a test that is under way: its figures are those of all records so far", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    const bytesOf = async () => (await Array.fromAsync(readFlows(store.folder))).map(({ figures }) => figures);
    for (const message of recordsOf("right", "bulk", "streamIO", [{ t: 1e9, total: 1e6 }])) await store.add(message);
    await store.finish({ status: "ok" });
    const [before] = await bytesOf();
    assert("bytes" in before && before.bytes === 1e6 && await exists(figuresFile(store.folder)));
    // As if the node had sent more: records are only appended to.
    const records = await Deno.readFile(`${store.folder}/records.tine`);
    const more = await record(`${out}/more`, recordsOf("right", "bulk", "streamIO", [{ t: 2e9, total: 3e6 }]));
    const added = (await Deno.readFile(`${more}/records.tine`)).subarray("tine records 1\n".length);
    await Deno.writeFile(`${store.folder}/records.tine`, new Uint8Array([...records, ...added]));
    const [after] = await bytesOf();
    assert("bytes" in after && after.bytes === 3e6);
  }));

Deno.test("RunFolder.keepTest() takes kept figures along, and neither folder changes those of the other", () =>
  inFolder(async (out) => {
    const { folder, kept } = await keptTest(out);
    await Deno.writeTextFile(`${folder}/figures.json.0.draft`, "what another look writes now");
    await using run = await startRun(out, { started: new Date("2026-11-22T00:00:00Z") });
    const [previous] = (await findPrevious(out)).values();
    await run.keepTest(previous);
    const copy = `${await run.finish()}/name=a`;
    assertEquals(await Deno.readTextFile(figuresFile(copy)), kept);
    assertEquals((await listing(copy)).filter((path) => path.includes("figures")), ["figures.json"]);
    const inode = async (folder: string) => (await Deno.stat(figuresFile(folder))).ino;
    assertEquals(await inode(copy), await inode(folder));
    // One of them is stale: it is replaced, not written into.
    await Deno.writeFile(`${out}/records`, (await Deno.readFile(`${copy}/records.tine`)).slice(0, -30));
    await Deno.rename(`${out}/records`, `${copy}/records.tine`);
    await look(copy);
    assert(await inode(copy) !== await inode(folder));
    assertEquals(await Deno.readTextFile(figuresFile(folder)), kept);
  }));

Deno.test({
  ...unless(whyNoRoot, "readFlows() gives what it keeps to the user behind sudo"),
  fn: () =>
    inFolder(async (out) => {
      const folder = await record(out, flows());
      const module = new URL("../../src/result/mod.ts", import.meta.url).href;
      const code = `import { readFlows } from "${module}"; await Array.fromAsync(readFlows("${folder}"))`;
      await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", `data:text/javascript,${encodeURIComponent(code)}`],
        env: { SUDO_UID: "12345", SUDO_GID: "12346" },
      }).output();
      const { uid, gid } = await Deno.lstat(figuresFile(folder));
      assertEquals([uid, gid], [12345, 12346]);
    }),
});

/** Of what analyses have made, by the version of figures. A new version is a new line. */
const DIGESTS: Readonly<Record<number, string>> = {
  1: "bf74c812433bb340",
  2: "accb8ceafd0af689",
  // Only flows with a warm-up differ, of which an earlier version counts all.
  3: "accb8ceafd0af689",
  // ECN of TCP, and its marks.
  4: "e9b6069e7fd53a5e",
  // Only the order of echoes, and flows whose receiver reported nothing, differ.
  5: "e9b6069e7fd53a5e",
};

Deno.test("FIGURES_VERSION is raised when figures change", () =>
  inFolder(async (out) => {
    const folder = await record(out, flows());
    const all = (await Array.fromAsync(measureFlows(folder))).map(text).join("\n");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(all))).toHex();
    const hint = "figures have changed: raise FIGURES_VERSION, and put its digest here";
    assertEquals(digest.slice(0, 16), DIGESTS[FIGURES_VERSION], hint);
  }));
