import { assertEquals } from "@std/assert";
import { runnerSchemas } from "../../src/node/runner_schemas.ts";

function problems(stdout: string, stderr: string): string[] {
  const { error } = runnerSchemas.system.safeParse({ command: "true", stdout, stderr });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")} ${message}`);
}

Deno.test("system refuses the same file for stdout and stderr", () => {
  const message = 'stderr is the file a.txt, as is stdout; give it another, or run sh -c "COMMAND 2>&1"';
  assertEquals(problems("a.txt", "a.txt"), [message]);
  assertEquals(problems("bufmem:a.txt", "buftmp:a.txt"), [message]);
  assertEquals(problems("a.txt", "bufmem:a.txt"), [message]);
  assertEquals(problems("a.txt", "b.txt"), []);
  for (const same of ["gather", "stream", "quiet", ""]) assertEquals(problems(same, same), []);
});
