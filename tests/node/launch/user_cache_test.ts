import { assertEquals, assertThrows } from "@std/assert";
import { userCache } from "../../../src/node/launch/executable.ts";
import { TineError } from "../../../src/base/errors.ts";

const NAMES = ["XDG_CACHE_HOME", "HOME"];

/** Calls a function with other variables in the environment. */
function withEnv<T>(env: Record<string, string>, action: () => T): T {
  const before = NAMES.map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value?: string) => value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  for (const name of NAMES) set(name, env[name]);
  try {
    return action();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

Deno.test("userCache() is a folder that belongs to the user", () => {
  assertEquals(withEnv({ XDG_CACHE_HOME: "/c", HOME: "/h" }, userCache), "/c/tine");
  assertEquals(withEnv({ XDG_CACHE_HOME: "relative", HOME: "/h" }, userCache), "/h/.cache/tine");
  assertEquals(withEnv({ HOME: "/h" }, userCache), "/h/.cache/tine");
});

Deno.test("userCache() is nowhere where all could write, such as in /tmp", () => {
  const none: Record<string, string>[] = [{}, { HOME: "" }, { XDG_CACHE_HOME: "c", HOME: "h" }];
  for (const env of none) {
    const error = withEnv(env, () => assertThrows(userCache, TineError));
    assertEquals(error.code, "no-cache");
  }
});
