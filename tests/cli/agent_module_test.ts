import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { streamConnection } from "../../src/wire/connection.ts";
import { startTine, TextReader, TINE, tine } from "../support/tine.ts";
import { pointRequest, UdfDriver } from "../support/udf_driver.ts";

const MODULES = new URL("../support/modules/", import.meta.url).pathname;

/** The init of stuck.ts: the method that gets stuck, and how. */
function stuckInit(...values: string[]) {
  const option = { name: "stuck", values: values.map((value) => ({ type: "string" as const, value })) };
  return { kind: "init" as const, init: { options: [option], taskId: "", nodeId: "" } };
}

/** Kills a child that a test which failed has left. */
function killed(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

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

Deno.test("a module with an odd path in the working folder runs, with the files it imports", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/a b#c?%41`);
    await Deno.writeTextFile(`${folder}/a b#c?%41/sub.js`, "export const step = 5n;\n");
    await Deno.writeTextFile(
      `${folder}/a b#c?%41/my udf.js`,
      `import { step } from "./sub.js";
       export const createHandler = (agent) => ({
         info: () => ({ wants: "stream", provides: "stream" }),
         init() {},
         point: (point) => agent.point({ name: point.name, time: point.time + step, fieldsInt: new Map([["v", 1n]]) }),
       });\n`,
    );
    const command = `cd '${folder}' && exec ${TINE.join(" ")} agent './a b#c?%41/my udf.js'`;
    const { code, stdout, stderr } = await tine(["host", "--", "sh", "-c", command], "cpu v=1 1\n");
    assertEquals([code, stdout], [0, "cpu v=1i 6\n"], stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an agent whose module is in an endless loop ends within some 5 s of a signal, with status 0", async () => {
  await Promise.all((["SIGTERM", "SIGINT"] as const).map(async (signal) => {
    const child = startTine("agent", MODULES + "stuck.ts");
    const driver = new UdfDriver(streamConnection(child.stdout, child.stdin));
    driver.send(stuckInit("point", "loop"), pointRequest(1), pointRequest(2), pointRequest(3));
    // The keepalives that nobody asked for say that the handler is busy.
    while ((await driver.next())?.kind !== "keepalive");
    const started = performance.now();
    child.kill(signal);
    assertEquals((await child.status).code, 0);
    // Long before the timeout of the handler.
    assertLess(performance.now() - started, 30_000);
    assertEquals(await new TextReader(child.stderr).rest(), "");
    driver.connection.close();
  }));
});

Deno.test("a module that is stuck ends with an ErrorResponse and status 1, also while its input stays open", async () => {
  const child = startTine("agent", MODULES + "stuck.ts", "--handler-timeout", "500ms");
  const driver = new UdfDriver(streamConnection(child.stdout, child.stdin));
  driver.send(stuckInit("point", "loop"), pointRequest(1), pointRequest(2), pointRequest(3));
  const last = (await driver.rest()).at(-1);
  assertEquals(last?.kind, "error");
  assertEquals((await child.status).code, 1);
  assertMatch(
    await new TextReader(child.stderr).rest(),
    /^tine agent: point\(\) of the handler, .* has not ended after .*\n$/,
  );
  driver.connection.close();
});

Deno.test("a socket serves a thousand connections to one module; a stuck one ends those of its worker", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/udf.sock`;
  const child = startTine("agent", MODULES + "stuck.ts", "--socket", path, "--workers", "2", "--handler-timeout", "1s");
  const stderr = new TextReader(child.stderr);
  try {
    await stderr.until(/listening on/);
    const connect = async () => new UdfDriver(await Deno.connect({ transport: "unix", path }));
    const drivers: UdfDriver[] = [];
    for (let i = 0; i < 1000; i++) drivers.push(await connect());
    for (const driver of drivers) driver.send(stuckInit("point", "no"), pointRequest(1));
    for (const driver of drivers) {
      assertEquals((await driver.answer())?.kind, "init");
      assertEquals((await driver.answer())?.kind, "point");
    }
    const [stuck, other] = [await connect(), await connect()];
    stuck.send(stuckInit("point", "loop"), pointRequest(1), pointRequest(2), pointRequest(3));
    assertEquals((await stuck.rest()).at(-1)?.kind, "error");
    assertEquals((await drivers[0].rest()).at(-1)?.kind, "error");
    for (const driver of [other, drivers[1]]) {
      driver.send({ kind: "snapshot" });
      assertEquals((await driver.answer())?.kind, "snapshot");
    }
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
    for (const driver of [...drivers, stuck, other]) driver.connection.close();
  } finally {
    killed(child);
    await Promise.all([child.stdin.close().catch(() => {}), child.stdout.cancel(), stderr.rest()]);
    await Deno.remove(folder, { recursive: true });
  }
});
