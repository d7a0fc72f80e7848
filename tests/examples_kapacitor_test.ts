import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { toText } from "@std/streams";
import { BUNDLED_HANDLERS, loadBundledHandler } from "../src/udf/handlers/mod.ts";
import type { Output } from "../src/udf/handler.ts";
import { eventually } from "./support/eventually.ts";
import { TextReader, TINE, tine } from "./support/tine.ts";
import { unless, whyNotInstalled } from "./support/unless.ts";

const folder = new URL("../examples/kapacitor/", import.meta.url).pathname;
const read = (name: string) => Deno.readTextFileSync(folder + name);
const configuration = ["udf_process.conf", "udf_socket.conf", "udf_relay.conf"].map(read).join("\n");
const scripts = Array.from(Deno.readDirSync(`${folder}tick`), ({ name }) => name.replace(".tick", "")).sort();
const script = (name: string) => read(`tick/${name}.tick`);

/** The UDFs of the configuration by their names, as the lines of each. */
const functions = new Map(
  configuration.split(/^\[udf\.functions\.(\w+)\]$/m).slice(1).reduce<[string, string][]>((all, part, i, parts) => {
    if (i % 2 === 0) all.push([part, parts[i + 1]]);
    return all;
  }, []),
);

Deno.test("the configuration for Kapacitor names each bundled handler, and a TICKscript uses each UDF", () => {
  const handlers = Array.from(functions.values(), (lines) => /"agent", "([\w-]+)"/.exec(lines)?.[1]);
  const socket = /ExecStart=\S+ agent ([\w-]+) /.exec(read("tine-outliers.service"))![1];
  const named = new Set([...handlers, socket]);
  assertEquals(BUNDLED_HANDLERS.filter((handler) => !named.has(handler)), []);
  const used = scripts.map((name) => /@(\w+)\(\)/.exec(script(name))![1]);
  assertEquals(used.sort(), [...functions.keys()].sort());
});

Deno.test("the TICKscripts give each bundled handler options that it has, in their types", async () => {
  for (const name of scripts) {
    const [, udf, block] = /@(\w+)\(\)\n((?: {8}\.\w+\(.*\)\n)*)/.exec(script(name))!;
    const handler = udf === "outliers" ? "outliers" : /"agent", "([\w-]+)"/.exec(functions.get(udf)!)?.[1];
    const createHandler = await loadBundledHandler(handler ?? "");
    if (createHandler === undefined) continue; // a module
    const { options } = await (await createHandler({} as Output)).info();
    const types = new Map(Object.entries(options ?? {}));
    for (const [, option, values] of block.matchAll(/\.(\w+)\((.*)\)/g)) {
      assertEquals(values.split(", ").map(typeOfLiteral), types.get(option), `${name}: ${option}(${values})`);
    }
  }
});

/** What Kapacitor takes a literal of TICKscript for. */
function typeOfLiteral(literal: string): string {
  if (literal.startsWith("'")) return "string";
  if (/^\d+(?:u|ms|s|m|h|d|w)$/.test(literal)) return "duration";
  return literal.includes(".") ? "double" : "int";
}

Deno.test("the systemd socket is where the configuration connects to, and its service takes it as the first one", () => {
  const place = /^ListenStream=(.*)$/m.exec(read("tine-outliers.socket"))![1];
  assertStringIncludes(functions.get("outliers")!, `socket = "${place}"`);
  assertStringIncludes(read("tine-outliers.service"), "--listen-fd 3\n");
});

Deno.test({
  ...unless(whyNotInstalled("systemd-analyze"), "systemd finds nothing to object to in the units"),
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      // The program is not installed on this machine.
      const service = read("tine-outliers.service").replace("/usr/local/bin/tine", "/bin/true");
      await Deno.writeTextFile(`${dir}/tine-outliers.service`, service);
      await Deno.writeTextFile(`${dir}/tine-outliers.socket`, read("tine-outliers.socket"));
      const { code, stderr } = await new Deno.Command("systemd-analyze", {
        args: ["verify", `${dir}/tine-outliers.socket`, `${dir}/tine-outliers.service`],
        env: { SYSTEMD_UNIT_PATH: `${dir}:` },
      }).output();
      // It looks at all units that these name, and those of a machine may have faults of their own.
      const ours = new TextDecoder().decode(stderr).split("\n").filter((line) => line.includes("tine-outliers"));
      assertEquals([ours, code], [[], 0]);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test("the Dockerfile copies files that are there, and builds with the version of Deno that runs here", () => {
  const lines = read("Dockerfile").replaceAll("\\\n", "").split("\n").filter((line) => !/^(#.*)?$/.test(line));
  for (const line of lines) assert(/^(FROM|WORKDIR|COPY|RUN|ENV) \S/.test(line), line);
  const root = new URL("../", import.meta.url);
  for (const line of lines) {
    const [, source] = /^COPY (?!--from)(\S+) \S+$/.exec(line) ?? [];
    if (source !== undefined) Deno.statSync(new URL(source, root));
  }
  assertStringIncludes(read("Dockerfile"), `npx -y deno@${Deno.version.deno} task build --out /out`);
});

/** Where kapacitord is: in PATH, or where Go installs programs. */
function findKapacitord(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  if (folders.some((folder) => exists(`${folder}/go`))) folders.push(`${Deno.env.get("HOME")}/go/bin`);
  return folders.map((folder) => `${folder}/kapacitord`).find(exists);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** An InfluxDB that keeps the lines it is given, and has no data. */
function startInfluxDb(): { url: string; lines: string[]; stop(): Promise<void> } {
  const lines: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const headers = { "X-Influxdb-Version": "1.8.10" };
    if (!request.url.includes("/write")) return Response.json({ results: [{}] }, { headers });
    const gzipped = request.headers.get("content-encoding") === "gzip";
    const body = gzipped ? request.body!.pipeThrough(new DecompressionStream("gzip")) : request.body!;
    lines.push(...(await toText(body)).trim().split("\n"));
    return new Response(null, { status: 204, headers });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, lines, stop: () => server.shutdown() };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The input has one point of each measurement and host a second. */
const SECONDS = 200;

/** Points of two hosts, with one value that is far from the others. */
function input(): string {
  let lines = "";
  for (let i = 0; i < SECONDS; i++) {
    const time = `${1772442000 + i}000000000`;
    for (const host of ["a", "b"]) {
      const usage = i === 130 ? 99.5 : 20 + (i * 7) % 5;
      lines += `cpu,host=${host} usage=${usage} ${time}\n`;
      lines += `net,host=${host},interface=eth0 bytes_recv=${i * 1000}i ${time}\n`;
      lines += `sensors,host=${host} temp=${40 + i % 3} ${time}\n`;
    }
  }
  return lines;
}

async function waitFor(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await holds()) {
    assert(performance.now() < deadline, `${what}: not within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const kapacitord = findKapacitord();
const whyNot = kapacitord === undefined ? "kapacitord is not installed" : whyNotInstalled("systemd-socket-activate");

Deno.test({
  ...unless(whyNot, "a real Kapacitor takes the configuration and each TICKscript, and the UDFs answer its data"),
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "tine-kapacitor-" });
    const influxDb = startInfluxDb();
    const url = `http://127.0.0.1:${freePort()}/kapacitor/v1`;
    const children: Deno.ChildProcess[] = [];
    let restOfLog: Promise<string> | undefined;
    try {
      await Deno.writeTextFile(`${dir}/tine`, `#!/bin/sh\nexec ${TINE.join(" ")} "$@"\n`, { mode: 0o755 });
      assertEquals((await tine(["init", `${dir}/my_udf.ts`])).code, 0);
      const moved = (text: string) =>
        text.replaceAll("/usr/local/bin/tine", `${dir}/tine`).replaceAll("/etc/tine/", `${dir}/`)
          .replaceAll("/run/tine/", `${dir}/`);
      // The service that the units describe.
      const [, command] = /^ExecStart=(.*)$/m.exec(moved(read("tine-outliers.service")))!;
      const [, place] = /^ListenStream=(.*)$/m.exec(moved(read("tine-outliers.socket")))!;
      const service = new Deno.Command("systemd-socket-activate", {
        args: ["-l", place, "-E", "HOME", ...command.split(" ")],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      children.push(service);
      await using serviceLog = new TextReader(service.stderr);
      await serviceLog.until(/Listening on/);

      await Deno.writeTextFile(
        `${dir}/kapacitor.conf`,
        `data_dir = "${dir}/data"
[http]
  bind-address = "${new URL(url).host}"
[replay]
  dir = "${dir}/data/replay"
[task]
  dir = "${dir}/data/tasks"
[storage]
  boltdb = "${dir}/data/kapacitor.db"
[logging]
  level = "INFO"
[load]
  enabled = false
[reporting]
  enabled = false
[[influxdb]]
  enabled = true
  default = true
  name = "test"
  urls = ["${influxDb.url}"]
  disable-subscriptions = true
${moved(configuration)}`,
      );
      const kapacitor = new Deno.Command(kapacitord!, {
        args: ["-config", `${dir}/kapacitor.conf`],
        env: { HOME: Deno.env.get("HOME")! },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      children.push(kapacitor);
      await using log = new TextReader(kapacitor.stderr);
      await log.until(/listening for signals/).catch((error) => {
        throw new Error(`kapacitord did not come up: ${error}`);
      });
      restOfLog = log.rest(); // its writes to a full pipe would wait

      const ask = async (method: string, path: string, body: unknown) => {
        const response = await fetch(`${url}/${path}`, {
          method,
          body: typeof body === "string" ? body : JSON.stringify(body),
        });
        const text = await response.text();
        assert(response.ok, `${path}: ${text}`);
        return text;
      };
      for (const id of scripts) {
        const dbrps = [{ db: "telegraf", rp: "autogen" }];
        await ask("POST", "tasks", { id, type: "stream", dbrps, script: script(id), status: "enabled" });
      }
      await ask("POST", "write?db=telegraf&rp=autogen", input());
      for (const id of scripts) {
        await waitFor(async () => {
          const task = await (await fetch(`${url}/tasks/${id}?fields=stats&fields=error`)).json();
          assertEquals(task.error ?? "", "", id);
          const nodes = Object.entries<{ collected: number }>(task.stats["node-stats"]);
          const output = nodes.find(([name]) => name.startsWith("influxdb_out"))![1];
          // Of two hosts: batches of three whole minutes, or nearly all points.
          return output.collected >= 2 * (id === "outliers" ? 3 : SECONDS - 5);
        }, `points of ${id}`);
        // Only then Kapacitor writes what it has: the next time would be in 10 s.
        await ask("PATCH", `tasks/${id}`, { status: "disabled" });
      }
      const wanted = scripts.map((id) => /\.measurement\('(\w+)'\)\s*$/.exec(script(id))![1]);
      const written = () => new Set(influxDb.lines.map((line) => line.split(",")[0]));
      await eventually("points of each task in InfluxDB", () => wanted.every((name) => written().has(name)));
      const of = (name: string) => influxDb.lines.filter((line) => line.startsWith(`${name},`));
      assertEquals(of("cpu_outliers"), [
        "cpu_outliers,host=a usage=99.5 1772442130000000000",
        "cpu_outliers,host=b usage=99.5 1772442130000000000",
      ]);
      assertEquals(of("net_rate").every((line) => line.includes("bytes_per_second=1000 ")), true);
      assert(of("cpu_anomaly").some((line) => line.includes("anomaly=true") && line.endsWith(" 1772442130000000000")));
    } finally {
      for (const child of children.reverse()) {
        child.kill("SIGTERM");
        await child.status;
      }
      await restOfLog;
      await influxDb.stop();
      await Deno.remove(dir, { recursive: true });
    }
  },
});
