// A UDF that tries what a module may not do, and says what came of it as fields of each point.

// deno-lint-ignore no-explicit-any
export function createHandler(agent: any) {
  const attempt = async (what: () => unknown) => {
    try {
      await what();
      return "done";
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  };
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {
      console.log("printed by console.log");
      console.table([{ printed: "by console.table" }]);
      Deno.stdout.writeSync(new TextEncoder().encode("printed by Deno.stdout\n"));
    },
    // deno-lint-ignore no-explicit-any
    async point(point: any) {
      const own = new URL(import.meta.url).pathname;
      const results = {
        readSelf: await attempt(() => Deno.readTextFile(own)),
        read: await attempt(() => Deno.readTextFile("/etc/hostname")),
        write: await attempt(() => Deno.writeTextFile("/tmp/tine-nosy", "")),
        env: await attempt(() => Deno.env.get("HOME")),
        otherEnv: await attempt(() => Deno.env.get("PATH")),
        net: await attempt(() => Deno.connect({ hostname: "127.0.0.1", port: 9 })),
        run: await attempt(() => new Deno.Command("true").output()),
        ffi: await attempt(() => Deno.dlopen("libc.so.6", {})),
        sys: await attempt(() => Deno.hostname()),
        stdin: String(await Deno.stdin.read(new Uint8Array(1))),
      };
      point.setFields(Object.entries(results));
      return agent.point(point);
    },
  };
}
