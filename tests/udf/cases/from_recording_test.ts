import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { casesOfRecordings } from "../../../src/udf/cases/from_recording.ts";
import { assignGroup } from "../../../src/udf/group.ts";
import { loadBundledHandler } from "../../../src/udf/handlers/mod.ts";
import { Host } from "../../../src/udf/host.ts";
import type { Option } from "../../../src/udf/messages.ts";
import { Point } from "../../../src/udf/point.ts";
import { openRecorder, recordUdf } from "../../../src/udf/recording/recorder.ts";
import { startInProcess } from "../../../src/udf/running_udf.ts";
import { runFile } from "./cases.ts";

/** Records a conversation with a bundled handler. */
async function record(
  path: string,
  handler: string,
  drive: (host: Host) => Promise<void>,
  udf = handler,
): Promise<void> {
  const warn = (message: string) => {
    throw new Error(message);
  };
  const recorder = openRecorder(path, { side: "host", udf, tine: "0", warn });
  const running = recordUdf(startInProcess(handler, (await loadBundledHandler(handler))!), recorder);
  const host = new Host(running, { point() {}, batch() {} }, { timeoutMs: 60_000 });
  await host.info();
  await drive(host).catch(() => {});
  await host.stop().catch(() => {});
}

const option = (name: string, value: string | bigint): Option => ({
  name,
  values: [typeof value === "string" ? { type: "string", value } : { type: "int", value }],
});

const point = (time: bigint, value: number, host: string, groupBy: string[], database = ""): Point => {
  const made = new Point({
    time,
    name: "cpu",
    database,
    tags: new Map([["host", host]]),
    fieldsDouble: new Map([["v", value]]),
  });
  assignGroup(made, groupBy);
  return made;
};

Deno.test("casesOfRecordings() makes cases that the recorded UDF passes, and another does not", async () => {
  const dir = await Deno.makeTempDir({ prefix: "tine-cases-" });
  try {
    const paths = ["stream", "database", "batch", "restored", "refused", "info"].map((name) => `${dir}/${name}.rec`);
    const [stream, database, batch, restored, refused, info] = paths;
    const options = [option("field", "v"), option("size", 2n)];
    let state = new Uint8Array();
    await record(stream, "moving-avg", async (host) => {
      await host.init(options);
      for (let i = 0; i < 4; i++) await host.point(point(BigInt(i), i * i, "ab"[i % 2], ["host"]));
      state = await host.snapshot() as Uint8Array<ArrayBuffer>;
    });
    await record(database, "moving-avg", async (host) => {
      await host.init([...options, option("as", "a: b # \x07")]);
      for (let i = 0; i < 3; i++) await host.point(point(BigInt(i), NaN, "a", [], "telegraf"));
    });
    await record(batch, "outliers", async (host) => {
      await host.init([option("field", "v")]);
      const points = Array.from({ length: 9 }, (_, i) => point(BigInt(i), i === 8 ? 90 : i % 3, "a", ["host"]));
      const begin = { name: "cpu", group: "host=a", tags: new Map([["host", "a"]]), byName: false };
      await host.batch({ begin: { ...begin, size: 9n }, points, end: { ...begin, tmax: 20n } });
    });
    await record(restored, "moving-avg", async (host) => {
      await host.init(options);
      await host.restore(state);
      await host.point(point(9n, 100, "a", ["host"]));
    });
    await record(refused, "moving-avg", (host) => host.init([option("size", 0n)]));
    await record(info, "mirror", () => Promise.resolve());

    const warnings: string[] = [];
    const yaml = await casesOfRecordings(paths, (message) => warnings.push(message.replace(`${dir}/`, "")));
    assertEquals(warnings, ["info.rec makes no case: its host has not sent init"]);
    assertStringIncludes(
      yaml,
      `    options:
      "field": "v"
      "size": 2
    groupBy: ["host"]
    input: |
      cpu,host=a v=0 0
      cpu,host=b v=1 1
      cpu,host=a v=4 2
      cpu,host=b v=9 3
    expect: |
      cpu,host=a avg=0 0
      cpu,host=b avg=1 1
      cpu,host=a avg=2 2
      cpu,host=b avg=5 3
`,
    );
    const statuses: Record<string, string> = {};
    for (const handler of ["moving-avg", "outliers"]) {
      const { file, results } = await runFile(yaml, handler);
      for (const { name, udf } of file.cases) {
        const { status, problems } = results.get(name)!;
        const isOwn = udf !== undefined && "handler" in udf && udf.handler === handler;
        if (isOwn) assertEquals(problems, [], name);
        else statuses[name] = status;
      }
    }
    assertEquals(statuses, { stream: "error", database: "error", batch: "error", restored: "error", refused: "fail" });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("casesOfRecordings() names a command as the UDF, and refuses what is no recording", async () => {
  const dir = await Deno.makeTempDir({ prefix: "tine-cases-" });
  try {
    const drive = async (host: Host) => await host.init([]);
    await record(`${dir}/a.rec`, "mirror", drive, "python3 -u my_udf.py");
    const yaml = await casesOfRecordings([`${dir}/a.rec`], () => {});
    assertStringIncludes(
      yaml,
      'udf: { command: ["python3", "-u", "my_udf.py"] }\ncases:\n  - name: "a" # of python3 -u',
    );
    assertStringIncludes(yaml, "    expect: none\n");
    await Deno.writeTextFile(`${dir}/b.rec`, "cpu v=1 1\n");
    await assertRejects(() => casesOfRecordings([`${dir}/b.rec`], () => {}), TineError, "is no recording of tine");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
