import { assertEquals } from "@std/assert";
import { Errno, errnoName, errnoText, SystemError } from "../../src/sys/errno.ts";
import { runC, whyNoCompiler } from "../support/c_compiler.ts";
import { unless } from "../support/unless.ts";

Deno.test({
  ...unless(whyNoCompiler, "errnoName() and errnoText() agree with the C library for every number"),
  async fn() {
    const named = Array.from({ length: 140 }, (_, i) => i).filter((number) => errnoName(number) !== `E${number}`);
    const lines = await runC(
      ["errno.h", "string.h"],
      [
        ...named.map((number) => `printf("%d %s\\n", ${errnoName(number)}, strerror(${number}));`),
        // How many are known at all.
        `int known = 0; for (int i = 1; i < 140; i++) known += strncmp(strerror(i), "Unknown", 7) != 0;`,
        `printf("%d\\n", known);`,
      ],
    );
    const own = named.map((number) => `${number} ${errnoText(number)}`);
    assertEquals(lines.map((line) => line.toLowerCase()), [
      ...own.map((line) => line.toLowerCase()),
      `${named.length}`,
    ]);
    for (const [name, number] of Object.entries(Errno)) assertEquals(errnoName(number), name);
  },
});

Deno.test("errnoName() and errnoText() say a number that they do not know", () => {
  assertEquals(errnoName(4000), "E4000");
  assertEquals(errnoText(4000), "unknown error 4000");
});

Deno.test("SystemError says call, place, meaning and name", () => {
  const error = new SystemError("bind", 98, "to 127.0.0.1:80");
  assertEquals(error.message, "bind to 127.0.0.1:80: address already in use (EADDRINUSE)");
  assertEquals([error.code, error.errno, error.errnoName], ["system-call-failed", 98, "EADDRINUSE"]);
  assertEquals(new SystemError("eventfd", 24).message, "eventfd: too many open files (EMFILE)");
});
