import { assert, assertEquals } from "@std/assert";
import { copyCheckout } from "../scripts/test/copy_checkout.ts";
import { OWN_NAMES, whyNoNamespaces } from "./support/namespaces.ts";

// Blocks marked `sh` are run here, in the order of the README and in one folder; those marked `shell` are not: they run
// what the README's own tests are part of, or need a Kapacitor or a module of the reader's.

const root = new URL("..", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", root));
const PORT = /\b19400\b/g;
/** Commands that run plans, and look at what is left of that. */
const OF_RUNS = /^.*\b(tine (run|results|log)|results\/latest)\b.*\n/gm;
const ROOT = Deno.uid() === 0;
const noNamespaces = whyNoNamespaces({ rootless: !ROOT });
const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands)
  .map((commands) => noNamespaces === undefined ? commands : commands.replace(OF_RUNS, ""));

/** Another port than the one that is shown: this test may run twice at a time on one machine. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

const without = noNamespaces === undefined ? "" : ` (without those that run plans: ${noNamespaces})`;

Deno.test(`README: commands marked to run succeed as shown${without}`, async () => {
  assert(blocks.length > 3, "no commands were found");
  const dir = await copyCheckout();
  const bin = await Deno.makeTempDir({ prefix: "tine-readme-bin-" });
  try {
    // The deno of this test, whether or not one is installed.
    await Deno.symlink(Deno.execPath(), `${bin}/deno`);
    // Read line by line, so that an alias is known to the lines behind it; what was left in the background is ended.
    const ending = `trap 'test -z "$!" || kill $! 2>/dev/null || :' EXIT`;
    await Deno.writeTextFile(`${dir}/commands.sh`, ["set -e", ending, ...blocks].join("\n").replace(PORT, freePort()));
    const [program, ...args] = [...(ROOT && noNamespaces === undefined ? OWN_NAMES : []), "sh", "./commands.sh"];
    const { code, stderr } = await new Deno.Command(program, {
      args,
      cwd: dir,
      env: { PATH: `${bin}:${Deno.env.get("PATH")}`, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(dir, { recursive: true });
    await Deno.remove(bin, { recursive: true });
  }
});

Deno.test("README: programs that use the library print what is shown", async () => {
  const programs = [...readme.matchAll(/^```ts\n((?:(?!^```).)*)^```\n\n```\n(.*?)^```$/gms)]
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
    await deno("check", ...files);
    for (const [i, [, , printed]] of programs.entries()) {
      assertEquals(await deno("run", "-A", "--no-check", files[i]), printed);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("README: links to files of the checkout lead somewhere", async () => {
  for (const [, target] of readme.matchAll(/\]\(([^)#:]+)\)/g)) await Deno.stat(new URL(target, root));
});
