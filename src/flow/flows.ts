import type { PacketClientConfig, PacketServerConfig, StreamClientConfig, StreamServerConfig } from "./config.ts";
import type { ServerAccount } from "./server_account.ts";
import type { FlowProgress, PacketReport, StreamReport, TransactionReport } from "./report.ts";

/** Takes what flows report while they run. Called often: each method must return at once. */
export interface FlowEvents {
  /**
   * Takes what the samples of a flow refer to, as soon as both ends agree on it. Samples of a sender that need not wait
   * for that may come before.
   */
  info(info: FlowInfoEvent): void;
  /** Takes samples of a flow, a chunk as src/flow/records has it. Absent: its flows record nothing, which costs less. */
  records?(flow: string, chunk: Uint8Array): void;
  /** Takes what an end of a flow knows: about four times a second, and at its end. */
  progress(flow: string, report: FlowProgress): void;
  /** Takes a line for people, such as on a client that was refused. */
  log(text: string): void;
}

/** What the samples of a flow refer to. */
export interface FlowInfoEvent {
  readonly type: "streamInfo" | "packetInfo" | "transactionInfo";
  readonly flow: string;
  /** Whether the server reports it, rather than the client. */
  readonly server: boolean;
  /** Nanoseconds since 1970: the base of the flow's times. */
  readonly tinit: bigint;
  /** Addresses, direction, congestion control, `ffi` or `portable`, and the like. */
  readonly values: Readonly<Record<string, string | number | boolean>>;
}

/** A server that listens. */
export interface FlowServer extends AsyncDisposable {
  /** The address that was bound: `127.0.0.1:45678`. */
  readonly address: string;
  /** Rejects if it can serve no longer; resolves once it was disposed of. */
  readonly ended: Promise<void>;
}

/** Options of all flows and servers. */
export interface FlowOptions {
  readonly events: FlowEvents;
  /** Ends it within 100 ms; the reason is thrown. What was measured until then is reported before. */
  readonly signal: AbortSignal;
  /**
   * Of clients: has the senders stop as if their time were over, so that the flow comes to its end in order. Absent: they
   * stop when they are to.
   */
  readonly finish?: AbortSignal;
  /** The key that clients and servers share, 32 bytes; absent: without keys. */
  readonly key?: Uint8Array;
}

/** Options of servers. */
export interface ServerOptions extends FlowOptions {
  /** What it serves is counted there; limits hold for all servers of one account. Absent: it has one of its own. */
  readonly account?: ServerAccount;
}

/** Options of clients of UDP flows. */
export interface PacketClientOptions extends FlowOptions {
  /**
   * The client opens its flow at once, and begins to send when this resolves: what comes to load the path meanwhile
   * does not delay the opening. Senders at the server do not wait for it.
   */
  readonly sendAfter?: Promise<unknown>;
}

/** Traffic, over raw sockets in workers, or over Deno's own network API where these are not available. */
export interface Flows extends AsyncDisposable {
  /** How traffic is made: over raw sockets, or over Deno's own network API. */
  readonly kind: "ffi" | "portable";

  /** Listens for TCP flows, until disposed of. Returns as soon as it listens. */
  streamServer(config: StreamServerConfig, options: ServerOptions): Promise<FlowServer>;

  /**
   * Runs a TCP flow to its end.
   *
   * @param addr the server's address
   * @returns what the last progress event has
   */
  streamClient(addr: string, config: StreamClientConfig, options: FlowOptions): Promise<StreamReport>;

  /**
   * Runs a flow of requests and responses over TCP to its end.
   *
   * @param addr the server's address
   * @param config has requestResponse
   */
  streamTransactions(addr: string, config: StreamClientConfig, options: FlowOptions): Promise<TransactionReport>;

  /** Listens for UDP flows, until disposed of. Returns as soon as it listens. */
  packetServer(config: PacketServerConfig, options: ServerOptions): Promise<FlowServer>;

  /** Runs a UDP flow to its end, late replies included. */
  packetClient(addr: string, config: PacketClientConfig, options: PacketClientOptions): Promise<PacketReport>;

  /**
   * Runs a flow of requests and responses over UDP to its end.
   *
   * @param addr the server's address
   * @param config has requestResponse as its sender
   */
  packetTransactions(
    addr: string,
    config: PacketClientConfig,
    options: PacketClientOptions,
  ): Promise<TransactionReport>;
}
