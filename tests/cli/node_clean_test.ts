import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeUser, startSshd, whyNoSshd } from "../support/sshd.ts";
import { TINE } from "../support/tine.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

async function clean(env: Readonly<Record<string, string>>, ...args: string[]) {
  const [program, ...first] = TINE;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...first, "node", "clean", ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test({
  ...unless(whyNoSshd(), "tine node clean removes the cache on another machine"),
  async fn() {
    await using user = await makeUser("clean");
    await using sshd = await startSshd();
    const cache = `${user.home}/.cache/tine`;
    const to = `${user.name}@far`;
    const { uid } = await Deno.stat(user.home);
    await Deno.mkdir(`${cache}/sub`, { recursive: true });
    for (const path of [`${user.home}/.cache`, cache, `${cache}/sub`]) await Deno.chown(path, uid, uid);
    assertEquals(await clean(sshd.env, to), { code: 0, stdout: `removed ${cache} on ${to}\n`, stderr: "" });
    assertEquals([...Deno.readDirSync(`${user.home}/.cache`)], []);
    const again = await clean(sshd.env, to, "--json");
    assertEquals(JSON.parse(again.stdout), { destination: to, path: cache, removed: false });
  },
});

Deno.test({
  ...unless(whyNotInstalled("ssh"), "tine node clean tells what is wrong with the destination"),
  async fn() {
    const { code, stdout, stderr } = await clean({}, "nobody@no-such-host.invalid");
    assertEquals([code, stdout], [1, ""]);
    assert(stderr.includes("no-such-host.invalid"), stderr);
    const option = await clean({}, "--", "-oProxyCommand=touch pwned");
    assertMatch(option.stderr + option.code, /is no destination for ssh|unexpected|2$/);
  },
});
