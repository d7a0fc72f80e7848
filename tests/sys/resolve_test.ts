import { assert, assertEquals, assertRejects } from "@std/assert";
import { resolve } from "../../src/sys/resolve.ts";
import { TineError } from "../../src/base/errors.ts";

const ignore = Deno.build.os !== "linux";

async function texts(...args: Parameters<typeof resolve>): Promise<string[]> {
  return (await resolve(...args)).map(String);
}

Deno.test("resolve() takes an IP address as it is", async () => {
  assertEquals(await texts("192.0.2.7", 80), ["192.0.2.7:80"]);
  assertEquals(await texts("fe80::1%3", 80, { family: "ipv6" }), ["[fe80::1%3]:80"]);
  await assertRejects(() => resolve("::1", 80, { family: "ipv4" }), TineError, "::1 is not an IPv4 address");
  await assertRejects(() => resolve("127.0.0.256", 80), TineError, '"127.0.0.256" is neither');
  await assertRejects(() => resolve("127.1", 80), TineError, '"127.1" is neither');
  await assertRejects(() => resolve("::1", 65_536), TineError, "65536 is not a port");
});

Deno.test("resolve() asks for the interface of a link-local address", async () => {
  for (const host of ["fe80::1", "febf::1", "ff02::1"]) {
    const error = await assertRejects(() => resolve(host, 7000), TineError, `e.g. ${host}%eth0`);
    assertEquals(error.code, "invalid-address");
  }
  assertEquals(await texts("fec0::1", 80), ["[fec0::1]:80"]);
});

Deno.test({
  name: "resolve() finds a name of the hosts file, in the family that is wanted",
  ignore,
  async fn() {
    assertEquals(await texts("localhost", 5201, { family: "ipv4" }), ["127.0.0.1:5201"]);
    const all = await texts("localhost", 1);
    assert(all.length > 0 && all.every((text) => ["127.0.0.1:1", "[::1]:1"].includes(text)), `${all}`);
  },
});

Deno.test({
  name: "resolve() says which name has no address",
  ignore,
  async fn() {
    for (const host of ["", "a\0b", "x".repeat(300)]) {
      const error = await assertRejects(() => resolve(host, 1), TineError, "is not the name of a host");
      assertEquals(error.code, "unresolved-host");
    }
    // No name server is asked for a name with a label that is too long.
    const host = `${"x".repeat(70)}.invalid`;
    const error = await assertRejects(() => resolve(host, 1), TineError, `the name ${host} has no address: `);
    assertEquals(error.code, "unresolved-host");
  },
});

Deno.test({
  name: "resolve() stops waiting when it is aborted",
  ignore,
  async fn() {
    const reason = new Error("enough");
    await assertRejects(() => resolve("localhost", 1, { signal: AbortSignal.abort(reason) }), Error, "enough");
    const controller = new AbortController();
    const asked = assertRejects(() => resolve("localhost", 1, { signal: controller.signal }), Error, "enough");
    controller.abort(reason);
    await asked;
    const patient = new AbortController();
    assertEquals(await texts("localhost", 1, { family: "ipv4", signal: patient.signal }), ["127.0.0.1:1"]);
  },
});
