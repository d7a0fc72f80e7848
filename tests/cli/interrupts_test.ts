import { assertEquals } from "@std/assert";
import { TINE } from "../support/tine.ts";

/** Starts a run of `sleep` in a shell that may ignore hangups, hangs up once it runs, and tells how it ended. */
async function hangUp(prefix: string): Promise<{ code: number; status: string }> {
  const folder = await Deno.makeTempDir({ prefix: "tine-hangup-" });
  try {
    const plan =
      `{"tests": [{"id": {"name": "x"}, "serial": [{"system": {"command": "touch ${folder}/ready"}}, {"sleep": "2s"}]}]}`;
    await Deno.writeTextFile(`${folder}/plan.json`, plan);
    const child = new Deno.Command("sh", {
      args: [
        "-c",
        `${prefix} exec "$@" >/dev/null 2>&1`,
        "sh",
        ...TINE,
        "run",
        `${folder}/plan.json`,
        "--out",
        `${folder}/out`,
      ],
      stdin: "null",
    }).spawn();
    using watcher = Deno.watchFs(folder);
    for await (const { paths } of watcher) if (paths.some((path) => path.endsWith("/ready"))) break;
    child.kill("SIGHUP");
    const { code } = await child.status;
    const run = JSON.parse(await Deno.readTextFile(`${folder}/out/latest/run.json`));
    return { code, status: run.tests[0].status };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tine run ends in order when its terminal hangs up, and goes on under nohup", async () => {
  assertEquals(await Promise.all([hangUp(""), hangUp("trap '' HUP;")]), [
    { code: 130, status: "canceled" },
    { code: 0, status: "ok" },
  ]);
});
