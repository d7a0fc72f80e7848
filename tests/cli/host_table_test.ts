import { assertEquals, assertStringIncludes } from "@std/assert";
import { findPythonWith } from "../support/peers.ts";
import { TextReader, TINE } from "../support/tine.ts";
import { unless } from "../support/unless.ts";

const pyarrow = await findPythonWith("pyarrow");

const INPUT = `cpu,host=a usage=1.5,n=3i,up=true,text="a,b" 1772442000000000001
mem used=9223372036854775807i -5
cpu,host=b usage=2i 1772442000000000002
cpu,time=x,name=y time=5.5,host="f" 3
`;

/** A host whose temporary files are in a folder of their own. */
interface Run {
  code: number;
  stdout: Uint8Array<ArrayBuffer>;
  stderr: string;
}

/** Runs a test with a folder that is empty in the end, and what runs `tine host --handler` with its temporary files there. */
async function inFolder(fn: (host: (args: string[], input: string | Uint8Array) => Promise<Run>) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "tine-host-table-" });
  try {
    await fn(async (args, input) => {
      const child = start(args, folder);
      const writer = child.stdin.getWriter();
      const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
      writer.write(bytes).then(() => writer.close()).catch(() => {}); // it need not read all
      const { code, stdout, stderr } = await child.output();
      return { code, stdout, stderr: new TextDecoder().decode(stderr) };
    });
    assertEquals([...Deno.readDirSync(folder)], [], "temporary files are left");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function start(args: string[], temporary: string): Deno.ChildProcess {
  return new Deno.Command(TINE[0], {
    args: [...TINE.slice(1), "host", "--handler", ...args],
    env: { NO_COLOR: "1", TMPDIR: temporary },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("tine host --format csv has a column for each tag and field of all points, in one type", async () => {
  await inFolder(async (host) => {
    const { code, stdout } = await host(["mirror", "--format", "csv"], INPUT);
    assertEquals([code, text(stdout)], [
      0,
      "time,name,host,name_tag,time_tag,host_field,n,text,time_field,up,usage,used\n" +
      '1772442000000000001,cpu,a,,,,3,"a,b",,true,1.5,\n' +
      "-5,mem,,,,,,,,,,9223372036854775807\n" +
      "1772442000000000002,cpu,b,,,,,,,,2,\n" +
      "3,cpu,,y,x,f,,,5.5,,,\n",
    ]);
    const again = await host(["mirror", "--format", "line", "--input-format", "csv", "--tag-columns", "host"], stdout);
    assertStringIncludes(
      text(again.stdout),
      'cpu,host=a up=true,usage=1.5,n=3i,text="a,b" 1772442000000000001\nmem used=9223372036854775807i -5\n',
    );
    assertEquals(text((await host(["mirror", "--format", "csv"], "")).stdout), "time,name\n");
  });
});

Deno.test("tine host --format parquet is read back by tine, points with all their types and times", async () => {
  await inFolder(async (host) => {
    const { code, stdout, stderr } = await host(["mirror", "--format", "parquet"], INPUT);
    assertEquals(code, 0, stderr);
    const back = ["mirror", "--format", "line", "--input-format", "parquet", "--tag-columns", "host,name_tag,time_tag"];
    assertEquals(text((await host(back, stdout)).stdout).split("\n"), [
      'cpu,host=a up=true,usage=1.5,n=3i,text="a,b" 1772442000000000001',
      "mem used=9223372036854775807i -5",
      "cpu,host=b usage=2 1772442000000000002", // the column has doubles
      'cpu,name_tag=y,time_tag=x time_field=5.5,host_field="f" 3',
      "",
    ]);
  });
});

Deno.test({
  ...unless(pyarrow.why, "tine host --format parquet is what pyarrow reads, batches with the tags of their group"),
  async fn() {
    await inFolder(async (host) => {
      const lines = Array.from({ length: 20 }, (_, i) => `cpu,host=a v=${i === 7 ? 500 : i % 3} ${i}\n`).join("");
      const args = ["outliers", "--set", "field=v", "--group-by", "host", "--batch-size", "20", "--format", "parquet"];
      const { code, stdout, stderr } = await host(args, lines);
      assertEquals(code, 0, stderr);
      const script = "import sys, io, pyarrow.parquet as pq\n" +
        "t = pq.read_table(io.BytesIO(sys.stdin.buffer.read()))\n" +
        "print(t.schema.field('time').type, [(r['time'].value, r['name'], r['host'], r['v']) for r in t.to_pylist()])";
      const python = new Deno.Command(pyarrow.python, { args: ["-c", script], stdin: "piped", stdout: "piped" })
        .spawn();
      const writer = python.stdin.getWriter();
      await writer.write(stdout);
      await writer.close();
      assertEquals(text((await python.output()).stdout), "timestamp[ns, tz=UTC] [(7, 'cpu', 'a', 500.0)]\n");
    });
  },
});

Deno.test("tine host --format csv prints what has come when it is interrupted", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tine-host-table-" });
  const module = `${folder}/udf.js`;
  await Deno.writeTextFile(
    module,
    `export const createHandler = (agent) => ({
      info: () => ({ wants: "stream", provides: "stream" }),
      init() {},
      point(point) {
        console.error("here it is");
        agent.point(point);
      },
    });`,
  );
  const child = start([module, "--format", "csv"], folder);
  await using log = new TextReader(child.stderr);
  const stdout = new TextReader(child.stdout);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("cpu v=1i 1\n"));
  await log.until(/here it is/);
  child.kill("SIGINT");
  assertEquals(await stdout.rest(), "time,name,v\n1,cpu,1\n");
  assertEquals((await child.status).code, 130);
  await writer.close().catch(() => {});
  assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["udf.js"]);
  await Deno.remove(folder, { recursive: true });
});
