import { assertEquals } from "@std/assert";
import { unless, whyNotInstalled } from "../support/unless.ts";

const root = new URL("../../", import.meta.url).pathname;

async function* shellScripts(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* shellScripts(`${folder}/${name}`);
    else if (name.endsWith(".sh")) yield `${folder}/${name}`;
  }
}

/** What a program prints of the scripts, beside success or failure. */
async function output(program: string, args: string[]): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd: root }).output();
  return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

const scripts = [".ci/run"];
for (const folder of ["src", "scripts", "examples"]) {
  for await (const path of shellScripts(`${root}${folder}`)) scripts.push(path.slice(root.length));
}

Deno.test({
  ...unless(whyNotInstalled("shellcheck"), "shellcheck finds nothing to improve in the shell scripts"),
  async fn() {
    for (const part of ["watchdog.sh", "far.sh", "holder.sh", "packed_head.sh"]) {
      assertEquals(scripts.filter((path) => path.endsWith(`/${part}`)).length, 1, part);
    }
    assertEquals(await output("shellcheck", scripts), { success: true, text: "" });
  },
});

Deno.test({
  ...unless(whyNotInstalled("busybox"), "busybox parses the shell scripts"),
  async fn() {
    for (const path of scripts.filter((path) => path.endsWith(".sh"))) {
      assertEquals(await output("busybox", ["sh", "-n", path]), { success: true, text: "" }, path);
    }
  },
});
