import { assertEquals, assertThrows } from "@std/assert";
import { parseDialAddress, parseHostPort } from "../../src/base/address.ts";
import { TineError } from "../../src/base/errors.ts";

Deno.test("parseHostPort() takes names, addresses, and no host", () => {
  for (
    const [text, host, port] of [
      ["10.0.0.1:7000", "10.0.0.1", 7000],
      ["host.example:1", "host.example", 1],
      ["[::1]:0", "::1", 0],
      ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65535],
      [":7", "", 7],
    ] as const
  ) assertEquals(parseHostPort(text), { host, port });
});

Deno.test("parseHostPort() and parseDialAddress() refuse what is no address", () => {
  for (const text of ["", "host", "::1:7", "[::1]", "[::1]7", "a:65536", "a b:1", "a:-1", "[host]:1"]) {
    assertEquals(assertThrows(() => parseHostPort(text), TineError).code, "invalid-address");
  }
  for (const text of [":7", "host:0"]) {
    assertEquals(assertThrows(() => parseDialAddress(text), TineError).code, "invalid-address");
  }
});
