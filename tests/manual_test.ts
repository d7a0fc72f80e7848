import { assert, assertEquals } from "@std/assert";
import { generated, pages } from "../scripts/generate_manual.ts";
import { copyCheckout } from "../scripts/test/copy_checkout.ts";
import { flagName } from "../src/cli/flags.ts";
import { registry } from "../src/cli/registry.ts";
import { planObjects } from "../src/node/plan/json_schema.ts";
import { parsePlan } from "../src/node/plan/parse.ts";
import { PLOT_IDS } from "../src/report/plot.ts";
import { OWN_NAMES, whyNoNamespaces } from "./support/namespaces.ts";
import { runTogether } from "./support/together.ts";

// Blocks marked `sh` are run here, in the order of their page and in one folder; those marked `shell` are not: they run
// what the README's own tests are part of, or need a Kapacitor, other machines, or a module of the reader's.

const root = new URL("..", import.meta.url);
const texts = new Map(pages.map((page) => [page, Deno.readTextFileSync(new URL(page, root))]));
const PORT = /\b19400\b/g;
/** How long the commands of a page may take: one that waits for ever must not hold up all tests. */
const PATIENCE_MS = 300_000;
/** Pages whose commands run at the same time, each in a checkout of its own: they wait for traffic most of the time. */
const AT_ONCE = 3;
/** Commands that run plans, and look at what is left of that. */
const OF_RUNS =
  /\b(?:tine|main\.ts) (?:run|results|log|export|report|compare|gate)\b|--from-results|\b(?:results|out)\/latest\b/;
const ROOT = Deno.uid() === 0;
const noNamespaces = whyNoNamespaces({ rootless: !ROOT });
const without = noNamespaces === undefined ? "" : ` (without those that run plans: ${noNamespaces})`;

/** Another port than the one that is shown: this test may run twice at a time on one machine. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

/** The commands of a page that run here. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands);
  return noNamespaces === undefined ? blocks : blocks.map((commands) =>
    // A command goes on behind a backslash, and in lines that are indented.
    commands.split(/(?<!\\)\n(?! )/).filter((command) => !OF_RUNS.test(command)).join("\n")
  );
}

Deno.test(`the manual: commands marked to run succeed as shown${without}`, async (test) => {
  await using folders = new AsyncDisposableStack();
  const bin = await Deno.makeTempDir({ prefix: "tine-manual-bin-" });
  folders.defer(() => Deno.remove(bin, { recursive: true }));
  // The deno of this test, whether or not one is installed; `tine` is the copy.
  await Deno.symlink(Deno.execPath(), `${bin}/deno`);
  await Deno.writeTextFile(`${bin}/tine`, '#!/bin/sh\nexec deno run -A "$CHECKOUT/main.ts" "$@"\n', { mode: 0o755 });
  const free: string[] = [];
  for (let i = 0; i < AT_ONCE; i++) {
    const checkout = await copyCheckout();
    folders.defer(() => Deno.remove(checkout, { recursive: true }));
    free.push(checkout);
  }
  const files = new Set(Array.from(Deno.readDirSync(free[0]), ({ name }) => name));
  const withCommands = [...texts].filter(([, text]) => commandsOf(text).length > 0);
  const pages = withCommands.map(([page, text]) => ({
    name: page,
    async fn() {
      const checkout = free.pop()!;
      try {
        await runCommands(text, checkout, bin);
      } finally {
        // Each page stands for itself.
        for (const { name } of Deno.readDirSync(checkout)) {
          if (!files.has(name)) await Deno.remove(`${checkout}/${name}`, { recursive: true });
        }
        free.push(checkout);
      }
    },
  }));
  assert(pages.length > 8, `only ${pages.length} pages have commands`);
  await runTogether(test, pages, AT_ONCE);
});

/** Runs the commands of a page as one script in a checkout. */
async function runCommands(text: string, checkout: string, bin: string): Promise<void> {
  // What was left in the background is ended.
  const ending = `trap 'test -z "$!" || kill $! 2>/dev/null || :' EXIT`;
  const script = ["set -e", ending, ...commandsOf(text)].join("\n").replace(PORT, freePort());
  await Deno.writeTextFile(`${checkout}/commands.sh`, script);
  const [program, ...args] = [...(ROOT && noNamespaces === undefined ? OWN_NAMES : []), "sh", "./commands.sh"];
  const { code, stderr } = await new Deno.Command(program, {
    args,
    cwd: checkout,
    env: { CHECKOUT: checkout, PATH: `${bin}:${Deno.env.get("PATH")}`, NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}

Deno.test("the manual: programs that use the library print what is shown", async () => {
  const programs = [...[...texts.values()].join("\n").matchAll(/^```ts\n((?:(?!^```).)*)^```\n\n```\n(.*?)^```$/gms)]
    .filter(([, program]) => program.includes('from "@tine/tine/node"'));
  assertEquals(programs.length, 3);
  const dir = await Deno.makeTempDir({ prefix: "tine-readme-" });
  try {
    const files = programs.map((_, i) => `${dir}/program${i}.ts`);
    for (const [i, [, program]] of programs.entries()) await Deno.writeTextFile(files[i], program);
    const deno = async (...args: string[]) => {
      const config = ["--config", new URL("deno.json", root).pathname];
      const [command, ...rest] = args;
      const options = { args: [command, "-q", ...config, ...rest], cwd: dir, env: { NO_COLOR: "1" } };
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    await Promise.all([
      deno("check", ...files),
      ...programs.map(async ([, , printed], i) =>
        assertEquals(await deno("run", "-A", "--no-check", files[i]), printed)
      ),
    ]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** The anchor that readers on the web give to a heading. */
function anchor(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\s-]/g, "").trim().replace(/\s/g, "-");
}

Deno.test("the manual: links lead to files and headings that are there", async () => {
  for (const [page, text] of [...texts, await other("scripts/bench/README.md")]) {
    const prose = text.replace(/^```.*?^```$/gms, "").replace(/`[^`]*`/g, "");
    for (const [, target, heading] of prose.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
      if (/^https?:/.test(target)) continue;
      const path = new URL(target || page.replace(/^.*\//, ""), new URL(page, root));
      await Deno.stat(path);
      if (heading === undefined) continue;
      const headings = [...(await Deno.readTextFile(path)).matchAll(/^#+ (.*)$/gm)].map(([, text]) => anchor(text));
      assert(headings.includes(heading), `${page}: ${target}#${heading}`);
    }
  }
});

async function other(page: string): Promise<[string, string]> {
  return [page, await Deno.readTextFile(new URL(page, root))];
}

Deno.test("README: each dependency has its reason", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const section = /^## Dependencies\n(.*?)^## /ms.exec(texts.get("README.md")!)![1];
  const packages = [...section.matchAll(/^\| (`[^|]*)\|/gm)].map(([, cell]) => cell).join();
  const explained = [...packages.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const names = Object.keys(imports).map((name) => name.startsWith("@") ? name.split("/").slice(0, 2).join("/") : name);
  assertEquals(explained.sort(), [...new Set(names)].sort());
});

Deno.test("the manual: generated parts are those of the sources", async () => {
  let parts = 0;
  for (const [page, text] of texts) {
    if (!text.includes("<!-- generated:")) continue;
    parts++;
    assertEquals(await generated(text), text, `${page}: run deno task manual`);
  }
  assert(parts > 0);
});

Deno.test("the manual: each object of plans has its fields on a page, once", () => {
  const described = [...texts.values()].flatMap((text) =>
    [...text.matchAll(/^<!-- generated: fields (.*) -->$/gm)].flatMap(([, names]) => names.split(" "))
  );
  const objects = planObjects().map(({ places: [place] }) => place.split(".")[0]);
  assertEquals(described.sort(), [...new Set(objects)].sort());
});

Deno.test("the manual: commands have the flags that are shown", async () => {
  // Options of programs that are mentioned beside those of tine.
  const others = ["--skip-rx-copy", "--platform"];
  const flags = new Map<string, Set<string>>();
  for (const [name, entry] of registry) {
    const { command } = await entry.load();
    flags.set(name, new Set(["--help", ...Object.keys(command.flags).map(flagName)]));
  }
  const known = new Set([...flags.values()].flatMap((names) => [...names]).concat(others, "--version"));
  for (const [page, text] of texts) {
    for (const [flag] of text.matchAll(/(?<![\w-])--[a-z][\w-]*/g)) assert(known.has(flag), `${page}: ${flag}`);
    const lines = text.replace(/\\\n\s*/g, " ");
    for (const [shown, group, word] of lines.matchAll(/\btine ((?:node|tcp|udp) )?([a-z]+) [^`|;#\n]*/g)) {
      const own = flags.get(`${group ?? ""}${word}`);
      const [before] = shown.split(" -- ");
      for (const [flag] of before.matchAll(/(?<![\w-])--[a-z][\w-]*/g)) {
        assert(own === undefined || own.has(flag), `${page}: ${shown}`);
      }
    }
  }
});

Deno.test("the manual: plans are plans", async () => {
  const plans = [...texts].flatMap(([page, text]) =>
    [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].filter(([, plan]) => /^tests:/m.test(plan)).map((
      [, plan],
    ) => [plan, page])
  );
  assert(plans.length > 5);
  for (const [plan, page] of plans) await parsePlan(plan, page);
});

Deno.test("the manual: each plot is on the page of reports, and among those of the terminal", () => {
  const [report, results] = ["report", "results"].map((name) => texts.get(`src/cli/help/topics/${name}.md`)!);
  for (const id of PLOT_IDS) {
    assert(report.includes(`| \`${id}\` `), `report: ${id}`);
    assert(results.includes(`\`${id}\``), `results: ${id}`);
  }
});

Deno.test("generated() replaces a part that differs from the sources", async () => {
  const readme = texts.get("README.md")!;
  assertEquals(await generated(readme.replace("Nodes on other machines", "Nodes elsewhere")), readme);
});
