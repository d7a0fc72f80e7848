import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import process from "node:process";
import { cannotListen, formatHostPort, type HostPort } from "../../base/address.ts";
import { REFUSAL_REASONS, type ServerTotals } from "../../flow/server_account.ts";

/** Connections at a time, of which a Prometheus has one: of more, the oldest is dropped. */
const MAX_CONNECTIONS = 16;
/** A client has this long to send a request and to read the response, in milliseconds. */
const REQUEST_MS = 5000;
const MAX_HEADER_BYTES = 8 * 1024;

/** The headers of every response: it is for its scraper alone. */
const HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

/** The text format of Prometheus, version 0.0.4. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The source of a server's metrics. */
export interface MetricsSource {
  /** Labels of the build. */
  readonly build: Readonly<Record<string, string>>;
  /** What it has served until now. */
  totals(): ServerTotals;
}

/** A value, and the labels that it has beside the name of its metric. */
type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

/**
 * Returns the metrics of a server in the text format of Prometheus.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/, text-based format, and
 * https://prometheus.io/docs/instrumenting/writing_clientlibs/, process metrics
 *
 * @example
 * ```ts
 * import { ServerAccount } from "../../flow/server_account.ts";
 * import { metricsText } from "./metrics.ts";
 * const account = new ServerAccount();
 * const text = metricsText({ build: { version: "1.0.0" }, totals: () => account.totals });
 * console.assert(text.includes('\ntine_bytes_total{direction="in"} 0\n'));
 * ```
 */
export function metricsText({ build, totals }: MetricsSource): string {
  const now = totals();
  const { user, system } = process.cpuUsage();
  const directions = (received: number, sent: number): Sample[] => [
    [received, { direction: "in" }],
    [sent, { direction: "out" }],
  ];
  return [
    metric("tine_build_info", "gauge", "What this is; its value is always 1.", [[1, build]]),
    metric("tine_flows_active", "gauge", "Flows that run.", [[now.flowsActive]]),
    metric("tine_flows_total", "counter", "Flows that were taken, those that run included.", [[now.flows]]),
    metric("tine_flows_incomplete_total", "counter", "Flows that are over and did not come to their end.", [
      [now.flowsIncomplete],
    ]),
    metric(
      "tine_bytes_total",
      "counter",
      "Payload of TCP and UDP that flows have received (in) and sent (out), those that run included.",
      directions(now.bytesIn, now.bytesOut),
    ),
    metric(
      "tine_packets_total",
      "counter",
      "Packets of UDP that flows have received (in) and sent (out), each counted once.",
      directions(now.packetsIn, now.packetsOut),
    ),
    metric("tine_packets_dropped_total", "counter", "Packets of UDP that were dropped, by limit of their flow.", [
      [now.packetsOverRate, { reason: "max-rate" }],
    ]),
    metric(
      "tine_refusals_total",
      "counter",
      "Flows that were refused, by reason.",
      REFUSAL_REASONS.map((reason): Sample => [now.refusals[reason], { reason }]),
    ),
    metric("process_start_time_seconds", "gauge", "When the process started, since 1970.", [
      [Math.round(performance.timeOrigin) / 1000],
    ]),
    metric("process_cpu_seconds_total", "counter", "Computing time of the process.", [[(user + system) / 1e6]]),
    metric("process_resident_memory_bytes", "gauge", "Memory of the process.", [[Deno.memoryUsage().rss]]),
  ].join("");
}

function metric(name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([value, labels]) => `${name}${labelText(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function labelText(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/**
 * Ends connections that last too long, and the oldest of too many.
 *
 * The runtime has no timeout for requests, and refuses new connections at the limit: a few idle clients would keep out
 * all others.
 */
function limitConnections(server: Server, ms: number): void {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    const [oldest] = open;
    if (open.size >= MAX_CONNECTIONS) {
      open.delete(oldest);
      oldest.destroy();
    }
    open.add(socket);
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.once("close", () => {
      clearTimeout(timer);
      open.delete(socket);
    });
  });
}

/** Serves metrics by HTTP at the path `/metrics`, and nothing else. */
export class MetricsServer implements AsyncDisposable {
  /** Where they are: `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  readonly #server: Server;
  readonly #source: MetricsSource;

  private constructor(server: Server, source: MetricsSource, address: HostPort) {
    this.#server = server;
    this.#source = source;
    this.url = `http://${formatHostPort(address)}/metrics`;
  }

  /**
   * Starts to listen.
   *
   * @param listen port 0 is any free one
   * @param options `requestMs`: how long a client has to send a request and to read the response, in milliseconds
   * @throws {TineError} `cannot-listen`
   */
  static async start(
    listen: HostPort,
    source: MetricsSource,
    { requestMs = REQUEST_MS }: { readonly requestMs?: number } = {},
  ): Promise<MetricsServer> {
    const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES });
    limitConnections(server, requestMs);
    const { hostname, port } = listen;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(cannotListen(listen, error, " for metrics")));
      server.listen(port, hostname, resolve);
    });
    const bound = server.address() as { port: number };
    const metrics = new MetricsServer(server, source, { hostname, port: bound.port });
    server.on("request", (request, response) => metrics.#answer(request, response));
    return metrics;
  }

  /** Ends the server, and all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer({ method, url = "" }: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    // What follows the header of a request is not read: the connection ends with the response.
    response.setHeader("Connection", "close");
    const send = (status: number, text: string, type = "text/plain; charset=utf-8") => {
      response.statusCode = status;
      response.setHeader("Content-Type", type);
      response.setHeader("Content-Length", new TextEncoder().encode(text).length);
      response.end(method === "HEAD" ? undefined : text);
    };
    if (method !== "GET" && method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return send(405, "this server answers GET and HEAD\n");
    }
    if (url.split("?", 1)[0] !== "/metrics") return send(404, "metrics are at /metrics\n");
    send(200, metricsText(this.#source), CONTENT_TYPE);
  }
}
