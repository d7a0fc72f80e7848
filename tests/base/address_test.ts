import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  formatHostPort,
  HOST_PORT_PATTERN,
  isLoopback,
  parseDialAddress,
  parseHostPort,
} from "../../src/base/address.ts";
import { TineError } from "../../src/base/errors.ts";

Deno.test("parseHostPort() takes names, addresses, and no host", () => {
  for (
    const [text, hostname, port] of [
      ["10.0.0.1:7000", "10.0.0.1", 7000],
      ["host.example:1", "host.example", 1],
      ["[::1]:0", "::1", 0],
      ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65535],
      [":7", "", 7],
      ["[fe80::1%br-0@x]:1", "fe80::1%br-0@x", 1],
    ] as const
  ) assertEquals(parseHostPort(text), { hostname, port });
});

Deno.test("parseHostPort() and parseDialAddress() refuse what is no address", () => {
  for (
    const text of [
      "",
      "host",
      "::1:7",
      "[::1]",
      "[::1]7",
      "a:65536",
      "a b:1",
      "a:-1",
      "[host]:1",
      "[1]:1",
      "[::1%]:1",
      "[::1%a%b]:1",
      "7000",
    ]
  ) {
    assertEquals(assertThrows(() => parseHostPort(text), TineError).code, "invalid-address");
  }
  for (const text of [":7", "host:0"]) {
    assertEquals(assertThrows(() => parseDialAddress(text), TineError).code, "invalid-address");
  }
});

Deno.test("parseHostPort() takes a bare port where it is allowed", () => {
  for (const text of ["7000", ":7000"]) {
    assertEquals(parseHostPort(text, { barePort: true }), { hostname: "", port: 7000 });
  }
  for (const text of ["", "70000", "host", "7000:", "-1"]) {
    assertThrows(() => parseHostPort(text, { barePort: true }), TineError, `"${text}" is not an address`);
  }
});

Deno.test("HOST_PORT_PATTERN takes whatever parseHostPort() takes, and formatHostPort() writes it", () => {
  for (const text of ["10.0.0.1:7000", "host.example:1", "[::1]:0", "[fe80::1%eth0]:65535", ":7"]) {
    assert(HOST_PORT_PATTERN.test(text), text);
    assertEquals(formatHostPort(parseHostPort(text)), text);
  }
});

Deno.test("isLoopback() is true for what only this machine reaches", () => {
  assertEquals(["localhost", "::1", "127.9.8.7"].map(isLoopback), [true, true, true]);
  assertEquals(["", "::", "0.0.0.0", "127.example", "10.0.0.1"].map(isLoopback), [false, false, false, false, false]);
});
