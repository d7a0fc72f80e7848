// A UDF that gets stuck, or takes long, in the method that its option names.

// deno-lint-ignore no-explicit-any
export function createHandler(agent: any) {
  let where = "";
  let how = "";
  let points = 0;
  const maybe = (method: string) => {
    if (where !== method) return;
    if (how === "never") return new Promise<void>(() => {});
    if (how === "slow") {
      const until = Date.now() + 1200;
      while (Date.now() < until);
      return;
    }
    while (true);
  };
  return {
    info: () => ({
      wants: "stream",
      provides: "stream",
      options: { stuck: ["string", "string"] },
    }),
    // deno-lint-ignore no-explicit-any
    init(request: any) {
      for (const { values } of request.options) [where, how] = [values[0].value, values[1].value];
      return maybe("init");
    },
    // deno-lint-ignore no-explicit-any
    point(point: any) {
      if (++points === 2) {
        const busy = maybe("point");
        if (busy) return busy;
      }
      return agent.point(point);
    },
    snapshot() {
      return maybe("snapshot") ?? new TextEncoder().encode(String(points));
    },
    restore() {
      return maybe("restore");
    },
    stop() {
      return maybe("stop");
    },
  };
}
