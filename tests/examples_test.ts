import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeItem, Kind } from "../src/node/mod.ts";
import { type MeasuredPackets, type MeasuredStream, readFlows, readRecords } from "../src/result/mod.ts";
import type { UdfSummary } from "../src/result/summary.ts";
import { buildTine } from "./support/built_tine.ts";
import { eventually } from "./support/eventually.ts";
import { processesWith } from "./support/processes_with.ts";
import { OWN_NAMES, whyNoNamespaces } from "./support/namespaces.ts";
import { TINE } from "./support/tine.ts";
import { runTogether, type Scenario, testTogether } from "./support/together.ts";
import { unless, whyNoRoot, whyNotInstalled } from "./support/unless.ts";

const ROOT = Deno.uid() === 0;
const checkout = new URL("..", import.meta.url).pathname;
/** Whom root runs tine as, to be an ordinary user. */
const NOBODY = 65534;
/** Examples mostly wait; those with traffic are slow enough for several at once. */
const AT_ONCE = 4;

/** An example that was run. */
interface Ran {
  /** The results of a test. */
  folder(test: string): string;
  file(test: string, name: string): string;
  /** The ids of the tests, in the order in which they ran. */
  tests(): Promise<Readonly<Record<string, string>>[]>;
  /** What `tine log` prints of a test, without times. */
  log(test: string): Promise<string[]>;
  /** The flows of a test by their ids; all of them have come to their end. */
  flows(test: string): Promise<{ streams: Map<string, MeasuredStream>; packets: Map<string, MeasuredPackets> }>;
}

/** Who runs an example. */
interface User {
  readonly tine: readonly string[];
  /** Root runs it as this user. */
  readonly id?: number;
  /** Where the executable of that user unpacks itself. */
  readonly cache?: string;
}

/** Runs an example as an author would, in a folder of its own, and sees to it that nothing is left. */
async function runExample(name: string, example: Example, { tine: words, id: user, cache }: User) {
  const { check, args = [], flags = [], short } = example;
  // Root would see the names of those that run at the same time; others have them in a user namespace.
  const tine = [...ROOT && user === undefined && example.namespaces ? OWN_NAMES : [], ...words];
  const dir = await Deno.makeTempDir({ prefix: "tine-examples-" });
  try {
    if (user !== undefined) await Deno.chown(dir, user, user);
    const marker = crypto.randomUUID();
    const as = user === undefined ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
    const env = {
      NO_COLOR: "1",
      EXAMPLE: marker,
      ...(user !== undefined && { HOME: dir }),
      ...(cache !== undefined && { XDG_CACHE_HOME: cache }),
    };
    const run = async (words: readonly string[], input?: Uint8Array<ArrayBuffer>) => {
      const child = new Deno.Command(words[0], {
        args: words.slice(1),
        cwd: dir,
        env,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      if (input !== undefined) await writer.write(input);
      await writer.close();
      const { code, stdout, stderr } = await child.output();
      assertEquals(code, 0, `${words.join(" ")}: ${new TextDecoder().decode(stderr)}`);
      return stdout;
    };
    // The checkout may be out of reach of that user.
    const plan = name.endsWith(".ts")
      ? await run([Deno.execPath(), "run", "-A", "--no-check", `${checkout}examples/${name}`, ...args])
      : shortened(await Deno.readTextFile(`${checkout}examples/${name}`), short);
    const path = name.endsWith(".ts") ? "-" : name;
    if (path !== "-") await Deno.writeFile(`${dir}/${name}`, plan);
    const input = path === "-" ? plan : undefined;
    await run([...as, ...tine, "vet", path], input);
    await run([...as, ...tine, "run", path, ...flags], input);
    await eventually(`nothing is left of ${name}`, () => processesWith(marker).length === 0);
    await check({
      folder: (test) => `${dir}/results/latest/${test}`,
      file: (test, name) => Deno.readTextFileSync(`${dir}/results/latest/${test}/files/${name}`),
      async tests() {
        const { tests } = JSON.parse(await Deno.readTextFile(`${dir}/results/latest/plan.json`));
        return tests.map(({ id }: { id: Record<string, string> }) => id);
      },
      async log(test) {
        const text = new TextDecoder().decode(await run([...TINE, "log", `results/latest/${test}`]));
        return text.trimEnd().split("\n").map((line) => line.replace(/^\S+ +/, ""));
      },
      async flows(test) {
        const all = await Array.fromAsync(readFlows(`${dir}/results/latest/${test}`));
        assertEquals(all.filter(({ complete }) => !complete).map(({ flow }) => flow), []);
        const streams = all.filter((flow) => flow.protocol === "tcp");
        const packets = all.filter((flow) => flow.protocol === "udp");
        return {
          streams: new Map(streams.map((flow) => [flow.flow, flow])),
          packets: new Map(packets.map((flow) => [flow.flow, flow])),
        };
      },
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A plan with other durations: flows and sleeps alone have some, beside timeouts. */
function shortened(plan: string, durations: Readonly<Record<string, string>> = {}): Uint8Array<ArrayBuffer> {
  const text = plan.replace(
    /\b(duration|sleep): (\w+)/g,
    (whole, key, duration) => durations[duration] === undefined ? whole : `${key}: ${durations[duration]}`,
  );
  return new TextEncoder().encode(text);
}

/** The median of the round trips of a flow's only sender, in milliseconds. */
function rttMs(flow: MeasuredPackets | undefined): number {
  return flow!.figures.senders[0].rtt!.median / 1e6;
}

function existsSync(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** What queues there were, by the names of the tests. */
function queuesOf(ran: Ran, name: string): string[] {
  return [...Deno.readDirSync(ran.folder(""))].flatMap((entry) =>
    entry.name.startsWith(`name=${name},queue=`) ? entry.name.split("=")[2] : []
  ).toSorted();
}

/** Whether links can be shaped here: other examples say in their logs if not, and have a fast one. */
function isShaped(ran: Ran, test: string): boolean {
  const logs = `${ran.folder(test)}/logs`;
  // There is none where nothing was logged.
  const files = existsSync(logs) ? [...Deno.readDirSync(logs)] : [];
  return !files.some(({ name }) => Deno.readTextFileSync(`${logs}/${name}`).includes("there is no tbf here"));
}

/** What an example should have measured, and what it needs for that. */
interface Example {
  readonly check: (ran: Ran) => Promise<void>;
  /** Of a plan that is written by a program. */
  readonly args?: readonly string[];
  /** Of `tine run`. */
  readonly flags?: readonly string[];
  /** Durations that are shorter here than in the plan. */
  readonly short?: Readonly<Record<string, string>>;
  readonly namespaces?: boolean;
  /** It takes long, and has what others have as well: where root can be both, it is run as one of them. */
  readonly only?: "root" | "user";
  readonly programs?: readonly string[];
}

/** Why an example cannot run here. */
function whyNot({ namespaces = false, programs = [] }: Example, user: { rootless: boolean }): string | undefined {
  return whyNotInstalled(...programs) ?? (namespaces ? whyNoNamespaces(user) : undefined);
}

const examples: Readonly<Record<string, Example>> = {
  "latency_under_load.ts": {
    namespaces: true,
    programs: ["tc"],
    only: "root",
    args: ["0.4"],
    async check(ran) {
      const queues = queuesOf(ran, "load");
      assert(["none", "plain", "fq_codel,plain"].includes(queues.join()), queues.join());
      for (const queue of queues) {
        const test = `name=load,queue=${queue}`;
        const { streams, packets } = await ran.flows(test);
        assertEquals([...streams.keys()].toSorted(), ["both.down", "both.up", "down", "up"]);
        assertEquals([...packets.keys()], ["rtt.idle", "rtt.up", "rtt.down", "rtt.both"]);
        assertEquals(ran.file(test, "queues.txt").includes("qdisc fq_codel"), queue === "fq_codel");
        if (queue !== "plain") continue;
        const [idle, ...loaded] = [...packets.values()].map(rttMs);
        for (const ms of loaded) assert(ms > idle + 10, `${ms} ms under load, ${idle} ms idle`);
      }
    },
  },

  "voip_beside_bulk.yaml": {
    namespaces: true,
    programs: ["tc"],
    short: { "1s": "500ms", "2s": "500ms", "3s": "1s", "4s": "1500ms" },
    async check(ran) {
      const { streams, packets } = await ran.flows("name=voip");
      const bulk = streams.get("bulk")!.figures;
      assert(bulk.receiverCounted && bulk.bytes > 0);
      if (!isShaped(ran, "name=voip")) return;
      assert(bulk.goodputBitsPerSecond < 22e6, `${bulk.goodputBitsPerSecond} bit/s through 20 Mbit/s`);
      const [alone, beside] = ["voip.alone", "voip.beside"].map((flow) => rttMs(packets.get(flow)));
      assert(beside > alone + 10, `${alone} ms alone, ${beside} ms beside the upload`);
      assertMatch(ran.file("name=voip", "queue.txt"), /^qdisc tbf .* rate 20Mbit /);
    },
  },

  "upload_download.yaml": {
    namespaces: true,
    programs: ["tc"],
    only: "user",
    short: { "2s": "700ms" },
    async check(ran) {
      const { streams } = await ran.flows("name=updown");
      assertEquals(streams.size, 4);
      if (!isShaped(ran, "name=updown")) return;
      for (const { flow, direction, figures: { goodputBitsPerSecond } } of streams.values()) {
        const most = direction === "upload" ? 12e6 : 48e6;
        assert(goodputBitsPerSecond < most, `${flow}: ${goodputBitsPerSecond} bit/s`);
      }
    },
  },

  "cubic_bbr.ts": {
    namespaces: true,
    programs: ["tc"],
    only: "user",
    args: ["700ms"],
    async check(ran) {
      const queues = queuesOf(ran, "cca");
      assert(["none", "long,short", "fq_codel,long,short"].includes(queues.join()), queues.join());
      for (const queue of queues) {
        const { streams } = await ran.flows(`name=cca,queue=${queue}`);
        assertEquals(streams.size, 2);
        for (const { flow, cca, figures } of streams.values()) {
          assertEquals(cca, flow);
          assert(figures.rtt!.count > 10, "the kernel was asked while the flow ran");
        }
      }
    },
  },

  "cubic_bbr_verdict.ts": {
    namespaces: true,
    programs: ["tc"],
    only: "user",
    flags: ["--repeat", "2"],
    args: ["200ms"],
    async check(ran) {
      const ccas = ["cubic", (await ran.tests()).some(({ cca }) => cca === "bbr") ? "bbr" : "reno"];
      assertEquals(
        (await ran.tests()).map(({ cca, repeat }) => `${cca}${repeat}`),
        [1, 2].flatMap((round) => ccas.map((cca) => `${cca}${round}`)),
      );
      const { streams } = await ran.flows(`cca=cubic,name=bulk,repeat=2`);
      assertEquals([streams.size, streams.get("bulk")?.cca], [1, "cubic"]);
    },
  },

  "ci_link.yaml": {
    namespaces: true,
    programs: ["tc"],
    only: "user",
    flags: ["--repeat", "1"],
    short: { "2s": "500ms" },
    async check(ran) {
      assertEquals(await ran.tests(), [{ name: "link" }]);
      const { streams, packets } = await ran.flows("name=link");
      assertEquals([streams.size, packets.size], [1, 1]);
      const { verdicts: [{ gate, status }] } = JSON.parse(
        await Deno.readTextFile(`${ran.folder("name=link")}/gates.json`),
      );
      assertEquals([gate, status], ["voip toServer.lostPercent <= 50", "pass"]);
    },
  },

  "short_flows.ts": {
    namespaces: true,
    programs: ["tc"],
    only: "root",
    args: ["100"],
    async check(ran) {
      const { streams } = await ran.flows("name=short");
      assertEquals(streams.size, 101);
      assertEquals(streams.get("page.8")?.figures.bytes, 128_000);
      for (const { figures } of streams.values()) assert(figures.completionNanos! > 0);
    },
  },

  "loopback.yaml": {
    short: { "1s": "300ms", "2s": "500ms" },
    async check(ran) {
      const { streams, packets } = await ran.flows("name=loopback");
      assert(streams.get("bulk")!.figures.bytes > 1e6);
      assertEquals([...packets.values()].map(({ figures: { senders: [{ toServer }] } }) => toServer?.sent), [15, 25]);
    },
  },

  "router.yaml": {
    short: { "2s": "500ms" },
    async check(ran) {
      const { packets } = await ran.flows("name=router");
      const counts = [...packets.values()].map(({ flow, figures: { senders: [{ toServer, fromServer }] } }) =>
        [flow, toServer?.sent, toServer?.lost, fromServer?.lost] as const
      );
      assertEquals(counts.toSorted(), [["best-effort", 25, 0, 0], ["expedited", 25, 0, 0]]);
    },
  },

  "udfs.yaml": {
    short: { "2s": "500ms" },
    async check(ran) {
      const { udfs } = JSON.parse(await Deno.readTextFile(`${ran.folder("name=udfs")}/test.json`));
      const counts = udfs.map(({ name, rowsIn, pointsOut }: UdfSummary) => [name, rowsIn, pointsOut]);
      const [, , odd] = counts;
      assertEquals(counts, [["smooth", 25, 25], ["marked", 25, 25], ["odd", 25, odd[2]]]);
    },
  },

  "hello.yaml": {
    namespaces: true,
    async check({ file, log }) {
      assertMatch(file("name=hello", "addr.txt"), /^lo +UNKNOWN +127\.0\.0\.1\/8/);
      assert((await log("name=hello")).some((line) => /^- +uname: Linux /.test(line)));
    },
  },

  "schedule.jsonc": {
    async check({ folder, log }) {
      const cycled = (await log("name=arrivals,waits=cycled")).map((line) => line.replace(/^- +echo: /, ""));
      // A busy machine may swap those that are close.
      assertEquals(cycled.toSorted(), [
        "arrival 1",
        "arrival 2",
        "arrival 3",
        "arrival 4, which stays for 500ms",
        "arrival 5",
        "departure 4",
      ]);
      const { durationMs } = JSON.parse(await Deno.readTextFile(`${folder("name=arrivals,waits=cycled")}/test.json`));
      assert(durationMs >= 1000, "the run that begins after 500 ms takes as long");
      assertEquals((await log("name=arrivals,waits=random")).length, 3);
      const polls = await log("name=polls");
      assertEquals(polls.filter((line) => line.includes("poll")).map((line) => line.at(-1)), ["1", "2", "3"]);
      assertEquals(polls.length, 4);
    },
  },

  "files_and_logs.ts": {
    async check({ folder, file, log }) {
      const logged = await log("name=outputs");
      assert(logged.some((line) => /^worker +uname: Linux /.test(line)));
      assert(!logged.some((line) => line.includes("nowhere")), "what is quiet is not logged");
      assertEquals(file("name=outputs", "notes/plain.txt"), "$SITE is not replaced, and * neither\nthis is lab\n");
      for (const name of ["before.txt", "after.txt"]) assertStringIncludes(file("name=outputs", name), "lo:");
      assert(file("name=outputs", "load.txt").split("\n").length > 2);
      assertMatch(file("name=waiting", "kernel.txt"), /^\S+\n$/);
      const sections = [];
      for await (const message of readRecords(folder("name=system"))) {
        const item = message.kind === Kind.sysInfo ? decodeItem(message) : undefined;
        if (item?.type === "sysInfo") sections.push(item.sections);
      }
      assertEquals(sections.length, 1);
      const text = JSON.stringify(sections);
      assertStringIncludes(text, '"SITE":"lab"');
      assertStringIncludes(text, "tcp_congestion_control");
      assert(text.includes("API_TOKEN") && !text.includes("not for everyone"), "secrets are masked");
    },
  },

  "multicast.yaml": {
    namespaces: true,
    programs: ["nft"],
    short: { "3s": "1s" },
    async check({ flows, file }) {
      const { packets } = await flows("name=multicast");
      assertEquals([...packets.keys()].sort(), ["video@far", "video@near", "video@wifi"]);
      const paths = ["near", "wifi", "far"].map((node) => packets.get(`video@${node}`)!.figures.senders[0].toServer!);
      const [near, wifi, far] = paths;
      assertEquals([near.lost, far.lost], [0, 0]);
      const [, dropped] = /counter packets (\d+)/.exec(file("name=multicast", "dropped.txt"))!;
      assertEquals(wifi.lost, Number(dropped));
      for (const { oneWayDelayBoundNanos, oneWayDelay } of paths) {
        assertEquals(oneWayDelayBoundNanos, 0);
        assert(oneWayDelay!.min > 0);
      }
    },
  },

  "dumbbell.yaml": {
    namespaces: true,
    programs: ["tc", "bash"],
    check({ file }) {
      const DATAGRAMS = 5000;
      const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)![1]);
      const counters = /\n\s+\d+\s+(\d+)/; // bytes and packets
      const [received, sent] = ["received.txt", "sent.txt"].map((name) => file("name=dumbbell", name).split("TX:"));
      const bottleneck = file("name=dumbbell", "bottleneck.txt");
      const forwarded = number(bottleneck, /(\d+) pkt/);
      const dropped = number(bottleneck, /dropped (\d+)/);
      assert(number(sent[1], counters) >= DATAGRAMS);
      // The kernel sends a few packets of its own as well.
      assert(forwarded + dropped >= DATAGRAMS, bottleneck);
      assert(number(received[0], counters) >= DATAGRAMS - dropped, received[0]);
      assertEquals(file("name=dumbbell", "queue.txt").match(/backlog/g)?.length, 10);
      assertMatch(bottleneck, /^qdisc tbf .* rate 20Mbit /);
      return Promise.resolve();
    },
  },
};

/** The examples as tests of a user. */
function scenariosOf(
  as: "root" | "user",
  user: User,
  whyNotHere: (example: Example) => string | undefined,
): Scenario[] {
  return Object.entries(examples).filter(([, { only = as }]) => !ROOT || only === as).map(([name, example]) => {
    const why = whyNotHere(example);
    return { ...unless(why, `examples/${name}`), fn: () => runExample(name, example, user) };
  });
}

testTogether(
  "examples run as root",
  scenariosOf("root", { tine: TINE }, (example) => ROOT ? whyNot(example, { rootless: false }) : whyNoRoot),
  AT_ONCE,
);

const noExecutable = ROOT ? whyNotInstalled("gzip", "setpriv") : undefined;

Deno.test({
  ...unless(noExecutable, "examples run as an ordinary user"),
  async fn(t) {
    await using built = ROOT ? await buildTine() : undefined;
    const cache = await Deno.makeTempDir({ prefix: "tine-examples-cache-" });
    try {
      if (ROOT) await Deno.chown(cache, NOBODY, NOBODY);
      const user = built === undefined ? { tine: TINE } : { tine: [built.path], id: NOBODY, cache };
      await runTogether(t, scenariosOf("user", user, (example) => whyNot(example, { rootless: true })), AT_ONCE);
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});

const NO_PLANS = ["ssh.yaml", "kernel_queues.ts", "ci_gate_github.yml", "handler_cases.yaml", "kapacitor"];

Deno.test("each plan in examples is tested", () => {
  // What needs other machines is tested with those, in cli/run_ssh_test.ts; what is no plan, with what uses it.
  const plans = Array.from(Deno.readDirSync(`${checkout}examples`), ({ name }) => name)
    .filter((name) => !/\.(csv|sql|sh|service)$/.test(name) && !NO_PLANS.includes(name));
  assertEquals(Object.keys(examples).toSorted(), plans.toSorted());
});
