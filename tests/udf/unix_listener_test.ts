import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { listenUnix } from "../../src/udf/unix_listener.ts";
import { TineError } from "../../src/base/errors.ts";

function test(name: string, fn: (dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const dir = await Deno.makeTempDir({ prefix: "tine-unix-" });
    try {
      await fn(dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

async function refused(path: string, code: string, message: string): Promise<void> {
  const error = await assertRejects(() => listenUnix(path), TineError);
  assertEquals(error.code, code);
  assertStringIncludes(error.message, message);
}

const names = (dir: string) => Array.from(Deno.readDirSync(dir), ({ name }) => name);

/** A socket that nobody listens on, as a server that was killed leaves it. */
async function leaveStale(path: string): Promise<void> {
  // Deno removes the file that it made, under the name that it made it with.
  const listener = Deno.listen({ transport: "unix", path: `${path}.first` });
  await Deno.rename(`${path}.first`, path);
  listener.close();
  await Deno.lstat(path);
}

test("listenUnix() makes a socket with the mode that is asked for, nothing else, and removes it", async (dir) => {
  for (const mode of [undefined, 0o600, 0o660, 0o777]) {
    const path = `${dir}/udf.sock`;
    const unix = await listenUnix(path, mode);
    assertEquals(names(dir), ["udf.sock"]);
    const info = await Deno.lstat(path);
    assert(info.isSocket);
    assertEquals(info.mode! & 0o777, mode ?? 0o600);
    const accepting = unix.listener.accept();
    (await Deno.connect({ transport: "unix", path })).close();
    (await accepting).close();
    unix.close();
    unix.close();
    assertEquals(names(dir), []);
  }
});

test("listenUnix() leaves the umask of the process as it was", async (dir) => {
  const before = Deno.umask();
  (await listenUnix(`${dir}/a`)).close();
  await assertRejects(() => listenUnix(`${dir}/none/a`));
  assertEquals(Deno.umask(), before);
});

test("listenUnix() replaces a stale socket", async (dir) => {
  const path = `${dir}/udf.sock`;
  await leaveStale(path);
  using _ = { [Symbol.dispose]: () => unix.close() };
  const unix = await listenUnix(path);
  assertEquals(names(dir), ["udf.sock"]);
  const accepting = unix.listener.accept();
  (await Deno.connect({ transport: "unix", path })).close();
  (await accepting).close();
});

test("listenUnix() does not replace a socket that a server listens on", async (dir) => {
  const path = `${dir}/udf.sock`;
  const first = await listenUnix(path);
  await refused(path, "socket-in-use", `a server is already listening on ${path}`);
  assertEquals(names(dir), ["udf.sock"]);
  first.close();
});

test("listenUnix() does not replace a file, a folder or a link", async (dir) => {
  await Deno.writeTextFile(`${dir}/file`, "precious");
  await Deno.mkdir(`${dir}/folder`);
  await leaveStale(`${dir}/stale`);
  await Deno.symlink(`${dir}/stale`, `${dir}/link`);
  for (const name of ["file", "folder", "link"]) {
    await refused(`${dir}/${name}`, "bad-socket-path", "exists and is not a socket; it is left as it is");
  }
  assertEquals(await Deno.readTextFile(`${dir}/file`), "precious");
  assertEquals(names(dir).sort(), ["file", "folder", "link", "stale"]);
});

test("closing removes neither a socket nor a file that took our place", async (dir) => {
  const path = `${dir}/udf.sock`;
  const first = await listenUnix(path);
  await Deno.remove(path);
  const second = await listenUnix(path);
  first.close();
  assertEquals(names(dir), ["udf.sock"]);
  await Deno.remove(path);
  await Deno.writeTextFile(path, "somebody else's");
  second.close();
  assertEquals(await Deno.readTextFile(path), "somebody else's");
});

test("closing does not mind that the socket, or its folder, is gone", async (dir) => {
  await Deno.mkdir(`${dir}/sub`);
  const unix = await listenUnix(`${dir}/sub/udf.sock`);
  await Deno.remove(`${dir}/sub`, { recursive: true });
  unix.close();
});

test("a path that the kernel cannot hold is explained, the longest one works", async (dir) => {
  const path = (bytes: number) => `${dir}/`.padEnd(bytes, "x");
  const unix = await listenUnix(path(107));
  unix.close();
  await refused(path(108), "bad-socket-path", "is too long: 108 bytes");
  // Bytes count, not letters.
  await refused(`${dir}/` + "ü".repeat(50), "bad-socket-path", "the kernel takes 107");
  assertEquals(names(dir), []);
});

test("a folder that is missing, or is a file, is an error that says so", async (dir) => {
  await refused(`${dir}/none/udf.sock`, "cannot-listen", "its folder does not exist");
  await Deno.writeTextFile(`${dir}/file`, "");
  await refused(`${dir}/file/udf.sock`, "cannot-listen", "what is to be its folder is no folder");
});

test("two servers that start at once on one path: each listens or is refused, and one socket is there", async (dir) => {
  const path = `${dir}/udf.sock`;
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => listenUnix(path)));
  const listening = results.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
  assert(listening.length >= 1);
  assertEquals(names(dir), ["udf.sock"]);
  for (const unix of listening) unix.close();
  assertEquals(names(dir), []);
});
