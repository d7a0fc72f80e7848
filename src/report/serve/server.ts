import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { cannotListen, formatHostPort, type HostPort } from "../../base/address.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { listRuns, openResults, type RunResults, testsOf } from "../../result/mod.ts";
import { isUnderWay } from "../../result/run_lock.ts";
import { RECORD_FILE } from "../../result/read_records.ts";
import { RUN_FILE, TEST_FILE, WORK_SUFFIX } from "../../result/summary.ts";
import { type IndexRow, sparkOf } from "../page/index_table.ts";
import { runPage } from "../page/run_page.ts";
import { testFigures } from "../page/test_figures.ts";
import { testPage } from "../page/test_page.ts";
import { readTestReport } from "../test_report.ts";
import { checkHttpRequest, HEADERS, makeToken } from "./http_guard.ts";
import { LiveRun } from "./live_run.ts";
import { indexPage, type ListedRun, livePage } from "./pages.ts";

/** Connections at a time: a page has two, one of which follows a run. */
const MAX_CONNECTIONS = 64;
/** Pages that follow something, at a time. */
const MAX_FOLLOWERS = 32;
/** A client has this long to send a request, in milliseconds. */
const REQUEST_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

/** What is served, and where. */
export interface ReportServerOptions {
  /** A folder of runs, which may not be there yet, or a run. */
  readonly path: string;
  /** Port 0 is any free one. */
  readonly listen: HostPort;
  /** Reports what could not be served, a sentence each. */
  report(message: string): void;
}

/**
 * Serves the pages of runs, and follows the run that is under way: only GET, only with a random token in the path, and
 * only under a name of this machine.
 *
 * @example
 * ```ts ignore
 * import { ReportServer } from "./server.ts";
 *
 * const listen = { hostname: "127.0.0.1", port: 0 };
 * await using server = await ReportServer.start({ path: "results", listen, report: console.error });
 * console.log(server.url);
 * ```
 */
export class ReportServer implements AsyncDisposable {
  /** The address of the list of runs, with the token. */
  readonly url: string;
  readonly #options: ReportServerOptions;
  readonly #server: Server;
  readonly #token: string;
  readonly #live = new Map<string, LiveRun>();
  readonly #pages = new PageCache();

  private constructor(options: ReportServerOptions, server: Server, token: string, port: number) {
    this.#options = options;
    this.#server = server;
    this.#token = token;
    this.url = `http://${formatHostPort({ ...options.listen, port })}/${token}/`;
  }

  /**
   * Starts to listen.
   *
   * @throws {TineError} `cannot-listen`
   */
  static async start(options: ReportServerOptions): Promise<ReportServer> {
    const server = createServer({
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    server.maxConnections = MAX_CONNECTIONS;
    const { hostname, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(cannotListen(options.listen, error)));
      server.listen(port, hostname, resolve);
    });
    const address = server.address() as { port: number };
    const reports = new ReportServer(options, server, makeToken(), address.port);
    server.on("request", (request, response) => void reports.#answer(request, response));
    return reports;
  }

  /**
   * Waits until the runs that pages follow have ended, and these pages have been loaded anew.
   *
   * @param ms the longest wait, in milliseconds
   */
  async drained(ms: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([late, Promise.all(this.#live.values().map(({ settled }) => settled))]);
    clearTimeout(timer);
  }

  /** Ends the server, and all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const run of this.#live.values()) run[Symbol.dispose]();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const path = checkHttpRequest(request, this.#token, this.#options.listen.hostname);
    if ("status" in path) return refuse(response, path.status, path.text, path.headers);
    try {
      await this.#route(path, request, response);
    } catch (error) {
      if (error instanceof TineError && error.code === "no-results") return refuse(response, 404, error.message);
      this.#options.report(messageOf(error));
      refuse(response, 500, messageOf(error));
    }
  }

  async #route(path: readonly string[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [first, second, third] = path;
    const isHead = request.method === "HEAD";
    if (path.length === 1 && first === "") return sendPage(response, await this.#index(), isHead);
    const run = await this.#run(first);
    if (run === undefined) return refuse(response, 404, "there is no such run");
    if (path.length === 2 && second === "events") return await this.#events(run, response, isHead);
    const live = await this.#liveRun(run);
    if (path.length === 2 && second === "") {
      if (live !== undefined) return sendPage(response, await livePage(nameOf(run)), isHead);
      const page = await this.#finalPage(run);
      const over = this.#live.get(keyOf(run));
      if (over !== undefined) response.once("finish", () => over.loaded());
      return sendPage(response, page, isHead);
    }
    if (path.length === 3 && third === "") {
      const entry = run.summary.tests.find(({ folder }) => folder === second);
      if (entry === undefined) return refuse(response, 404, "there is no such test");
      // Its page follows the run.
      if (entry.status === "running" && live !== undefined) return redirect(response, "../");
      return sendPage(response, await this.#testPage(run, entry.folder, "../../"), isHead);
    }
    refuse(response, 404, "there is nothing here");
  }

  /** Has a page follow a run. */
  async #events(run: RunResults, response: ServerResponse, isHead: boolean): Promise<void> {
    const live = await this.#liveRun(run) ?? this.#live.get(keyOf(run));
    if (live === undefined) return refuse(response, 404, "this run is not under way");
    const followers = this.#live.values().reduce((sum, { pages }) => sum + pages, 0);
    if (followers >= MAX_FOLLOWERS) return refuse(response, 503, `${followers} pages follow runs already`);
    if (isHead) response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" }).end();
    else live.follow(response);
  }

  /** The runs by name, the newest first, and why others are left out. */
  async #runs(): Promise<{ runs: RunResults[]; damaged: string[] }> {
    const { path } = this.#options;
    try {
      const results = await openResults(path);
      if (results.kind === "run") return { runs: [results], damaged: [] };
    } catch (error) {
      // A folder without any run is one that waits for its first.
      if (!(error instanceof TineError)) throw error;
    }
    try {
      const { runs, damaged } = await listRuns(path);
      return { runs: [...runs].reverse(), damaged: damaged.map(({ message }) => message) };
    } catch (error) {
      if (error instanceof TineError && error.cause instanceof Deno.errors.NotFound) return { runs: [], damaged: [] };
      throw error;
    }
  }

  /** Finds a run by its name: a path in the address leads nowhere. */
  async #run(name: string): Promise<RunResults | undefined> {
    return (await this.#runs()).runs.find((run) => nameOf(run) === name);
  }

  /** What follows a run; undefined where it is not under way. */
  async #liveRun(run: RunResults): Promise<LiveRun | undefined> {
    const key = keyOf(run);
    const known = this.#live.get(key);
    if (known !== undefined) return known.ended ? undefined : known;
    if (run.complete || !await isUnderWay(run.path)) return undefined;
    const live = this.#live.get(key) ?? new LiveRun(run.path, this.#options.report);
    this.#live.set(key, live);
    return live;
  }

  async #index(): Promise<string> {
    const { runs, damaged } = await this.#runs();
    const listed = await Promise.all(
      runs.slice(0, MAX_RUNS).map(async (run): Promise<ListedRun> => ({
        name: nameOf(run),
        run,
        live: !run.complete && await isUnderWay(run.path),
      })),
    );
    return await indexPage(this.#options.path, listed, runs.length - listed.length, damaged);
  }

  /** The page of a run that is not under way: of one with a single test, that of the test. */
  async #finalPage(run: RunResults): Promise<string> {
    const { tests } = run.summary;
    if (tests.length === 1) return await this.#testPage(run, tests[0].folder, "../");
    return await this.#pages.get(run.path, await versionOf(`${run.path}/${RUN_FILE}`), async () => {
      const rows: IndexRow[] = [];
      for (const entry of tests) {
        try {
          for await (const test of testsOf(run, [entry])) {
            const { flows, timePlots, gates } = await readTestReport(test, { only: SPARK });
            const href = `${encodeURIComponent(entry.folder)}/`;
            rows.push({ href, summary: test.summary, figures: testFigures(flows), gates, spark: sparkOf(timePlots) });
          }
        } catch (error) {
          // One that is damaged is no obstacle to the others.
          if (!(error instanceof TineError)) throw error;
          this.#options.report(error.message);
        }
      }
      return await runPage({ title: run.summary.plan, run, rows, sections: [], script: true });
    });
  }

  /** @param up where the page leads back to */
  async #testPage(run: RunResults, folder: string, up: string): Promise<string> {
    const path = `${run.path}/${folder}`;
    const version = `${await versionOf(`${path}/${RECORD_FILE}`)} ${await versionOf(`${path}/${TEST_FILE}`)}`;
    return await this.#pages.get(`${path} ${up}`, version, async () => {
      const test = await openResults(path);
      if (test.kind !== "test") throw new TineError("no-results", `${path} is not the folder of a test`);
      return await testPage(await readTestReport(test, { run: nameOf(run) }), { index: { title: "Runs", href: up } });
    });
  }
}

/** The plots of which a run's page has a small picture. */
const SPARK: ReadonlySet<string> = new Set(["rtt", "goodput"]);

/** Runs of a list: the last ones. */
const MAX_RUNS = 500;

/** The name of a run, which stays when it is complete. */
function nameOf({ name }: RunResults): string {
  return name.endsWith(WORK_SUFFIX) ? name.slice(0, -WORK_SUFFIX.length) : name;
}

/** The key of a run, which stays when its folder is renamed. */
function keyOf(run: RunResults): string {
  return `${run.summary.started} ${nameOf(run)}`;
}

/** The version of a file: it changes when the file does. */
async function versionOf(path: string): Promise<string> {
  try {
    const { size, mtime } = await Deno.stat(path);
    return `${size}:${mtime?.getTime()}`;
  } catch {
    return "none"; // what is wrong is in the page
  }
}

function sendPage(response: ServerResponse, page: string, isHead: boolean): void {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  if (isHead) response.end();
  else response.end(page);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { Location: location }).end();
}

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", ...headers }).end(`${text}\n`);
}

/** Pages take no more memory than this, in characters. */
const MAX_CHARACTERS = 64 * 2 ** 20;

/** Keeps pages that were made, the last ones that were asked for. */
class PageCache {
  readonly #pages = new Map<string, { readonly version: string; readonly text: string }>();
  readonly #making = new Map<string, Promise<string>>();
  /** Pages are made one after the other: each may take the memory of a large test. */
  #last: Promise<unknown> = Promise.resolve();
  #size = 0;

  /**
   * Returns a page.
   *
   * @param key what it is about
   * @param version of what it is made from; another one has it made anew
   * @param make makes it; requests meanwhile get the same one
   * @throws what `make` throws
   */
  async get(key: string, version: string, make: () => Promise<string>): Promise<string> {
    const kept = this.#pages.get(key);
    if (kept?.version === version) {
      // Pages are thrown away in the order in which they were last asked for.
      this.#pages.delete(key);
      this.#pages.set(key, kept);
      return kept.text;
    }
    const making = `${key}\n${version}`;
    let page = this.#making.get(making);
    if (page === undefined) {
      page = this.#last.then(make);
      this.#last = page.catch(() => {});
      this.#making.set(making, page);
      page.then((text) => this.#keep(key, version, text), () => {}).finally(() => this.#making.delete(making));
    }
    return await page;
  }

  #keep(key: string, version: string, text: string): void {
    this.#remove(key);
    this.#pages.set(key, { version, text });
    this.#size += text.length;
    for (const oldest of this.#pages.keys()) {
      if (this.#size <= MAX_CHARACTERS || oldest === key) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    this.#size -= this.#pages.get(key)?.text.length ?? 0;
    this.#pages.delete(key);
  }
}
