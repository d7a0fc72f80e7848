import { TineError } from "../../wire/errors.ts";
import type { StreamClientConfig } from "../config.ts";
import type { FlowOptions } from "../flows.ts";
import { Hmac } from "../hmac.ts";
import { parseDialAddress } from "../host_port.ts";
import { bitsPerSecond } from "../stream/io_meter.ts";
import { CONNECT_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from "../stream/limits.ts";
import { type Greeting, GreetingReader, signRequest } from "../stream/wire.ts";
import { acceptedBy, checkReport, requestOf, type StreamReport } from "../stream/words.ts";
import { Connection } from "./connection.ts";
import { checkFamily } from "./family.ts";
import { networkError } from "./network_error.ts";
import { nowNanos, wallNanos } from "./now.ts";
import { PortableSamples } from "./portable_samples.ts";
import { checkPortable, portableStreamInfo } from "./stream_setup.ts";
import { receiveStream, sendStream } from "./stream_transfer.ts";

/** Runs a TCP flow to its end over Deno's own network API; see Flows. */
export async function portableStreamClient(
  addr: string,
  config: StreamClientConfig,
  { events, signal, key }: FlowOptions,
): Promise<Record<string, number>> {
  const request = requestOf(config);
  const upload = request.direction === "upload";
  checkPortable(request, upload);
  const hmac = key === undefined ? undefined : new Hmac(key);
  const tinitNanos = nowNanos(), tinit = wallNanos();
  using connection = await connect(addr, config, signal);
  using samples = new PortableSamples(events);
  const onAbort = () => connection.fail(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const greeting = await patiently(connection, "greeting", readGreeting(connection));
    await connection.say(signRequest(request, greeting, hmac, connection.name));
    acceptedBy(connection.name, (await patiently(connection, "answer", connection.readFrame())).value);
    events.info(portableStreamInfo(connection, request, { server: false, tinit }));
    const transfer = upload ? sendStream : receiveStream;
    const { bytes, durationNanos, ...more } = await transfer({ connection, request, events, samples, tinitNanos });
    const fctNanos = Math.round(nowNanos() - tinitNanos);
    let report: StreamReport = {};
    if (!upload) report = checkReport((await patiently(connection, "report", connection.readFrame())).value);
    const goodputBitsPerSecond = bitsPerSecond(bytes, durationNanos);
    const values = { bytes, durationNanos, goodputBitsPerSecond, fctNanos, ...more, ...report };
    events.progress(request.flow, values);
    return values;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function connect(addr: string, config: StreamClientConfig, signal: AbortSignal): Promise<Connection> {
  const { host: hostname, port } = parseDialAddress(addr);
  checkFamily(hostname, config.protocol);
  const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  let conn;
  try {
    conn = await Deno.connect({ hostname, port, signal: AbortSignal.any([signal, timeout]) });
  } catch (error) {
    signal.throwIfAborted();
    if (!timeout.aborted) throw networkError(error, `connect to ${addr}`);
    const seconds = CONNECT_TIMEOUT_MS / 1000;
    throw new TineError("connection-timeout", `connect to ${addr}: no answer for ${seconds} s`);
  }
  return new Connection(conn, addr);
}

async function readGreeting(connection: Connection): Promise<Greeting> {
  const reader = new GreetingReader(connection.name);
  for (;;) {
    const greeting = reader.filled(await connection.read(reader.room));
    if (greeting !== undefined) return greeting;
  }
}

function patiently<T>(connection: Connection, what: string, promise: Promise<T>): Promise<T> {
  return connection.within(HANDSHAKE_TIMEOUT_MS, promise, () => {
    const seconds = HANDSHAKE_TIMEOUT_MS / 1000;
    return new TineError(
      "no-answer",
      `${connection.name} gave no ${what} of a tine server of TCP flows for ${seconds} s`,
    );
  });
}
