import type { ServedPacketReport } from "./report.ts";

/** Why servers refuse flows. */
export const REFUSAL_REASONS = ["max-flows", "max-rate", "max-duration", "one-off", "key", "request"] as const;

/** Why a server refuses a flow: a limit, the key, or what the client asks for. */
export type RefusalReason = typeof REFUSAL_REASONS[number];

/** What all flows of a server have sent and received, those that run included; each number only ever grows. */
export interface ServedCounts {
  /** Payload of TCP and UDP that flows have received, and that they have sent. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The same of UDP, in packets, each counted once. */
  readonly packetsIn: number;
  readonly packetsOut: number;
  /** Packets that were dropped since their flow was over its rate. */
  readonly packetsOverRate: number;
}

/** What a server has served until now. */
export interface ServerTotals extends ServedCounts {
  /** Flows that run. */
  readonly flowsActive: number;
  /** Flows that were taken, those that run included. */
  readonly flows: number;
  /** Flows that are over, and did not come to their end. */
  readonly flowsIncomplete: number;
  readonly refusals: Readonly<Record<RefusalReason, number>>;
}

/** The places of numbers of 64 bits. */
const ACTIVE = 0, FLOWS = 1, INCOMPLETE = 2, ONE_CLIENT = 3, CLIENT = 4, FIRST_COUNT = 5;
const COUNTS = ["bytesIn", "bytesOut", "packetsIn", "packetsOut", "packetsOverRate"] as const satisfies readonly (
  keyof ServedCounts
)[];
const FIRST_REFUSAL = FIRST_COUNT + COUNTS.length;
const NUMBERS = FIRST_REFUSAL + REFUSAL_REASONS.length;

/**
 * The account of a server: its flows, what they move, and what it has refused. It lies in memory that threads share, so
 * that a server whose flows run in several workers, and at several addresses, has one: limits hold for all of them together.
 *
 * @example
 * ```ts
 * import { ServerAccount } from "./server_account.ts";
 * const account = new ServerAccount();
 * const elsewhere = new ServerAccount(account.memory);
 * console.assert(elsewhere.begin(1) && !account.begin(1));
 * elsewhere.add({ bytesIn: 1000 });
 * elsewhere.end(true);
 * console.assert(account.totals.flows === 1 && account.totals.bytesIn === 1000);
 * ```
 */
export class ServerAccount {
  readonly #numbers: BigInt64Array<SharedArrayBuffer>;

  /** @param memory of an account that another thread has; left out: a new one */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8 * NUMBERS)) {
    this.#numbers = new BigInt64Array(memory);
  }

  /** Its memory, for other threads. */
  get memory(): SharedArrayBuffer {
    return this.#numbers.buffer;
  }

  /** Takes flows of one client only from now on: the first that comes. */
  serveOneClient(): void {
    Atomics.store(this.#numbers, ONE_CLIENT, 1n);
  }

  /**
   * Whether flows of a client may begin; the first that asks is the client of a server that takes only one.
   *
   * @param host its address, without a port
   */
  admits(host: string): boolean {
    if (Atomics.load(this.#numbers, ONE_CLIENT) === 0n) return true;
    const client = hash(host);
    const before = Atomics.compareExchange(this.#numbers, CLIENT, 0n, client);
    return before === 0n || before === client;
  }

  /** Whether one more flow may begin, unless another one does so first. */
  hasRoom(maxFlows: number): boolean {
    return this.#of(ACTIVE) < maxFlows;
  }

  /**
   * Counts a flow that begins, if there is room for it.
   *
   * @param maxFlows how many may run at the same time
   */
  begin(maxFlows = Infinity): boolean {
    if (Atomics.add(this.#numbers, ACTIVE, 1n) >= maxFlows) {
      Atomics.sub(this.#numbers, ACTIVE, 1n);
      return false;
    }
    Atomics.add(this.#numbers, FLOWS, 1n);
    return true;
  }

  /** Counts the end of a flow that {@linkcode ServerAccount.begin} has counted. */
  end(complete: boolean): void {
    if (!complete) Atomics.add(this.#numbers, INCOMPLETE, 1n);
    Atomics.sub(this.#numbers, ACTIVE, 1n);
  }

  /** Counts a flow that was refused. */
  refuse(reason: RefusalReason): void {
    Atomics.add(this.#numbers, FIRST_REFUSAL + REFUSAL_REASONS.indexOf(reason), 1n);
  }

  /** Adds what flows have sent and received since the call before. */
  add(counts: Partial<ServedCounts>): void {
    for (const [i, name] of COUNTS.entries()) {
      const count = counts[name] ?? 0;
      if (count > 0) Atomics.add(this.#numbers, FIRST_COUNT + i, BigInt(Math.round(count)));
    }
  }

  /** What it has served until now. */
  get totals(): ServerTotals {
    const counts = Object.fromEntries(COUNTS.map((name, i) => [name, this.#of(FIRST_COUNT + i)]));
    const refusals = Object.fromEntries(REFUSAL_REASONS.map((reason, i) => [reason, this.#of(FIRST_REFUSAL + i)]));
    return {
      flowsActive: this.#of(ACTIVE),
      flows: this.#of(FLOWS),
      flowsIncomplete: this.#of(INCOMPLETE),
      ...counts as Record<keyof ServedCounts, number>,
      refusals: refusals as Record<RefusalReason, number>,
    };
  }

  #of(place: number): number {
    return Number(Atomics.load(this.#numbers, place));
  }
}

/** Remembers what of a flow is in the account of its server. */
export class AccountedFlow {
  readonly #account: ServerAccount;
  #before: ServedCounts = { bytesIn: 0, bytesOut: 0, packetsIn: 0, packetsOut: 0, packetsOverRate: 0 };
  #over = false;

  /** @param account has counted its beginning, unless {@linkcode AccountedFlow.begin} does */
  constructor(account: ServerAccount) {
    this.#account = account;
  }

  /** Counts that it begins, or goes on after it was over. */
  begin(): void {
    this.#over = false;
    this.#account.begin();
  }

  /** Brings the account up to date. */
  moved(counts: Partial<ServedCounts>): void {
    const before = this.#before, now = { ...before, ...counts };
    this.#before = now;
    this.#account.add(Object.fromEntries(COUNTS.map((name) => [name, now[name] - before[name]])));
  }

  /** Brings the account up to date with what the server of a UDP flow knows. */
  reported({ received, sent, bytesReceived, bytesSent, overRate = 0 }: ServedPacketReport): void {
    this.moved({
      packetsIn: received,
      packetsOut: sent,
      bytesIn: bytesReceived,
      bytesOut: bytesSent,
      packetsOverRate: overRate,
    });
  }

  /** Counts its end; later calls do nothing. */
  end(complete: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#account.end(complete);
  }
}

/** FNV-1a of 64 bits, never 0. Source: draft-eastlake-fnv, 2. */
function hash(text: string): bigint {
  let sum = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  return BigInt.asIntN(64, sum) || 1n;
}
