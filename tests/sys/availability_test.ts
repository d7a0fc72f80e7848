import { assertEquals, assertMatch } from "@std/assert";
import { availability, libc } from "../../src/sys/libc.ts";

const linux = Deno.build.os === "linux";

/** What a worker with or without the permission for FFI says. */
async function inWorker(ffi: boolean): Promise<{ availability: unknown; libc: string }> {
  const sys = new URL("../../src/sys/", import.meta.url);
  const code = `
    import { availability } from "${sys}libc.ts";
    import { libc } from "${sys}libc.ts";
    let opened = "opened";
    try { libc(); } catch (error) { opened = error.code + ": " + error.message; }
    postMessage({ availability: availability(), libc: opened });`;
  const url = URL.createObjectURL(new Blob([code], { type: "application/javascript" }));
  const worker = new Worker(url, { type: "module", deno: { permissions: { ffi, read: true, import: true } } });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
  }
}

Deno.test({
  name: "availability() says yes where calls work",
  ignore: !linux,
  fn() {
    assertEquals(availability(), { available: true });
    assertEquals(libc().calls.close(-1), -1);
  },
});

Deno.test({
  name: "availability() says no without the permission, and libc() why",
  ignore: !linux,
  async fn() {
    const said = await inWorker(false);
    assertEquals(said.availability, { available: false, reason: "the permission is missing, --allow-ffi" });
    assertMatch(said.libc, /^ffi-unavailable: Linux system calls cannot be made: the permission is missing/);
    assertEquals((await inWorker(true)).libc, "opened");
  },
});
