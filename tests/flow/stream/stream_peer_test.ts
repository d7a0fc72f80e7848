import { assertEquals } from "@std/assert";
import { connectionError } from "../../../src/flow/stream/stream_peer.ts";
import { SystemError } from "../../../src/sys/errno.ts";
import { TineError } from "../../../src/base/errors.ts";

Deno.test("connectionError() gives what happens to connections a code, and keeps the kernel's reason", () => {
  for (const [errno, code] of [[111, "connection-refused"], [104, "connection-reset"], [113, "unreachable"]] as const) {
    const error = connectionError(new SystemError("connect", errno, "to [::1]:9"), "connect to [::1]:9") as TineError;
    assertEquals(error.code, code);
    assertEquals(error.message.startsWith("connect to [::1]:9: "), true);
    assertEquals(error.message.endsWith(")"), true);
  }
  const refused = connectionError(new SystemError("connect", 111), "connect to 10.0.0.1:9") as TineError;
  assertEquals(refused.message, "connect to 10.0.0.1:9: connection refused (ECONNREFUSED)");
});

Deno.test("connectionError() leaves other errors as they are", () => {
  for (const error of [new TineError("a", "b"), new SystemError("setsockopt", 22), new Error("c")]) {
    assertEquals(connectionError(error, "x"), error);
  }
});
