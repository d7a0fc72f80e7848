import { assertEquals } from "@std/assert";
import { TINE, tine } from "../support/tine.ts";

const MODULES = new URL("../support/modules/", import.meta.url).pathname;

Deno.test("nothing that a module prints or closes reaches the frames on stdout", async () => {
  const points = "cpu v=1 1\ncpu v=2 2\n";
  const { code, stdout, stderr } = await tine(["host", "--", ...TINE, "agent", MODULES + "noisy.ts"], points);
  assertEquals([code, stdout], [0, points]);
  const printed = stderr.split("\n").filter((line) => !line.includes("xxx"));
  assertEquals(printed.slice(0, 11), [
    "process.stdout",
    "named stdout",
    "Deno.stdout",
    "Deno.stdout.writable",
    "fs.writeSync",
    "fs.writeFileSync",
    "fs.appendFileSync",
    "fs.write",
    "fs.createWriteStream",
    "refused",
    "refused",
  ]);
});
