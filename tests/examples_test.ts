import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeItem, Kind } from "../src/node/mod.ts";
import { readRecords } from "../src/result/mod.ts";
import { buildTine } from "./support/built_tine.ts";
import { eventually } from "./support/eventually.ts";
import { processesWith } from "./support/processes_with.ts";
import { OWN_NAMES, whyNoNamespaces } from "./support/namespaces.ts";
import { TINE } from "./support/tine.ts";

const ROOT = Deno.uid() === 0;
const checkout = new URL("..", import.meta.url).pathname;
/** Whom root runs tine as, to be an ordinary user. */
const NOBODY = 65534;

/** An example that was run. */
interface Ran {
  /** The results of a test. */
  folder(test: string): string;
  file(test: string, name: string): string;
  /** What `tine log` prints of a test, without times. */
  log(test: string): Promise<string[]>;
}

/** Runs an example as an author would, in a folder of its own, and sees to it that nothing is left. */
async function runExample(name: string, check: Example["check"], tine: readonly string[], user?: number) {
  const dir = await Deno.makeTempDir({ prefix: "tine-examples-" });
  try {
    if (user !== undefined) await Deno.chown(dir, user, user);
    const marker = crypto.randomUUID();
    const as = user === undefined ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
    const env = { NO_COLOR: "1", EXAMPLE: marker, ...(user !== undefined && { HOME: dir }) };
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
      ? await run([Deno.execPath(), "run", "--no-check", `${checkout}examples/${name}`])
      : await Deno.readFile(`${checkout}examples/${name}`);
    const path = name.endsWith(".ts") ? "-" : name;
    if (path !== "-") await Deno.writeFile(`${dir}/${name}`, plan);
    const input = path === "-" ? plan : undefined;
    await run([...as, ...tine, "vet", path], input);
    await run([...as, ...tine, "run", path], input);
    await eventually(`nothing is left of ${name}`, () => processesWith(marker).length === 0);
    await check({
      folder: (test) => `${dir}/results/latest/${test}`,
      file: (test, name) => Deno.readTextFileSync(`${dir}/results/latest/${test}/files/${name}`),
      async log(test) {
        const text = new TextDecoder().decode(await run([...TINE, "log", `results/latest/${test}`]));
        return text.trimEnd().split("\n").map((line) => line.replace(/^\S+ +/, ""));
      },
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** What an example should have measured, and what it needs for that. */
interface Example {
  readonly check: (ran: Ran) => Promise<void>;
  readonly namespaces?: boolean;
  readonly programs?: readonly string[];
}

/** Why an example cannot run here. */
function whyNot({ namespaces = false, programs = [] }: Example, user: { rootless: boolean }): string | undefined {
  const absent = programs.find((program) => !isInstalled(program));
  if (absent !== undefined) return `${absent} is not installed`;
  return namespaces ? whyNoNamespaces(user) : undefined;
}

function isInstalled(program: string): boolean {
  const args = ["-c", `PATH=$PATH:/usr/sbin:/sbin; command -v ${program}`];
  return new Deno.Command("sh", { args, stdout: "null", stderr: "null" }).outputSync().success;
}

const examples: Readonly<Record<string, Example>> = {
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

for (const [name, example] of Object.entries(examples)) {
  const why = ROOT ? whyNot(example, { rootless: false }) : "it needs root";
  Deno.test({
    name: `examples/${name} runs as root${why === undefined ? "" : ` (${why})`}`,
    ignore: why !== undefined,
    fn: () => runExample(name, example.check, [...(example.namespaces ? OWN_NAMES : []), ...TINE]),
  });
}

Deno.test("examples run as an ordinary user", async (t) => {
  await using built = ROOT ? await buildTine() : undefined;
  const [tine, user] = built === undefined ? [TINE, undefined] : [[built.path], NOBODY];
  for (const [name, example] of Object.entries(examples)) {
    const why = whyNot(example, { rootless: true });
    await t.step({
      name: `examples/${name}${why === undefined ? "" : ` (${why})`}`,
      ignore: why !== undefined,
      fn: () => runExample(name, example.check, tine, user),
    });
  }
});

Deno.test("each plan in examples is tested", () => {
  // What needs other machines is tested with those, in cli/run_ssh_test.ts.
  const plans = Array.from(Deno.readDirSync(`${checkout}examples`), ({ name }) => name)
    .filter((name) => !name.endsWith(".csv") && name !== "ssh.yaml");
  assertEquals(Object.keys(examples).toSorted(), plans.toSorted());
});
