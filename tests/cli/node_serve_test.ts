import { assertEquals, assertMatch } from "@std/assert";
import { controlMessage } from "../../src/node/protocol/kinds.ts";
import { Kind } from "../../src/node/protocol/frame.ts";
import { Link } from "../../src/node/link/link.ts";
import { streamConnection } from "../../src/wire/connection.ts";
import { toText } from "@std/streams";
import { startTine, tine } from "../support/tine.ts";

Deno.test("tine node serve says in one sentence that its parent has gone, or is none", async () => {
  const gone = await tine(["node", "serve", "left"]);
  assertEquals(gone, {
    code: 1,
    stdout: gone.stdout,
    stderr: "tine node serve: the parent has ended the connection\n",
  });
  const none = await tine(["node", "serve", "left"], "GET / HTTP/1.1\r\n".repeat(10));
  assertEquals(none.code, 1);
  assertMatch(
    none.stderr,
    /^tine node serve: the connection to the parent failed: the parent broke the protocol: .+\n$/,
  );
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`tine node serve ends in order at ${signal}, and informs its parent`, async () => {
    const child = startTine("node", "serve", "left");
    const ready = Promise.withResolvers<void>();
    const kinds: number[] = [];
    const link: Link = new Link(streamConnection(child.stdout, child.stdin), {
      peer: "node left",
      receive({ kind }) {
        kinds.push(kind);
        if (kind === Kind.ready) ready.resolve();
        if (kind === Kind.canceled) link.close();
      },
    });
    link.send(controlMessage("setup", { host: { mounts: Deno.pid }, children: [], key: new Uint8Array(32) }));
    await ready.promise;
    child.kill(signal);
    await link.closed;
    const [{ code }, stderr] = await Promise.all([child.status, toText(child.stderr)]);
    assertEquals([kinds.at(-1), code, stderr], [Kind.canceled, 1, ""]);
  });
}
