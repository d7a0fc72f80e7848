import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { command } from "../../src/cli/bench/bench.ts";
import { renderJson, renderText, type Side } from "../../src/cli/bench/render.ts";
import { UsageError } from "../../src/cli/errors.ts";
import { parse } from "../../src/cli/parse.ts";
import type { Measurement } from "../../src/udf/bench/mod.ts";
import { startTine, TextReader, tine } from "../support/tine.ts";

const isLinux = Deno.build.os === "linux";
const MOVING_AVG = ["--handler", "moving-avg", "--set", "field=usage", "--set", "size=3"];

// What a program can rely on: the keys of the manual's page.
const figure = {
  type: "object",
  required: ["figure", "title", "unit", "better", "median", "low", "high", "values"],
  properties: {
    figure: { type: "string" },
    title: { type: "string" },
    unit: { enum: ["1/s", "us", "byte"] },
    better: { enum: ["more", "less"] },
    median: { type: "number", exclusiveMinimum: 0 },
    low: { type: "number", exclusiveMinimum: 0 },
    high: { type: "number", exclusiveMinimum: 0 },
    confidence: { type: "number", minimum: 0.95, maximum: 1 },
    values: { type: "array", minItems: 1, items: { type: "number", exclusiveMinimum: 0 } },
  },
  additionalProperties: false,
};
const lineSchema = {
  oneOf: [
    {
      type: "object",
      required: ["type", "udf", "repeat", "answersEach", "pointsPerSecond", "startMicros"],
      properties: { type: { const: "repeat" }, udf: { type: "string" }, repeat: { type: "integer", minimum: 1 } },
      patternProperties: { "(PerSecond|Micros|Bytes)$": { type: "number" }, answersEach: { type: "boolean" } },
      additionalProperties: false,
    },
    {
      type: "object",
      required: ["type", "udf", "wants", "provides", "answersEach", "repeats", "input", "figures", "unknown"],
      properties: {
        type: { const: "udf" },
        udf: { type: "string" },
        wants: { enum: ["stream", "batch"] },
        provides: { enum: ["stream", "batch"] },
        answersEach: { type: "boolean" },
        repeats: { type: "integer", minimum: 1 },
        input: { enum: ["own", "generated"] },
        figures: { type: "array", items: figure },
        unknown: { type: "array", items: { type: "string" } },
      },
      additionalProperties: false,
    },
    {
      type: "object",
      required: ["type", "base", "other", "figure", "unit", "baseSample", "otherSample", "difference", "verdict"],
      properties: { type: { const: "row" } },
    },
    {
      type: "object",
      required: ["type", "message"],
      properties: { type: { const: "warning" }, message: { type: "string" } },
      additionalProperties: false,
    },
    { type: "object", required: ["type", "alpha"], properties: { type: { const: "summary" } } },
  ],
};
const isLine = new Ajv().compile(lineSchema);

// deno-lint-ignore no-explicit-any -- each line is checked against the schema first
function linesOf(stdout: string): any[] {
  return stdout.trimEnd().split("\n").map((text) => {
    const line = JSON.parse(text);
    assert(isLine(line), `${text}: ${JSON.stringify(isLine.errors)}`);
    return line;
  });
}

function measurement(pointsPerSecond: number, more: Partial<Measurement> = {}): Measurement {
  return {
    info: { wants: "stream", provides: "stream", options: new Map() },
    startMs: 50,
    answersEach: true,
    pointsPerSecond,
    tripsMs: [0.04, 0.05, 0.06],
    missedGroups: [],
    ...more,
  };
}

function sideOf(name: string, rates: readonly number[], more?: Partial<Measurement>): Side {
  return { name, isProcess: true, measurements: rates.map((rate) => measurement(rate, more)) };
}

function resultsOf(...sides: Side[]) {
  return { sides, alpha: 0.05, warnings: [], ownInput: false };
}

Deno.test("bench prints a table of medians with their intervals, and what could not be measured", () => {
  const memory = [{ groups: 0, points: 0, bytes: 20_000_000 }, { groups: 10_000, points: 10_000, bytes: 30_000_000 }];
  const snapshot = { groups: 10_000, bytes: 600_000, ms: 10, restoreMs: 20 };
  const text = renderText(
    resultsOf(sideOf("avg", [10, 30, 20, 60, 50, 40].map((k) => k * 1000), { memory, snapshot })),
  );
  assertStringIncludes(text, "avg: stream to stream, answers each point, 6 repeats of generated points\n");
  assertMatch(text, /^ {2}points\/s +35,000 \[10,000, 60,000\]$/m);
  assertMatch(text, /^ {2}round trip, median +0\.050 ms/m);
  assertMatch(text, /^ {2}memory, no points +20\.0 MB/m);
  assertMatch(text, /^ {2}memory, 10,000 groups +30\.0 MB/m);
  assertMatch(text, /^ {2}snapshot of 10,000 groups +600 kB/m);
  assertMatch(text, /^ {2}snapshot of 10,000 groups, restored +20\.00 ms/m);

  const silent = { ...sideOf("x", [5_000], { answersEach: false, tripsMs: undefined, missedGroups: [10_000] }) };
  const other = renderText(resultsOf({ ...silent, isProcess: false }));
  assertStringIncludes(other, "does not answer each point, 1 repeat of");
  assertStringIncludes(other, "round trip: not known, since it does not answer each point");
  assertStringIncludes(other, "memory: not known, since a UDF behind a socket is no process of this command");
  assertStringIncludes(other, "10,000 groups: took too long; more --duration gives them more time");
  assert(!other.includes("round trip, median"));
});

Deno.test("bench of two UDFs has a verdict for each figure, by the statistics of tine compare", () => {
  const slow = sideOf("old", [100, 101, 102, 103, 104, 105]);
  const fast = sideOf("new", [200, 201, 202, 203, 204, 205]);
  const lines = linesOf(renderJson(resultsOf(slow, fast)));
  assertEquals(lines.map(({ type }) => type).slice(0, 2), ["udf", "udf"]);
  const rows = new Map(lines.filter(({ type }) => type === "row").map((row) => [row.figure, row]));
  assertEquals(rows.get("pointsPerSecond").verdict, "better");
  assertEquals(rows.get("pointsPerSecond").difference.shift, 100);
  assertEquals(rows.get("roundTripMedianMicros").verdict, "no difference seen");
  assertMatch(renderText(resultsOf(slow, fast)), /^ {2}points\/s .* better$/m);
  assertMatch(renderText(resultsOf(fast, slow)), /^ {2}points\/s .* worse$/m);
  // Three repeats a side cannot tell.
  const few = linesOf(renderJson(resultsOf(sideOf("old", [1, 2, 3]), sideOf("new", [4, 5, 6]))));
  assertEquals(few.find(({ figure }) => figure === "pointsPerSecond").verdict, "~");
  assert(few.at(-1).repeatsNeeded >= 4);
});

Deno.test("bench compares only what both UDFs have", () => {
  const at = (groups: number) => ({ groups, bytes: groups * 10, ms: 1, restoreMs: 1 });
  const memory = (...groups: number[]) => groups.map((groups) => ({ groups, points: groups, bytes: 1e7 + groups }));
  const base = sideOf("a", [1], { memory: memory(0, 1, 100), snapshot: at(100) });
  const other = sideOf("b", [2], { memory: memory(0, 1), snapshot: at(1), tripsMs: undefined, answersEach: false });
  const rows = linesOf(renderJson(resultsOf(base, other))).filter(({ type }) => type === "row");
  assertEquals(rows.map(({ figure }) => figure), [
    "pointsPerSecond",
    "startMicros",
    "memoryAt0Bytes",
    "memoryAt1Bytes",
  ]);
});

Deno.test("bench refuses a wrong command line", async () => {
  const refusals: [string[], string][] = [
    [[], "which UDF?"],
    [["--handler", "mirror", "--socket", "x"], "exclude each other"],
    [
      ["--handler", "mirror", "--groups", "1,none"],
      '--groups N,N: expected numbers of groups, such as 1,100,10000, not "1,none"',
    ],
    [["--handler", "mirror", "--groups", "0"], "expected numbers of groups"],
    [["--handler", "mirror", "--versus", "'x"], "a quote does not end"],
    [["--handler", "mirror", "--versus", " "], "expected a UDF, not an empty text"],
    [["--handler", "mirror", "--precision", "s"], "--precision means nothing without --input"],
    [["--handler", "mirror", "--group-by", "host"], "--group-by means nothing without --input"],
    [["--handler", "mirror", "--input", "-"], "each repeat reads the points anew"],
    [["--handler", "miror"], "did you mean mirror?"],
    [["--handler", "mirror", "--trust"], "--trust is for modules"],
  ];
  for (const [args, reason] of refusals) {
    // deno-lint-ignore no-explicit-any -- the values of flags are known to the command alone
    const error = await assertRejects(async () => await command.run(parse(command, args) as any), UsageError);
    assertStringIncludes(error.message, reason, args.join(" "));
  }
});

Deno.test("bench --json of two UDFs: lines of the documented keys, with figures of real processes", async () => {
  const args = ["--json", "--duration", "600ms", "--repeats", "1", "--groups", "2", "--versus", "mirror"];
  const { code, stdout, stderr } = await tine(["bench", ...args, "--handler", "mirror"]);
  assertEquals(code, 0, stderr);
  const lines = linesOf(stdout);
  const repeats = lines.filter(({ type }) => type === "repeat");
  assertEquals(repeats.map(({ udf, repeat }) => [udf, repeat]), [["mirror", 1], ["mirror again", 1]]);
  for (const { figures, wants, answersEach } of lines.filter(({ type }) => type === "udf")) {
    assertEquals([wants, answersEach], ["stream", true]);
    const names = figures.map(({ figure }: { figure: string }) => figure);
    const always = ["pointsPerSecond", "roundTripMedianMicros", "roundTripP99Micros", "startMicros"];
    assertEquals(names, [...always, ...isLinux ? ["memoryAt0Bytes", "memoryAt2Bytes"] : []]);
  }
  assertEquals(lines.at(-1).verdicts["~"], isLinux ? 6 : 4);
});

Deno.test("bench sends points of one's own, and reports their groups", async () => {
  const file = await Deno.makeTempFile({ suffix: ".csv" });
  try {
    await Deno.writeTextFile(file, "time,host,usage\n1,a,5\n2,b,6\n3,c,7\n");
    const args = [
      "--json",
      "--duration",
      "600ms",
      "--repeats",
      "1",
      "-i",
      file,
      "--tag-columns",
      "host",
      "--measurement",
      "cpu",
    ];
    const { code, stdout, stderr } = await tine(["bench", ...args, "--group-by", "host", ...MOVING_AVG]);
    assertEquals(code, 0, stderr);
    const udf = linesOf(stdout).find(({ type }) => type === "udf");
    assertEquals([udf.input, udf.unknown], ["own", []]);
    const titles = udf.figures.map(({ title }: { title: string }) => title);
    assert(titles.includes("snapshot of 3 groups, restored"), titles.join());
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("bench names a bad line of one's own points, and not the UDF", async () => {
  const file = await Deno.makeTempFile({ suffix: ".txt" });
  try {
    await Deno.writeTextFile(file, "cpu usage=1 1\ncpu usage\n");
    const { code, stdout, stderr } = await tine(["bench", "--repeats", "1", "-i", file, "--handler", "mirror"]);
    assertEquals(code, 1);
    assertMatch(stderr, new RegExp(`^tine bench: ${file} line 2: `, "m"));
    assertEquals(stdout.includes("points/s"), false);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("bench of a UDF that dies says when, and ends with 1", async () => {
  const { code, stdout, stderr } = await tine(["bench", "--", "sh", "-c", "echo broken >&2; exit 3"]);
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /sh -c .*, repeat 1 of 6, start: the UDF exited with status 3.*broken/);
});

Deno.test("bench of a UDF that hangs gives it up, and ends with 1", async () => {
  const { code, stderr } = await tine(["bench", "--timeout", "1s", "--", "sleep", "1000"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "sleep 1000, repeat 1 of 6, start: the UDF has given no sign of life for 1 s");
});

Deno.test("an interrupt makes bench print what was measured", async () => {
  const args = ["--json", "--duration", "1m", "--repeats", "100", "--groups", "1"];
  const child = startTine("bench", ...args, "--handler", "mirror");
  await child.stdin.close();
  await using stdout = new TextReader(child.stdout);
  const stderr = new TextReader(child.stderr);
  await stdout.until(/"type":"repeat"/);
  child.kill("SIGINT");
  const [{ code }, , errors] = await Promise.all([child.status, stdout.rest(), stderr.rest()]);
  assertEquals(code, 130, errors);
  const udf = linesOf(stdout.text).find(({ type }) => type === "udf");
  assert(udf.repeats >= 1 && udf.figures.length > 0);
});
