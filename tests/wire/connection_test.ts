import { assertEquals } from "@std/assert";
import { streamConnection, writeAll } from "../../src/wire/connection.ts";

function cat() {
  const child = new Deno.Command("cat", { stdin: "piped", stdout: "piped" }).spawn();
  return { child, connection: streamConnection(child.stdout, child.stdin) };
}

Deno.test("streamConnection() reads what was written, in pieces as large as the buffer", async () => {
  const { child, connection } = cat();
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  await writeAll(connection, sent);
  await writeAll(connection, sent);
  await connection.closeWrite();
  const received: number[] = [];
  const buffer = new Uint8Array(1000);
  for (let length; (length = await connection.read(buffer)) !== null;) received.push(...buffer.subarray(0, length));
  assertEquals(new Uint8Array(received), new Uint8Array([...sent, ...sent]));
  assertEquals(await connection.read(buffer), null);
  await child.status;
});

Deno.test("streamConnection() leaves bytes that were read alone when more come", async () => {
  const { child, connection } = cat();
  const [first, second] = [new Uint8Array(5), new Uint8Array(5)];
  await writeAll(connection, new TextEncoder().encode("first"));
  assertEquals(await connection.read(first), 5);
  await writeAll(connection, new TextEncoder().encode("other"));
  assertEquals(await connection.read(second), 5);
  assertEquals([first, second].map((bytes) => new TextDecoder().decode(bytes)), ["first", "other"]);
  connection.close();
  await child.status;
});

Deno.test("streamConnection() ends a read that waits when it is closed", async () => {
  const { child, connection } = cat();
  const reading = connection.read(new Uint8Array(10));
  connection.close();
  assertEquals(await reading, null);
  await child.status;
});
