import { assertEquals, assertThrows } from "@std/assert";
import { HOST_PORT_PATTERN, parseHostPort } from "../../src/base/address.ts";
import { parseAddress, parseServerAddress } from "../../src/cli/address.ts";
import { UsageError } from "../../src/cli/errors.ts";
import { addressProblem } from "../../src/flow/address_schema.ts";

Deno.test("flags, plans and flows take the same addresses; only flags take a bare port", () => {
  const taken = ["10.0.0.1:7000", "host:7000", "[::1]:7000", "[fe80::1%eth0]:7000", ":7000"];
  const refused = ["host", "::1:7000", "[host]:7000", "[::1]", "a b:7000", "host:70000", "[fe80::1%a b]:7000", ""];
  for (const text of [...taken, ...refused, "7000"]) {
    const fits = {
      flag: !throws(() => parseAddress(text, "--listen")),
      plan: HOST_PORT_PATTERN.test(text) && addressProblem(text, undefined, false) === undefined,
      flow: !throws(() => parseHostPort(text)),
    };
    const expected = taken.includes(text);
    assertEquals(fits, { flag: expected || text === "7000", plan: expected, flow: expected }, text);
  }
});

Deno.test("parseServerAddress() completes what flows dial", () => {
  for (const text of ["7000", ":7000", "127.0.0.1:7000"]) assertEquals(parseServerAddress(text), "127.0.0.1:7000");
  assertEquals(parseServerAddress("[::1]:7000"), "[::1]:7000");
  assertThrows(
    () => parseServerAddress("10.0.0.1"),
    UsageError,
    'HOST:PORT: expected e.g. 127.0.0.1:9000 or [::1]:9000, not "10.0.0.1"; the port is missing',
  );
  assertThrows(() => parseServerAddress("host:0"), UsageError, "port 0 cannot be dialled");
  assertThrows(() => parseServerAddress("[host]:7000"), UsageError, 'not "[host]:7000"');
});

function throws(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}
