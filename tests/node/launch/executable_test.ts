import { assert, assertEquals } from "@std/assert";
import { selfCommand } from "../../../src/node/launch/executable.ts";

Deno.test("selfCommand() starts the tine that this is, from any folder", async () => {
  const { command: [program, ...args], env, files } = selfCommand();
  const { stdout, success } = await new Deno.Command(program, { args: [...args, "--version"], env, cwd: "/" }).output();
  assert(success);
  assert(new TextDecoder().decode(stdout).startsWith("tine "));
  assertEquals(files, [Deno.execPath(), new URL("../../../main.ts", import.meta.url).pathname]);
});
