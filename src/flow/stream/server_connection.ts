import { bitsPerSecond } from "../../base/units.ts";
import { READABLE } from "../../sys/poller.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import type { FlowHost, Scope } from "../engine/engine_flow.ts";
import type { Hmac } from "../hmac.ts";
import { AccountedFlow, type ServerAccount } from "../server_account.ts";
import {
  beginFlow,
  checkClient,
  checkDuration,
  durationText,
  isOpenEnded,
  limitsForClient,
  limitValues,
  overtimeMs,
  refusalReason,
  type ServingLimits,
} from "../serving_limits.ts";
import { encodeSenderReport } from "../report_values.ts";
import { goodput } from "./io_meter.ts";
import { HANDSHAKE_TIMEOUT_MS, LINGER_MS, STALL_TIMEOUT_MS } from "./limits.ts";
import { Pace } from "./pacing.ts";
import { StreamPeer } from "./stream_peer.ts";
import type { StreamPort, StreamPorts } from "./stream_port.ts";
import { receiveStream } from "./stream_receiver.ts";
import { sendStream } from "./stream_sender.ts";
import { streamInfo, type Transfer, type TransferResult, warmupEnd } from "./transfer.ts";
import { encodeGreeting, type Greeting, newGreeting, type StreamFrame } from "./wire.ts";
import { checkRequest, requestAt, type StreamAnswer, type StreamRequest } from "./messages.ts";
import {
  asksForTransactions,
  checkTransactionRequest,
  socketRequest,
  type TransactionReceipt,
  type TransactionRequest,
} from "../transaction/messages.ts";
import { ConnectionServer, ExchangeServer, type ServedTransactions } from "../transaction/stream_server.ts";

const MILLISECOND = 1e6;
/** How long a server that wants no key waits with its greeting for a request, in milliseconds. */
const GREETING_WAIT_MS = 5;
/** How much of what comes too late is read at once and thrown away. */
const LINGER_READ_BYTES = 1024 * 1024;

/** What all connections of a server share. */
export interface ServerContext {
  readonly host: FlowHost;
  readonly ports: StreamPorts;
  /** Undefined: no key is wanted. */
  readonly hmac: Hmac | undefined;
  readonly limits: ServingLimits;
  readonly account: ServerAccount;
}

/** What a server does for its connections. */
export interface ServerConnectionHooks {
  /** Called when the request of the client was accepted. */
  onAccepted(): void;
  /** Called when the connection is closed. */
  onClosed(): void;
  /** Takes a line about what went wrong. */
  log(text: string): void;
}

/** A client of a server, from its connection to its end. */
export class ServerConnection {
  readonly #host: FlowHost;
  readonly #ports: StreamPorts;
  readonly #scope: Scope;
  readonly #peer: StreamPeer;
  readonly #hmac: Hmac | undefined;
  readonly #limits: ServingLimits;
  readonly #account: ServerAccount;
  readonly #hooks: ServerConnectionHooks;
  readonly #greeting: Greeting;
  readonly #tinitNanos: number;
  readonly #tinit: bigint;
  #greeted = false;
  #request: StreamRequest | TransactionRequest | undefined;
  #transfer: Transfer | undefined;
  #transactions: ServedTransactions | undefined;
  /** Counts the flow, once it was accepted. */
  #accounted: AccountedFlow | undefined;
  /** It has lasted as long as it may, and would go on. */
  #limited = false;
  /** Whether all messages were written: then closing sends the rest, and resets nothing. */
  #finished = false;
  #closed = false;

  constructor(
    { host, ports, hmac, limits, account }: ServerContext,
    port: StreamPort,
    hooks: ServerConnectionHooks,
  ) {
    this.#host = host;
    this.#ports = ports;
    this.#hmac = hmac;
    this.#limits = limits;
    this.#account = account;
    this.#hooks = hooks;
    this.#tinitNanos = host.now();
    this.#tinit = ports.wallNanos();
    this.#peer = new StreamPeer(port, `client ${port.remote}`);
    this.#greeting = newGreeting(hmac !== undefined);
    this.#scope = host.scope((error) => this.#fail(error));
  }

  /** When it was taken, as {@linkcode FlowHost.now} had it. */
  get openedAt(): number {
    return this.#tinitNanos;
  }

  /** Greets the client, and goes on from there. */
  start(): void {
    try {
      // Messages are short, and must not wait until earlier ones are acknowledged.
      this.#peer.port.setNoDelay(true);
      // A client that has a key can send nothing before. Others have their request on the way: then greeting and answer
      // go out together, and take no segment of their own from the transfer's first window.
      if (this.#hmac !== undefined) this.#greet();
      const late = this.#patience(GREETING_WAIT_MS, () => this.#greet());
      const patience = this.#patience(HANDSHAKE_TIMEOUT_MS, () => {
        throw new TineError("no-request", `${this.#peer.name} sent no request for ${HANDSHAKE_TIMEOUT_MS / 1000} s`);
      });
      const watch = this.#peer.port.watch(this.#scope, READABLE, () => {
        const frame = this.#peer.readFrame();
        if (frame === undefined) return;
        late.clear();
        patience.clear();
        watch.close();
        this.#greet(true);
        this.#answer(frame);
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param more the answer follows at once */
  #greet(more = false): void {
    if (this.#greeted) return;
    this.#greeted = true;
    this.#peer.send(encodeGreeting(this.#greeting), more);
  }

  /** Brings the account of the server up to date. */
  count(): void {
    const bytes = this.#transfer?.soFar.bytes ?? 0;
    const isUpload = this.#request !== undefined && "direction" in this.#request &&
      this.#request.direction === "upload";
    this.#accounted?.moved(this.#transactions?.moved ?? (isUpload ? { bytesIn: bytes } : { bytesOut: bytes }));
  }

  /** Counts the end of the flow: others may have its place. */
  #endFlow(complete: boolean): void {
    this.count();
    this.#accounted?.end(complete);
  }

  /** Closes it, whatever it is doing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endFlow(false);
    this.#scope.close();
    const { port } = this.#peer;
    this.#transfer?.stop();
    this.#transactions?.close();
    if (this.#transactions !== undefined && !this.#finished) {
      this.#host.progress(this.#request!.flow, this.#transactions.report(false));
    }
    if (this.#transfer !== undefined && !this.#finished) {
      this.#reportIncomplete(this.#transfer);
      // Else the kernel would go on sending what a canceled transfer has left with it.
      port.reset();
    } else port.close();
    this.#hooks.onClosed();
  }

  /** Reports a transfer that has not come to its end. */
  #reportIncomplete({ soFar: { bytes, durationNanos } }: Transfer): void {
    const goodputBitsPerSecond = bitsPerSecond(bytes, durationNanos);
    const figures = { bytes, durationNanos, goodputBitsPerSecond };
    this.#host.progress(this.#request!.flow, { kind: "servedStream", complete: false, ...figures });
  }

  #answer(frame: StreamFrame): void {
    let request: StreamRequest | TransactionRequest;
    try {
      request = this.#accept(frame);
      checkClient(this.#account, this.#peer.port.remote.host);
      beginFlow(this.#limits, this.#account);
      this.#accounted = new AccountedFlow(this.#account);
      if ("transactions" in request) this.#transactions = this.#serverOf(request);
    } catch (error) {
      this.#endFlow(false);
      this.#refuse(error);
      return;
    }
    this.#request = request;
    this.#hooks.onAccepted();
    this.#limitDuration(request);
    if ("transactions" in request) this.#exchange(this.#transactions!, request);
    else this.#begin(request);
  }

  /** Ends the flow in order when it has lasted as long as it may, and a client that does not care for that a while later. */
  #limitDuration(request: StreamRequest | TransactionRequest): void {
    const { durationMs } = this.#limits;
    if (durationMs === undefined) return;
    const isTransfer = "direction" in request, sends = isTransfer && request.direction === "download";
    if (!isTransfer || isOpenEnded(request.durationMs)) {
      this.#patience(durationMs, () => {
        if (this.#finished) return;
        this.#limited = true;
        this.#hooks.log(`flow ${request.flow} of ${this.#peer.name} is to end now: ${durationText(this.#limits)}`);
        if (sends) this.#transfer!.finish();
      });
    }
    // What a server has sent may take its time to be received.
    this.#patience(durationMs + (sends ? STALL_TIMEOUT_MS : overtimeMs(durationMs)), () => {
      if (this.#finished) return;
      throw new TineError("over-max-duration", `${this.#peer.name} goes on although ${durationText(this.#limits)}`);
    });
  }

  #serverOf(request: TransactionRequest): ServedTransactions {
    const context = {
      host: this.#host,
      ports: this.#ports,
      scope: this.#scope,
      peer: this.#peer,
      request,
      limits: this.#limits,
      onDone: (receipt: TransactionReceipt) => {
        this.#endFlow(true);
        this.#peer.sendFrame(receipt);
        this.#host.progress(request.flow, this.#transactions!.report(true));
        this.#linger();
      },
    };
    return request.transactions.connect ? new ConnectionServer(context) : new ExchangeServer(context);
  }

  #exchange(transactions: ServedTransactions, request: TransactionRequest): void {
    const { requestBytes, responseBytes, connect } = request.transactions;
    this.#host.info({
      type: "transactionInfo",
      flow: request.flow,
      server: true,
      tinit: this.#tinit,
      values: {
        engine: this.#ports.kind,
        transport: "tcp",
        connect,
        client: this.#peer.port.remote.toString(),
        server: this.#peer.port.local.toString(),
        requestBytes,
        responseBytes,
        ...limitValues(this.#limits),
      },
    });
    const port = transactions instanceof ConnectionServer ? { port: transactions.port } : {};
    this.#peer.sendFrame({ ok: true, ...port, limits: limitsForClient(this.#limits) } satisfies StreamAnswer);
    transactions.start();
  }

  #begin(request: StreamRequest): void {
    const { kind } = this.#ports;
    const warmupEndNanos = warmupEnd(request, this.#host.now() - this.#tinitNanos);
    const info = { engine: kind, server: true, tinit: this.#tinit, warmupEndNanos, limits: this.#limits };
    this.#host.info(streamInfo(this.#peer.port, request, info));
    const upload = request.direction === "upload";
    this.#peer.sendFrame({ ok: true, limits: limitsForClient(this.#limits) } satisfies StreamAnswer, !upload);
    const start = upload ? receiveStream : sendStream;
    this.#transfer = start({
      host: this.#host,
      scope: this.#scope,
      fail: (error) => this.#fail(error),
      peer: this.#peer,
      request,
      server: true,
      limits: this.#limits,
      tinitNanos: this.#tinitNanos,
      warmupEndNanos,
    }, (result) => this.#finish(request, result));
  }

  #accept(frame: StreamFrame): StreamRequest | TransactionRequest {
    if (this.#hmac !== undefined && !frame.verify(this.#hmac, this.#greeting.nonce)) {
      throw new TineError("wrong-key", `the key of ${this.#peer.name} is missing or wrong`);
    }
    if (asksForTransactions(frame.value)) {
      const request = checkTransactionRequest(frame.value);
      this.#peer.port.setUp(requestAt("server", socketRequest(request)));
      return request;
    }
    const request = requestAt("server", checkRequest(frame.value));
    checkDuration(this.#limits, request.durationMs);
    this.#peer.port.setUp(request);
    const { bitsPerSecond } = this.#limits, { kernel } = this.#peer.port;
    if (bitsPerSecond !== undefined) {
      // Its own sender keeps to the limit, whatever the client has set; what it receives, it reads no faster.
      const unreadBytes = Math.max(MIN_UNREAD_BYTES, Math.ceil(bitsPerSecond / 8 * UNREAD_SECONDS));
      if (request.direction === "download") kernel?.limitRate(Pace.within(this.#limits, request)!.bytesPerSecond);
      else if (unreadBytes <= MAX_UNREAD_BYTES) kernel?.limitUnread(unreadBytes);
    }
    return request;
  }

  #refuse(error: unknown): void {
    // Faults of this program are not sent to clients.
    if (!(error instanceof TineError)) throw error;
    const { code, message } = error;
    this.#account.refuse(refusalReason(code));
    this.#peer.sendFrame({ ok: false, code, message } satisfies StreamAnswer);
    this.#hooks.log(`${this.#peer.name} was refused: ${message}`);
    this.#linger();
  }

  #finish(request: StreamRequest, { bytes, durationNanos, report }: TransferResult): void {
    this.#endFlow(true);
    const ended = this.#limited && bytes < (request.lengthBytes ?? Infinity) ? { endedByServer: true } : {};
    if (request.direction === "download") this.#peer.sendFrame({ ...encodeSenderReport(report), ...ended });
    const goodputBitsPerSecond = goodput(bytes, durationNanos, (report.minRttMicros ?? 0) * 1000);
    const figures = { bytes, durationNanos, goodputBitsPerSecond, ...report };
    this.#host.progress(request.flow, { kind: "servedStream", complete: true, ...figures });
    this.#linger();
  }

  /** Waits until the client has closed: the end that closes first has to remember the connection for a minute. */
  #linger(): void {
    this.#finished = true;
    const { port } = this.#peer;
    const patience = this.#patience(LINGER_MS, () => this.close());
    const watch = port.watch(this.#scope, READABLE, () => {
      try {
        // A client that was refused may have sent: unread bytes would reset the connection, and the reason be lost.
        if (port.discard(LINGER_READ_BYTES) !== 0) return;
      } catch {
        // The client has reset the connection, which is an end as well.
      }
      patience.clear();
      watch.close();
      this.close();
    });
  }

  /** Returns how far a transfer had come, unless the error has it already. */
  #after({ code }: TineError): string {
    const transactions = this.#transactions?.transactions;
    if (transactions !== undefined) return `, after ${transactions} transactions`;
    const isKnown = this.#transfer === undefined || code === "peer-stalled";
    return isKnown ? "" : `, after ${this.#transfer!.soFar.bytes} bytes`;
  }

  #patience(ms: number, handler: () => void) {
    const timer = this.#scope.timer(handler);
    timer.set(this.#scope.now() + ms * MILLISECOND);
    return timer;
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    const flow = this.#request === undefined ? "" : `flow ${this.#request.flow}: `;
    this.#hooks.log(flow + (error instanceof TineError ? error.message + this.#after(error) : failureText(error)));
    this.close();
  }
}

/** How much of a flow that is held to a rate may wait to be read, as time: more than the round-trip time of most paths. */
const UNREAD_SECONDS = 0.25;
const MIN_UNREAD_BYTES = 64 * 1024;
/** What any process may set, net.core.rmem_max; at rates that need more, the kernel chooses as it does without a limit. */
const MAX_UNREAD_BYTES = 208 * 1024;

/** An error of another class is a fault of this program: its place helps to find it. */
function failureText(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? messageOf(error);
}
