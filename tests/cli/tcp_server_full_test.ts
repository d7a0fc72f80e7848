import { assert, assertEquals } from "@std/assert";
import { outputOf, TextReader, TINE, tine } from "../support/tine.ts";

/** Silent connections, more than the server has files. */
const SILENT = 100;

for (const more of [[], ["--deny-ffi"]]) {
  Deno.test({
    name: `tine tcp server out of files drops who says nothing, serves others, and says so once ${more.join(" ")}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const at = TINE.indexOf("-A");
      const allow = more.length === 0 ? ["-A"] : ["-R", "-E", "--allow-net", "--allow-sys", ...more];
      const line = [...TINE.slice(0, at), ...allow, ...TINE.slice(at + 1), "tcp", "server", "--listen", "127.0.0.1:0"];
      const child = new Deno.Command("sh", {
        args: ["-c", 'ulimit -n 64; exec "$@"', "sh", ...line],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        env: { NO_COLOR: "1" },
      }).spawn();
      const [first, second] = child.stderr.tee();
      const output = outputOf({ status: child.status, stdout: child.stdout, stderr: second } as Deno.ChildProcess);
      const silent: Deno.TcpConn[] = [];
      try {
        await using reader = new TextReader(first);
        const [, address] = await reader.until(/listening on ([^\s,]+)/);
        const port = Number(address.split(":")[1]);
        for (let i = 0; i < SILENT; i++) silent.push(await Deno.connect({ hostname: "127.0.0.1", port }));
        await reader.until(/connections wait for others to end/);
        const { code, stderr } = await tine(["tcp", "client", address, "--length=1MB", "--json"]);
        assertEquals([code, stderr], [0, ""]);
      } finally {
        for (const conn of silent) conn.close();
        child.kill("SIGINT");
        await output;
      }
      const { stderr } = await output;
      const told = stderr.split("\n").filter((text) => text.includes("connections wait"));
      assert(told.length >= 1 && told.length <= 2, stderr);
    },
  });
}
