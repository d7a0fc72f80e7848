import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { tine } from "../support/tine.ts";

const MIRROR = ["host", "--handler", "mirror", "--format", "line"];
const AVERAGE = ["host", "--handler", "moving-avg", "--set", "field=v", "--set", "size=2", "--format", "line"];

async function inFolder(fn: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "tine-cli-" });
  try {
    await fn(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("tine host drives a handler with line protocol and prints line protocol, with a summary on stderr", async () => {
  const { code, stdout, stderr } = await tine(
    AVERAGE,
    "cpu,host=a v=1 1\ncpu,host=a v=2 2\n\n# a comment\nmem v=7i 3\n",
  );
  assertEquals([code, stdout], [0, "cpu,host=a avg=1 1\ncpu,host=a avg=1.5 2\nmem avg=4.5 3\n"]);
  assert(/^3 points in, 3 points out, \d+\.\d\d s, [\d,]+ points\/s\n$/.test(stderr), stderr);
});

Deno.test("tine host reads JSON lines and CSV, and what it prints as JSON reads back the same", async () => {
  const json = '{"name":"m","time":9007199254740993,"tags":{"t":"ü"},"fields":{"i":1,"d":1.0,"n":"NaN","b":true}}\n';
  const args = ["host", "--handler", "mirror", "--format", "json"];
  const once = await tine([...args, "--input-format", "json"], json);
  assertEquals(once.code, 0);
  const twice = await tine([...args, "--input-format", "json"], once.stdout);
  assertEquals(twice.stdout, once.stdout);
  assertEquals(JSON.parse(once.stdout).fields.i, 1);
  assertStringIncludes(once.stdout, "9007199254740993");
  const csv = "time,host,v,note\n1,a,1.5,x\n2,b,2,\n";
  const table = await tine([...MIRROR, "--input-format", "csv", "--tag-columns", "host", "--measurement", "cpu"], csv);
  assertEquals([table.code, table.stdout], [0, 'cpu,host=a v=1.5,note="x" 1\ncpu,host=b v=2 2\n']);
});

Deno.test("tine host sends a column of CSV as one type, from a file and from stdin, and names the line of what is odd", () =>
  inFolder(async (dir) => {
    const csv = "time,usage,state\n1,99.5,7\n2,98,8\n3,97.5,idle\n4,96,9\n,,\n";
    await Deno.writeTextFile(`${dir}/a.csv`, csv);
    const printed = 'c usage=99.5,state="7" 1\nc usage=98,state="8" 2\n' +
      'c usage=97.5,state="idle" 3\nc usage=96,state="9" 4\n';
    const odd =
      'line 4: the field "state" is a string in every row, since its column holds "idle" beside numbers\n4 points in';
    for (const [name, input, text] of [[`${dir}/a.csv`, [`${dir}/a.csv`], ""], ["stdin", ["-"], csv]] as const) {
      const args = [...MIRROR, "--input-format", "csv", "--measurement", "c", "--input", ...input];
      const { code, stdout, stderr } = await tine(args, text);
      assertEquals([code, stdout], [0, printed]);
      assertStringIncludes(stderr, `tine host: ${name} ${odd}`);
    }
  }));

Deno.test("tine host names a field that changes its type, once", async () => {
  const input = "cpu v=1.5 1\ncpu v=2i 2\nmem v=2i 2\ncpu v=1.5 3\n";
  const { code, stdout, stderr } = await tine(MIRROR, input);
  assertEquals([code, stdout], [0, input]);
  const warned = 'tine host: stdin line 2: the field "v" of "cpu" is an int64 and was a double before; ' +
    "further changes of this field are not reported\n";
  assert(stderr.startsWith(warned + "4 points in"), stderr);
});

Deno.test("tine host knows the format of a file by its name, and reads several files", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.csv`, "when,v\n5,1\n");
    await Deno.writeTextFile(`${dir}/b.jsonl`, '{"name":"j","time":6,"fields":{"v":2}}\n');
    await Deno.writeTextFile(`${dir}/c.txt`, "l v=3i 7\n");
    const files = ["a.csv", "b.jsonl", "c.txt"].flatMap((name) => ["--input", `${dir}/${name}`]);
    const { code, stdout } = await tine([...MIRROR, ...files, "--time-column", "when", "--measurement", "c"]);
    assertEquals([code, stdout], [0, "c v=1i 5\nj v=2i 6\nl v=3i 7\n"]);
  }));

Deno.test("tine host --precision says what unit times have", async () => {
  const { stdout } = await tine([...MIRROR, "--precision", "ms"], "cpu v=1 5\n");
  assertEquals(stdout, "cpu v=1 5000000\n");
});

Deno.test("tine host --group-by groups as Kapacitor does", async () => {
  const input = "cpu,host=a v=2 1\ncpu,host=b v=10 2\ncpu,host=a v=4 3\ncpu,host=b v=20 4\n";
  const { stdout } = await tine([...AVERAGE, "--group-by", "host"], input);
  assertEquals(stdout.match(/avg=[\d.]+/g), ["avg=2", "avg=10", "avg=3", "avg=15"]);
  const json = await tine(["host", "--handler", "mirror", "--json", "--group-by", "host"], "cpu,host=a v=1 1\n");
  assertEquals(JSON.parse(json.stdout).group, "host=a");
});

const OUTLIERS = ["host", "--handler", "outliers", "--set", "field=v", "--set", "quartiles=tukey", "--format", "line"];
const series = (from: number, count: number, spike: number) =>
  Array.from({ length: count }, (_, i) => `cpu v=${i === spike ? 1000 : i % 3} ${(from + i) * 1_000_000_000}\n`).join(
    "",
  );

Deno.test("tine host makes batches by size, by window, and by blank lines", async () => {
  const input = series(0, 10, 3) + series(10, 10, 8);
  const expected = ["cpu v=1000 3000000000", "cpu v=1000 18000000000"];
  const ways: [string[], string, string][] = [
    [["--batch-size", "10"], input, "2 batches"],
    [["--batch-window", "10s"], input, "2 batches"],
    [[], series(0, 10, 3) + "\n" + series(10, 10, 8), "2 batches"],
  ];
  for (const [flags, text, batches] of ways) {
    const { code, stdout, stderr } = await tine([...OUTLIERS, ...flags], text);
    assertEquals([code, stdout.trim().split(/\n+/)], [0, expected]);
    assertStringIncludes(stderr, `20 points in (${batches}), 2 points out (${batches})`);
  }
  const late = await tine([...OUTLIERS, "--batch-window", "10s"], series(10, 5, -1) + series(0, 2, -1));
  assertStringIncludes(late.stderr, "2 late points dropped");
});

Deno.test("tine host explains every mistake in options from what the UDF takes", async () => {
  const wrong: [string, string][] = [
    ["speed=1", 'the UDF has no option "speed"; it takes field=STRING, size=INT, as=STRING'],
    ["size=1.5", 'option size wants size=INT: expected a whole number, got "1.5"'],
    ["size", "option size wants 1 value (size=INT), got 0"],
    ["size=99999999999999999999", "a whole number of at most 64 bits"],
    ["size=0", "the UDF refused its options: option size must be from 1 to 10000000, got 0"],
  ];
  for (const [setting, message] of wrong) {
    const { code, stdout, stderr } = await tine(["host", "--handler", "moving-avg", "--set", setting], "cpu v=1 1\n");
    assertStringIncludes(stderr, message);
    assertEquals([code, stdout], [1, ""]);
  }
  const missing = await tine(["host", "--handler", "moving-avg"], "");
  assertStringIncludes(missing.stderr, "missing option: field, size (it takes field=STRING, size=INT, as=STRING)");
  assertEquals(missing.code, 1);
});

Deno.test("tine host --snapshot and --restore carry the state of the UDF over", () =>
  inFolder(async (dir) => {
    const file = `${dir}/state`;
    const first = await tine([...AVERAGE, "--snapshot", file], "cpu v=1 1\ncpu v=3 2\n");
    assertEquals(first.code, 0);
    const second = await tine([...AVERAGE, "--restore", file], "cpu v=5 3\n");
    assertEquals([second.code, second.stdout], [0, "cpu avg=4 3\n"]);
    assertEquals(Array.from(Deno.readDirSync(dir), ({ name }) => name), ["state"]);
    const none = await tine([...AVERAGE, "--restore", `${dir}/none`], "cpu v=5 3\n");
    assertEquals([none.code, none.stdout], [1, ""]);
    assertStringIncludes(none.stderr, `cannot read the snapshot ${dir}/none`);
    const unwritable = await tine([...AVERAGE, "--snapshot", `${dir}/none/state`], "cpu v=5 3\n");
    assertEquals([unwritable.code, unwritable.stdout], [1, ""], "said before the input, not behind it");
    assertStringIncludes(unwritable.stderr, `cannot write the snapshot ${dir}/none/state`);
    await Deno.writeTextFile(file, "rubbish");
    const refused = await tine([...AVERAGE, "--restore", file], "cpu v=5 3\n");
    assertStringIncludes(refused.stderr, "the UDF refused the snapshot: this is no snapshot of a moving average");
    assertEquals(refused.code, 1);
  }));

Deno.test("tine host reports bad lines with their number and goes on, with --strict it ends", async () => {
  const input = "cpu v=1 1\nthis is\tno point\ncpu v=2 2\n";
  const lenient = await tine(MIRROR, input);
  assertEquals([lenient.code, lenient.stdout], [1, "cpu v=1 1\ncpu v=2 2\n"]);
  assertStringIncludes(lenient.stderr, "stdin line 2: ");
  assertStringIncludes(lenient.stderr, "1 bad line");
  const strict = await tine([...MIRROR, "--strict"], input);
  assertEquals(strict.code, 1);
  assertStringIncludes(strict.stderr, "stdin line 2: ");
  const many = await tine(MIRROR, "bad\n".repeat(100));
  assertStringIncludes(many.stderr, "further bad lines are only counted");
  assertStringIncludes(many.stderr, "100 bad lines");
  assert(many.stderr.split("\n").length < 30);
});

Deno.test("tine host counts what line protocol cannot hold, with --strict it is an error", async () => {
  const json =
    '{"name":"m","time":1,"tags":{},"fields":{"v":"NaN","d":1.5}}\n{"name":"m","time":2,"tags":{},"fields":{}}\n';
  const args = ["host", "--handler", "mirror", "--format", "line", "--input-format", "json"];
  const nan = '{"name":"m","time":1,"fields":{"v":NaN}}';
  const { stderr } = await tine(args, json);
  assertStringIncludes(stderr, "that the format cannot hold");
  const strict = await tine([...args, "--strict"], '{"name":"m","time":2,"tags":{},"fields":{}}\n');
  assertStringIncludes(strict.stderr, "--format json holds all of them");
  assertEquals(strict.code, 1);
  assertEquals((await tine(args, nan)).code, 1);
});

Deno.test("tine host --json gives points and a summary as JSON lines", async () => {
  const { code, stdout, stderr } = await tine(["host", "--handler", "mirror", "--json"], "cpu v=1 1\nbad\n");
  assertEquals(code, 1);
  assertEquals(JSON.parse(stdout).name, "cpu");
  const summary = JSON.parse(stderr.trim().split("\n").at(-1)!);
  assertEquals([summary.pointsIn, summary.pointsOut, summary.badLines], [1, 1, 1]);
});

Deno.test("tine host with empty input starts and stops the UDF, and prints nothing", async () => {
  for (const input of ["", "\n\n", "# nothing\n"]) {
    const { code, stdout, stderr } = await tine(MIRROR, input);
    assertEquals([code, stdout], [0, ""]);
    assertStringIncludes(stderr, "0 points in, 0 points out");
  }
});

const mistakes: [string[], number, string][] = [
  [[], 2, "which UDF? Give -- CMD ARGS"],
  [["--"], 2, "a command is missing after --"],
  [["--handler", "mirror", "--socket", "s"], 2, "--handler and --socket exclude each other"],
  [["--handler", "mirrow"], 2, "mirrow"],
  [["--handler", "mirror", "--batch-size", "2", "--batch-window", "1s"], 2, "exclude each other"],
  [["--handler", "mirror", "--json", "--format", "line"], 2, "--json and --format line exclude each other"],
  [["--handler", "mirror", "--input", "/none/points"], 1, "cannot read /none/points: there is no such file"],
  [["--handler", "mirror", "--input", "/"], 1, "cannot read /: it is a folder"],
  [["--handler", "mirror", "--snapshot", "/none/s"], 1, "cannot write the snapshot /none/s: there is no such folder"],
  [["--handler", "mirror", "--snapshot", "/"], 1, "cannot write the snapshot /: it is a folder"],
  [["--handler", "mirror", "--restore", "/none/s"], 1, "cannot read the snapshot /none/s: there is no such file"],
  [
    ["--handler", "mirror", "--trust"],
    2,
    "--trust is for modules, the path of a .ts or .js file: mirror comes with tine",
  ],
  [["--allow-net", "x", "--", "cat"], 2, "--allow-net is for modules, the path of a .ts or .js file: another process"],
  [["--help=3"], 2, "--help takes no value"],
  [["--connect", "nonsense"], 2, "expected e.g. 127.0.0.1:9000"],
  [["--socket", "/none/s", "--timeout", "50ms"], 1, "there is no such socket; is the UDF running?"],
  [["--", "/none/udf"], 1, 'cannot start "/none/udf": there is no such program'],
  [["--", "false"], 1, "the UDF exited with status 1"],
  [["--", "echo", "hi"], 1, "the UDF wrote text to its standard output"],
];
Deno.test("tine host explains mistakes in a sentence, without a stack", async () => {
  for (const [args, code, message] of mistakes) {
    const result = await tine(["host", ...args], "cpu v=1 1\n");
    assertStringIncludes(result.stderr, message);
    assertEquals([result.code, result.stdout, result.stderr.includes("    at ")], [code, "", false], result.stderr);
  }
});

Deno.test("tine host shows what the UDF prints on stderr", async () => {
  const script = "echo hello >&2; exec cat > /dev/null";
  const { code, stderr } = await tine(["host", "--timeout", "200ms", "--", "sh", "-c", script], "cpu v=1 1\n");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "hello\n");
  assertStringIncludes(stderr, "the UDF has given no sign of life for 0.2 s");
});

Deno.test("tine host says when batches are asked for that the UDF does not want", async () => {
  const { code, stderr } = await tine([...MIRROR, "--batch-size", "2"], "cpu v=1 1\n");
  assertStringIncludes(stderr, "--batch-size has no effect: the UDF wants single points, not batches");
  assertEquals(code, 0);
});

Deno.test("tine host leaves a recording alone when its input cannot be read", async () => {
  await inFolder(async (dir) => {
    const path = `${dir}/run.rec`;
    await tine([...MIRROR, "--record", path], "cpu v=1 1\n");
    const before = await Deno.readFile(path);
    const { code } = await tine([...MIRROR, "--record", path, "--input", `${dir}/none`]);
    assertEquals([code, await Deno.readFile(path)], [1, before]);
  });
});
