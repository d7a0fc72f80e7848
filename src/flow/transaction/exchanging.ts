import { READABLE, type Watch, WRITABLE } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import { BUFFER_BYTES } from "./limits.ts";
import { LAST_REQUEST } from "./messages.ts";
import { RepeatedMessage } from "./repeated_message.ts";
import type { ExchangeContext, RunningExchange } from "./stream_client.ts";

/**
 * Transactions over one connection, TCP_RR: a request follows when a response is there, so that as many as wanted are
 * always under way. Responses come in the order of their requests.
 */
export class Exchanging implements RunningExchange {
  readonly #context: ExchangeContext;
  readonly #requestBytes: number;
  readonly #responseBytes: number;
  readonly #inFlight: number;
  /** When the requests that are under way began, a ring. */
  readonly #begunAt: Float64Array;
  readonly #requests: RepeatedMessage;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #first = 0;
  #underWay = 0;
  /** Of requests that have begun. */
  #unsentBytes = 0;
  /** Of the response that is next. */
  #receivedBytes = 0;
  #watch: Watch | undefined;

  constructor(context: ExchangeContext) {
    const { request: { transactions }, config: { inFlight = 1 } } = context;
    this.#context = context;
    this.#requestBytes = transactions.requestBytes;
    this.#responseBytes = transactions.responseBytes;
    this.#inFlight = inFlight;
    this.#begunAt = new Float64Array(inFlight);
    this.#requests = new RepeatedMessage(this.#requestBytes, inFlight);
    // One byte more than what can come: a read that does not fill it has taken all.
    this.#buffer = new Uint8Array(Math.min(BUFFER_BYTES, inFlight * this.#responseBytes + 1));
  }

  get underWay(): string {
    return `${this.#receivedBytes} of the ${this.#responseBytes} bytes of the next response`;
  }

  start(): void {
    const { host, peer } = this.#context;
    this.#watch = peer.port.watch(host, READABLE, () => this.#ready());
    this.#beginMore(host.now());
    this.#send();
  }

  askForEnd(): void {
    const { peer } = this.#context;
    const request = new Uint8Array(this.#requestBytes);
    request[0] = LAST_REQUEST;
    peer.send(request);
  }

  close(): void {
    this.#watch?.close();
  }

  #ready(): void {
    if (this.#unsentBytes > 0) this.#send();
    const { host, peer } = this.#context;
    for (;;) {
      const count = peer.read(this.#buffer);
      if (count === WOULD_BLOCK) break;
      const now = host.now();
      this.#receivedBytes += count;
      while (this.#receivedBytes >= this.#responseBytes) this.#complete(now);
      if (this.#underWay === 0 && this.#receivedBytes > 0) throw this.#tooMuch();
      this.#beginMore(now);
      if (count < this.#buffer.length) break;
    }
    if (this.#underWay === 0) {
      this.close();
      this.#context.onDone();
    } else if (this.#unsentBytes > 0) this.#send();
  }

  #complete(now: number): void {
    if (this.#underWay === 0) throw this.#tooMuch();
    const { meter, tinitNanos } = this.#context;
    this.#receivedBytes -= this.#responseBytes;
    const begunAt = this.#begunAt[this.#first];
    this.#first = (this.#first + 1) % this.#inFlight;
    this.#underWay--;
    meter.add(now - tinitNanos, now - begunAt);
  }

  #beginMore(now: number): void {
    const { limit } = this.#context;
    while (this.#underWay < this.#inFlight && limit.allows(now)) {
      limit.begun++;
      this.#begunAt[(this.#first + this.#underWay++) % this.#inFlight] = now;
      this.#unsentBytes += this.#requestBytes;
    }
  }

  #send(): void {
    const { peer } = this.#context;
    while (this.#unsentBytes > 0) {
      const count = peer.write(this.#requests.next(this.#unsentBytes));
      if (count === WOULD_BLOCK) {
        this.#watch!.interest = READABLE | WRITABLE;
        return;
      }
      this.#requests.sent(count);
      this.#unsentBytes -= count;
    }
    this.#watch!.interest = READABLE;
  }

  #tooMuch(): TineError {
    const { peer: { name }, meter } = this.#context;
    return new TineError(
      "bad-response",
      `${name} sent more than the ${meter.transactions} responses of ${this.#responseBytes} bytes that it was asked for`,
    );
  }
}
