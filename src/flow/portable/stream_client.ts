import { TineError } from "../../base/errors.ts";
import type { StreamClientConfig } from "../config.ts";
import type { FlowOptions } from "../flows.ts";
import { Hmac } from "../hmac.ts";
import type { SenderReport, StreamReport } from "../report.ts";
import { parseDialAddress } from "../../base/address.ts";
import { goodput } from "../stream/io_meter.ts";
import { CONNECT_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from "../stream/limits.ts";
import { checkGreeting, encodeFrame, type Greeting, GreetingReader } from "../stream/wire.ts";
import { acceptedBy, checkReport, requestAt, requestOf } from "../stream/messages.ts";
import { Connection } from "./connection.ts";
import { checkFamily, networkError } from "./network_error.ts";
import { nowNanos, wallNanos } from "./now.ts";
import { PortableSamples } from "./portable_samples.ts";
import { checkPortable, portableStreamInfo } from "./stream_setup.ts";
import { receiveStream, sendStream } from "./stream_transfer.ts";

/** Runs a TCP flow to its end over Deno's own network API; see Flows. */
export async function portableStreamClient(
  addr: string,
  config: StreamClientConfig,
  { events, signal, key }: FlowOptions,
): Promise<StreamReport> {
  const request = requestOf(config);
  const upload = request.direction === "upload";
  const own = requestAt("client", request);
  checkPortable(own, upload);
  const hmac = key === undefined ? undefined : new Hmac(key);
  const tinitNanos = nowNanos(), tinit = wallNanos();
  using connection = await connect(addr, config, signal);
  using samples = new PortableSamples(events);
  const onAbort = () => connection.fail(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    let nonce: Greeting["nonce"] | undefined;
    let keyProofNanos: number | undefined;
    if (hmac !== undefined) {
      const connectedAt = nowNanos();
      ({ nonce } = await readGreeting(connection, true));
      keyProofNanos = Math.round(nowNanos() - connectedAt);
    }
    const proof = hmac === undefined ? undefined : { hmac, nonce: nonce! };
    await connection.say(encodeFrame(requestAt("server", request), proof));
    const accepted = (async () => {
      if (hmac === undefined) await readGreeting(connection, false);
      acceptedBy(connection.name, (await patiently(connection, "answer", connection.readFrame())).value);
      events.info(portableStreamInfo(connection, request, { server: false, tinit }));
    })();
    const context = { connection, request: own, events, samples, tinitNanos };
    if (!upload) await accepted;
    const { bytes, durationNanos, ...more } = upload
      ? await sendStream({ ...context, accepted }).catch(async (error) => {
        // Why the server has closed may be there to be read.
        await accepted;
        throw error;
      })
      : await receiveStream(context);
    // What proves the key is tine's, and no part of the flow.
    const fctNanos = Math.round(nowNanos() - tinitNanos) - (keyProofNanos ?? 0);
    let report: SenderReport = {};
    if (!upload) report = checkReport((await patiently(connection, "report", connection.readFrame())).value);
    const goodputBitsPerSecond = goodput(bytes, durationNanos, (report.minRttMicros ?? 0) * 1000);
    const result: StreamReport = {
      kind: "stream",
      ...{ bytes, durationNanos, goodputBitsPerSecond, fctNanos },
      ...keyProofNanos === undefined ? {} : { keyProofNanos },
      ...more,
      ...report,
    };
    events.progress(request.flow, result);
    return result;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function connect(addr: string, config: StreamClientConfig, signal: AbortSignal): Promise<Connection> {
  const { hostname, port } = parseDialAddress(addr);
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

function readGreeting(connection: Connection, hasKey: boolean): Promise<Greeting> {
  const reader = new GreetingReader(connection.name);
  const read = async () => {
    for (;;) {
      const greeting = reader.filled(await connection.read(reader.room));
      if (greeting === undefined) continue;
      checkGreeting(greeting, hasKey, connection.name);
      return greeting;
    }
  };
  return patiently(connection, "greeting", read());
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
