import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { startTine, TextReader, tine } from "../support/tine.ts";

const PLAN = {
  tests: [{ id: { name: "a" }, timeout: "5m", serial: [{ system: { command: "echo hello" } }, { sleep: "200s" }] }],
};

/** A `tine run --serve` that is under way, with a page that follows it. */
async function serving(out: string) {
  const child = startTine("run", "-", "--serve", "--out", out);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(PLAN)));
  await writer.close();
  const stderr = new TextReader(child.stderr);
  const [, url] = await stderr.until(/^pages: (http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/)$/m);
  let name: string | undefined;
  while (name === undefined) name = /href="([^"]+)\/"/.exec(await (await fetch(url)).text())?.[1];
  const stop = new AbortController();
  const response = await fetch(`${url}${name}/events`, { signal: stop.signal });
  const events = new TextReader(response.body!);
  await events.until(/"node":"-","tag":"[^"]*","text":"hello/);
  return {
    child,
    url,
    page: `${url}${name}/`,
    events,
    async end() {
      await stderr[Symbol.asyncDispose]();
      stop.abort();
      await events[Symbol.asyncDispose]().catch(() => {}); // it was aborted
    },
  };
}

/** Waits until nothing listens where a server was. */
async function isGone(url: string): Promise<void> {
  let gone = false;
  const port = Number(new URL(url).port);
  const look = async () => {
    try {
      (await Deno.connect({ port })).close();
    } catch {
      gone = true;
    }
  };
  let looking = look();
  await eventually("the server is gone", () => {
    looking = looking.then(() => gone ? undefined : look());
    return gone;
  });
  await looking;
}

Deno.test("tine run --serve serves pages that follow the run, and the final page at its end", async () => {
  const out = await Deno.makeTempDir({ prefix: "tine-serve-" });
  try {
    const run = await serving(out);
    Deno.kill(run.child.pid, "SIGINT");
    await run.events.until(/event: end\n/);
    // The server waits for the page to load what there is.
    const final = await (await fetch(run.page)).text();
    assertStringIncludes(final, "canceled");
    assert(!final.includes("new EventSource"));
    const stdout = new TextReader(run.child.stdout);
    assertStringIncludes(await stdout.rest(), out);
    assertEquals((await run.child.status).code, 130);
    await isGone(run.url);
    await run.end();
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("tine run --serve leaves no server behind where it is killed", async () => {
  const out = await Deno.makeTempDir({ prefix: "tine-serve-" });
  try {
    const run = await serving(out);
    Deno.kill(run.child.pid, "SIGKILL");
    await run.child.status;
    await run.end();
    await isGone(run.url);
    await run.child.stdout.cancel();
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("tine report --serve prints its address, and ends by a signal, or with standard input", async () => {
  const out = await Deno.makeTempDir({ prefix: "tine-serve-" });
  try {
    for (const end of ["SIGINT", "SIGTERM", "stdin"] as const) {
      const child = startTine("report", out, "--serve", ...end === "stdin" ? ["--with-stdin"] : []);
      const stdout = new TextReader(child.stdout);
      const [url] = await stdout.until(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/$/m);
      assertStringIncludes(await (await fetch(url)).text(), "There is no run yet");
      if (end === "stdin") await child.stdin.close();
      else child.kill(end);
      assertEquals((await child.status).code, 0);
      await isGone(url);
      await stdout[Symbol.asyncDispose]();
      await child.stderr.cancel();
      if (end !== "stdin") await child.stdin.close().catch(() => {});
    }
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("tine report --serve says what it does not go with, and where it cannot listen", async () => {
  for (
    const [args, code, message] of [
      [["--serve", "-o", "x.html"], 2, "--serve does not go with --out"],
      [["a", "b", "--serve"], 2, "--serve takes one folder of runs"],
      [["--with-stdin"], 2, "--with-stdin means nothing without --serve"],
      [["--listen", "1"], 2, "--listen means nothing without --serve"],
      [["--serve", "--listen", "x"], 2, "--listen HOST:PORT: expected e.g. 127.0.0.1:9000"],
      [
        ["--serve", "--listen", "192.0.2.1:9"],
        1,
        "cannot listen on 192.0.2.1:9: this machine does not have that address",
      ],
    ] as const
  ) {
    const ended = await tine(["report", ...args]);
    assertEquals(ended.code, code, ended.stderr);
    assertStringIncludes(ended.stderr, message);
  }
});
