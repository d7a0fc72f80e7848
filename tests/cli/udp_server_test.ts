import { assertEquals, assertMatch } from "@std/assert";
import { startTine, TextReader } from "../support/tine.ts";
import { withServer } from "./traffic_server.ts";

Deno.test("tine udp server prints a line for a flow that is open when it is interrupted", async () => {
  const server = await withServer("udp", ["--listen", "127.0.0.1:0"], async (address) => {
    const client = startTine("udp", "client", address, "--duration=1m", "--wait=10ms", "--interval=100ms");
    await using reader = new TextReader(client.stdout);
    try {
      await reader.until(/up +0\.10-0\.20/);
    } finally {
      client.kill("SIGKILL");
      await Promise.all([client.stdin.close(), client.stderr.cancel(), client.status]);
    }
  });
  assertEquals(server.code, 0);
  assertMatch(server.stdout, /^127\.0\.0\.1:\d+ up\.\w{8}: received \d+ packets, .* s, ended without a close\n$/);
});
