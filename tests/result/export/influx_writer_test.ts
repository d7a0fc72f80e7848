import { assert, assertEquals, assertMatch } from "@std/assert";
import { Backoff } from "../../../src/base/backoff.ts";
import { InfluxWriter, type InfluxWriterOptions } from "../../../src/result/export/mod.ts";
import { rejection } from "../fixtures.ts";

/** A server that speaks InfluxDB's write API. */
class WriteServer implements AsyncDisposable {
  /** Texts of requests, unpacked, in order. */
  readonly bodies: string[] = [];
  readonly headers: Headers[] = [];
  readonly urls: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param answer to the text of a request, by its number from 1 */
  constructor(answer: (text: string, number: number) => Response | Promise<Response>) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const text = await new Response(request.body!.pipeThrough(new DecompressionStream("gzip"))).text();
      this.bodies.push(text);
      this.headers.push(request.headers);
      this.urls.push(request.url);
      return await answer(text, this.bodies.length);
    });
  }

  writer(options: Partial<InfluxWriterOptions> = {}, path = "/write?db=x"): InfluxWriter {
    const { port } = this.#server.addr;
    const signal = new AbortController().signal;
    const backoff = new Backoff({ firstDelayMs: 1, longestDelayMs: 5, limit: 4 });
    return new InfluxWriter(new URL(`http://127.0.0.1:${port}${path}`), { signal, backoff, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const done = () => new Response(null, { status: 204 });
const refuse = (error: string, status = 400) => Response.json({ error }, { status });
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `m v=${from + i} ${from + i}\n`).join("");
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("InfluxWriter sends 5,000 lines a request, compressed, with the token and nanoseconds", async () => {
  await using server = new WriteServer(done);
  const writer = server.writer({ token: "secret" }, "/api/v2/write?org=o&bucket=b");
  await writer.write(bytes(lines(0, 7000)));
  await writer.write(bytes(lines(7000, 12_001)));
  const { lines: written, refused, requests, retries } = await writer.close();
  assertEquals([written, refused, requests, retries], [12_001, 0, 3, 0]);
  assertEquals(server.bodies.map((text) => text.split("\n").length - 1), [5000, 5000, 2001]);
  assertEquals(server.bodies.join(""), lines(0, 12_001));
  assertEquals(server.headers[0].get("authorization"), "Token secret");
  assertEquals(server.headers[0].get("content-encoding"), "gzip");
  assertMatch(server.urls[0], /\/api\/v2\/write\?org=o&bucket=b&precision=ns$/);
});

Deno.test("InfluxWriter sends few lines after a while, without being closed", async () => {
  const sent = Promise.withResolvers<void>();
  await using server = new WriteServer(() => {
    sent.resolve();
    return done();
  });
  const writer = server.writer({ batchMs: 1 });
  await writer.write(bytes(lines(0, 2)));
  await sent.promise;
  await writer.close();
  assertEquals(server.bodies, [lines(0, 2)]);
  assertEquals(server.headers[0].get("authorization"), null);
});

Deno.test("InfluxWriter takes a line end within a string for a part of its line", async () => {
  await using server = new WriteServer((text) => text.includes("bad") ? refuse("bad one") : done());
  const problems: string[] = [];
  const writer = server.writer({ onProblem: (problem) => problems.push(problem) });
  const line = 'logs,node=a\\ "b,x=\\\\ text="one\ntwo \\" three\\\\\nfour" 1\n';
  await writer.write(bytes(`${line}logs text="bad" 2\n${line}`));
  assertEquals((await writer.close()).lines, 2);
  assertEquals(server.bodies, [`${line}logs text="bad" 2\n${line}`, line, `logs text="bad" 2\n${line}`, ...[
    'logs text="bad" 2\n',
    line,
  ]]);
  assertEquals(problems.map((text) => text.replace(/:\d+/, "")), [
    'http://127.0.0.1/write refuses logs text="bad" 2: bad one',
  ]);
});

Deno.test("InfluxWriter tries again what a server has no time for, after the pause that it asks for", async () => {
  const answers = [
    new Response("{}", { status: 429, headers: { "retry-after": "0" } }),
    refuse("too busy", 503),
    new Response("", { status: 503, headers: { "retry-after": new Date(0).toUTCString() } }),
  ];
  await using server = new WriteServer((_, number) => answers[number - 1] ?? done());
  const problems: string[] = [];
  const writer = server.writer({ onProblem: (problem) => problems.push(problem) });
  await writer.write(bytes(lines(0, 3)));
  const { lines: written, requests, retries } = await writer.close();
  assertEquals([written, requests, retries], [3, 4, 3]);
  assertEquals(new Set(server.bodies), new Set([lines(0, 3)]));
  assertMatch(problems[0], /^http:\/\/127\.0\.0\.1:\d+\/write answers 429: \{\}: trying again in 0 ms$/);
  assertMatch(problems[1], /answers 503: too busy: trying again in \d ms$/);
});

Deno.test("InfluxWriter gives up a server that does not answer, or refuses the token, and says why", async () => {
  await using server = new WriteServer(() => refuse("unauthorized access", 401));
  const writer = server.writer();
  await writer.write(bytes(lines(0, 3)));
  const { code, message } = await rejection(writer.close());
  assertEquals(code, "cannot-send");
  assertMatch(message, /^http:\/\/127\.0\.0\.1:\d+\/write answers 401: unauthorized access$/);
  assertEquals(server.bodies.length, 1);
  assertEquals((await rejection(writer.write(bytes(lines(0, 1))))).message, message);

  const port = await (async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return await Promise.resolve((listener.addr as Deno.NetAddr).port);
  })();
  const backoff = new Backoff({ firstDelayMs: 1, limit: 2 });
  const url = new URL(`http://127.0.0.1:${port}/write?db=x`);
  const nowhere = new InfluxWriter(url, { backoff, signal: new AbortController().signal });
  await nowhere.write(bytes(lines(0, 3)));
  assertMatch((await rejection(nowhere.close())).message, /\/write cannot be reached: .*: given up$/);
  assertEquals([nowhere.counts.requests, nowhere.counts.retries], [3, 2]);
});

Deno.test("InfluxWriter reads the partial writes of InfluxDB 2 and 3, and what 2 refuses as a whole", async () => {
  const conflict = 'input field "v" on measurement "m" is type float, already exists as type integer dropped=2';
  const answers = [
    // InfluxDB 2: some points are written, and it is unprocessable.
    Response.json({
      code: "unprocessable entity",
      message: `failure writing points to database: partial write: field type conflict: ${conflict}`,
    }, { status: 422 }),
    // InfluxDB 3: each line that it refuses.
    Response.json({
      error: "partial write of line protocol occurred",
      data: [
        { original_line: "m v=bad 8", line_number: 2, error_message: "invalid field value" },
        { original_line: "m  9", line_number: 3, error_message: "no fields were provided" },
      ],
    }, { status: 400 }),
    // InfluxDB 2: a line cannot be parsed, and none is written.
    Response.json({ code: "invalid", message: "unable to parse 'm v= 11': missing field value" }, { status: 400 }),
    done(),
    Response.json({ code: "invalid", message: "unable to parse 'm v= 11': missing field value" }, { status: 400 }),
  ];
  await using server = new WriteServer((_, number) => answers[number - 1]);
  const problems: string[] = [];
  const writer = server.writer({ onProblem: (problem) => problems.push(problem) });
  await writer.write(bytes("n v=1 1\nm w=2,v=3 2\nm v=2 3\nn v=1 4\n"));
  await writer.close();
  await writer.write(bytes("m v=1 7\nm v=bad 8\nm  9\n"));
  await writer.close();
  await writer.write(bytes("m v=1 10\nm v= 11\n"));
  assertEquals(await writer.close(), { lines: 4, refused: 5, requests: 5, retries: 0 });
  assertEquals(problems.map((problem) => problem.replace(/^.*?\/write /, "")), [
    `refuses m w=2,v=3 2: failure writing points to database: partial write: field type conflict: ${conflict}`,
    "refuses m v=bad 8: invalid field value",
    "refuses m  9: no fields were provided",
    "refuses m v= 11: unable to parse 'm v= 11': missing field value",
  ]);
});

Deno.test("InfluxWriter reports the lines of a partial write, and does not send them again", async () => {
  const answers = [
    'partial write: field type conflict: input field "v" on measurement "m" is type float, already exists as type ' +
    "integer dropped=1",
    "partial write: unable to parse 'm v= 8': missing field value dropped=0",
  ];
  await using server = new WriteServer((_, number) => refuse(answers[number - 1]));
  const problems: string[] = [];
  const writer = server.writer({ onProblem: (problem) => problems.push(problem) });
  await writer.write(bytes("n v=1 1\nm w=2,v=3 2\nn v=2 3\n"));
  await writer.close();
  await writer.write(bytes("n v=1 7\nm v= 8\n"));
  assertEquals(await writer.close(), { lines: 3, refused: 2, requests: 2, retries: 0 });
  assertEquals(problems.length, 2);
  assertMatch(problems[0], /refuses m w=2,v=3 2: partial write: field type conflict/);
  assertMatch(problems[1], /refuses m v= 8: partial write: unable to parse/);
});

Deno.test("InfluxWriter finds the lines because of which a server refuses all of a request", async () => {
  const isBad = (line: string) => /v=(17|3001) /.test(line);
  await using server = new WriteServer((text) => text.split("\n").some(isBad) ? refuse("unable to parse") : done());
  const problems: string[] = [];
  const writer = server.writer({ onProblem: (problem) => problems.push(problem) });
  await writer.write(bytes(lines(0, 5000)));
  const { lines: written, refused, requests } = await writer.close();
  assertEquals([written, refused], [4998, 2]);
  assert(requests < 60, `${requests}`);
  assertEquals(problems.map((text) => /refuses (.*?):/.exec(text)?.[1]), ["m v=17 17", "m v=3001 3001"]);
});

Deno.test("InfluxWriter holds up its writer while a server is slow", async () => {
  const held: (() => void)[] = [];
  await using server = new WriteServer(() => new Promise((resolve) => held.push(() => resolve(done()))));
  const writer = server.writer();
  let taken = 0;
  const writing = (async () => {
    for (; taken < 4; taken++) await writer.write(bytes(lines(0, 5000)));
  })();
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  // One request is under way, another one is full.
  assertEquals([taken, server.bodies.length], [2, 1]);
  const release = setInterval(() => held.shift()?.(), 1);
  await writing;
  assertEquals((await writer.close()).lines, 20_000);
  clearInterval(release);
});
