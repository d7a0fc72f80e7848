// A UDF with state: answers each point with how many there have been, and can throw in every way.

// deno-lint-ignore no-explicit-any
export function createHandler(agent: any) {
  let count = 0;
  let fault = "";
  return {
    info: () => ({ wants: "stream", provides: "stream", options: { fault: ["string"] } }),
    // deno-lint-ignore no-explicit-any
    init(request: any) {
      fault = request.options[0]?.values[0].value ?? "";
    },
    // deno-lint-ignore no-explicit-any
    point(point: any) {
      count++;
      if (fault === "throw") throw new Error("thrown on purpose");
      if (fault === "reject") void Promise.reject(new Error("rejected on purpose"));
      if (fault === "exit") Deno.exit(3);
      if (fault === "late") {
        setTimeout(() => {
          throw new Error("thrown later");
        }, 0);
      }
      return agent.point({ name: point.name, time: point.time, fields: { count: BigInt(count) } });
    },
    snapshot: () => new TextEncoder().encode(String(count)),
    restore(bytes: Uint8Array) {
      count = Number(new TextDecoder().decode(bytes));
    },
    stop() {
      if (fault === "late") return new Promise<void>(() => {}); // what was thrown ends it
      if (fault !== "after") return;
      setTimeout(() => agent.point({ name: "late" }), 0);
    },
  };
}
