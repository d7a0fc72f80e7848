import { assertEquals, assertRejects } from "@std/assert";
import { readFlowKey, readStampKey } from "../../../src/cli/traffic/flow_key.ts";
import { UsageError } from "../../../src/cli/errors.ts";

const KEY = "0123456789abcdef".repeat(2);

/** Calls with a file of that content; tells what was printed beside. */
async function withFile(content: Uint8Array | string, mode: number, use: (path: string) => Promise<void>) {
  const path = await Deno.makeTempFile();
  const printed: string[] = [];
  const { error } = console;
  console.error = (text: string) => printed.push(text.replace(path, "FILE"));
  try {
    await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    await Deno.chmod(path, mode);
    await use(path);
  } finally {
    console.error = error;
    await Deno.remove(path);
  }
  return printed;
}

async function refused(content: Uint8Array | string, message: string): Promise<void> {
  await withFile(content, 0o600, async (path) => {
    await assertRejects(() => readFlowKey(path), UsageError, message);
  });
}

Deno.test("readFlowKey() takes the text of a file without blanks around it", async () => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(KEY)));
  const printed = await withFile(` ${KEY}\n`, 0o600, async (path) => {
    assertEquals(await readFlowKey(path), digest);
  });
  assertEquals(printed, []);
});

Deno.test("readFlowKey() warns of a file that others can read", async () => {
  const printed = await withFile(KEY, 0o644, async (path) => void await readFlowKey(path));
  assertEquals(printed, ["tine: --key-file FILE: other users can read it; chmod 600 keeps them out"]);
});

Deno.test("readFlowKey() refuses files that are none with a key", async () => {
  await refused("short", "expected a key of 32 characters or more, not of 5");
  await refused(KEY.repeat(2049), "expected a key of at most 65536 bytes");
  await refused(new Uint8Array(40).fill(0xff), "expected text, not other bytes");
  await assertRejects(() => readFlowKey("/no/such"), UsageError, "cannot be read: there is no such file");
});

Deno.test("readFlowKey() does not read a device to its end", async () => {
  await assertRejects(() => readFlowKey("/dev/zero"), UsageError, "expected a key of at most 65536 bytes");
});

Deno.test("readStampKey() takes the bytes of a text, or those of hexadecimal digits behind 0x", async () => {
  await withFile(" router secret\n", 0o600, async (path) => {
    assertEquals(await readStampKey(path), new TextEncoder().encode("router secret"));
  });
  await withFile("0x00112233445566ff", 0o600, async (path) => {
    assertEquals(await readStampKey(path), Uint8Array.of(0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xff));
  });
  await withFile("0x001122", 0o600, async (path) => {
    await assertRejects(() => readStampKey(path), UsageError, "expected a key of 8 bytes or more, not of 3");
  });
});
