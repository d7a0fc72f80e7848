import { assert, assertEquals } from "@std/assert";
import { maskText, maskVariable } from "../../../../src/node/runners/sys_info/chosen.ts";

Deno.test("maskVariable() masks what has the name of a secret", () => {
  for (
    const name of ["API_KEY", "github_token", "SECRET", "DB_PASS", "PGPASSWORD", "DB_PWD", "AWS_CREDENTIALS", "AUTH"]
  ) {
    assertEquals(maskVariable(name, "abc"), "(masked)", name);
  }
  assertEquals(maskVariable("SESSION_COOKIE", ""), "");
  for (const name of ["PATH", "PWD", "OLDPWD", "HOME", "LC_ALL", "TINE_X"]) {
    assertEquals(maskVariable(name, "/usr/bin:/bin"), "/usr/bin:/bin", name);
  }
});

Deno.test("maskText() masks what looks like a secret", () => {
  const cases: [string, string][] = [
    ["http://me:it@proxy:3128/x", "http://(masked)@proxy:3128/x"],
    ["https://token@host", "https://(masked)@host"],
    ["postgres://a:p@ss@db/x postgres://b:q@db/y", "postgres://(masked)@db/x postgres://(masked)@db/y"],
    ["https://host/a@b?c", "https://host/a@b?c"],
    ["Server=db;Password=abc;Port=1", "Server=db;Password=(masked);Port=1"],
    ["https://host/?api_key=abc&x=1", "https://host/?api_key=(masked)&x=1"],
    ["--auth-token 'x' --password='a b'", "--auth-token 'x' --password=(masked)"],
    ['{"client_secret": "a b"}', '{"client_secret": (masked)}'],
    ["Authorization Bearer abcdefgh12345", "Authorization (masked)"],
    ["x ghp_abcdefghijklmnop y", "x (masked) y"],
    ["eyJhbGciOiJI.eyJzdWIiOiIx.abc-_1", "(masked)"],
    ["-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx", "(masked)\nx"],
    ["BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet"],
  ];
  for (const [text, masked] of cases) assertEquals(maskText(text), masked);
});

Deno.test("maskText() comes to an end with long texts that nearly match", () => {
  for (const part of ["a", "a-", "eyJ-", "key", "key ", "http://", "a:", "-----BEGIN A", "@", "://a", "Bearer "]) {
    assert(maskText(part.repeat(20_000)).length > 0);
  }
});
