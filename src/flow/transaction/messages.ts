/** The messages of flows of requests and responses over TCP: made here for sending, and checked here when received. @module */
import { TineError } from "../../base/errors.ts";
import type { StreamClientConfig, StreamSocketOption } from "../config.ts";
import { checkFields, type FieldChecks, isObject, isWhole, type StreamRequest } from "../stream/messages.ts";
import { BUFFER_BYTES, DEFAULT_MESSAGE_BYTES, MAX_TCP_MESSAGE_BYTES } from "./limits.ts";

/** The first byte of a request that ends the flow; that of all others is 0. */
export const LAST_REQUEST = 1;

/** How long the messages of a flow are, and over which connections they go. */
export interface Exchange {
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Whether each transaction has a connection of its own, to a port that the server's answer names. */
  readonly connect: boolean;
}

/** What a client of requests and responses wants of its server. */
export interface TransactionRequest extends Pick<StreamRequest, "flow" | "dscp" | "sockopt"> {
  readonly transactions: Exchange;
}

/** Makes the request for a configuration. */
export function transactionRequest({ requestResponse }: StreamClientConfig): TransactionRequest {
  const { flow, request, response, connect, dscp, sockopt } = requestResponse!;
  return checkTransactionRequest({
    flow,
    transactions: {
      requestBytes: request ?? DEFAULT_MESSAGE_BYTES,
      responseBytes: response ?? DEFAULT_MESSAGE_BYTES,
      connect: connect ?? false,
    },
    ...dscp !== undefined && { dscp },
    ...sockopt !== undefined && { sockopt },
  });
}

const A_LENGTH = `1 to ${MAX_TCP_MESSAGE_BYTES}`;

const exchangeChecks: FieldChecks = {
  requestBytes: [A_LENGTH, (value) => isWhole(value, 1, MAX_TCP_MESSAGE_BYTES)],
  responseBytes: [A_LENGTH, (value) => isWhole(value, 1, MAX_TCP_MESSAGE_BYTES)],
  connect: ["true or false", (value) => typeof value === "boolean"],
};

/** Whether the value of a frame asks for requests and responses, rather than for a transfer. */
export function asksForTransactions(value: unknown): boolean {
  return isObject(value) && value.transactions !== undefined;
}

/**
 * Checks a request.
 *
 * @throws {TineError} `bad-stream-request`
 */
export function checkTransactionRequest(value: unknown): TransactionRequest {
  const { transactions } = checkFields(value, ["flow", "dscp", "sockopt"], ["flow"], {
    transactions: ["an object", isObject],
  });
  checkFields(transactions, [], ["requestBytes", "responseBytes", "connect"], exchangeChecks);
  return value as TransactionRequest;
}

/** Returns what sets up the sockets of a flow: options are for the client's end, unless they name the other one. */
export function socketRequest({ flow, dscp, sockopt }: TransactionRequest): StreamRequest {
  return {
    flow,
    direction: "upload",
    sampleIOIntervalMs: 0,
    bufLenBytes: BUFFER_BYTES,
    ...dscp !== undefined && { dscp },
    ...sockopt !== undefined && { sockopt: sockopt as readonly StreamSocketOption[] },
  };
}

/** What a server reports at the end. */
export interface TransactionReceipt {
  /** Requests that it has answered. */
  readonly transactions: number;
  /** How long its thread computed; absent where it is not known. */
  readonly serverCpuNanos?: number;
  /** It has answered later than it could, to hold the flow to its limit. */
  readonly held?: boolean;
}

/**
 * Checks what a server reports at the end.
 *
 * @throws {TineError} `bad-stream-frame`
 */
export function checkTransactionReceipt(value: unknown): TransactionReceipt {
  if (!isObject(value) || !isWhole(value.transactions, 0, 2 ** 53)) {
    throw new TineError("bad-stream-frame", "a receipt for requests and responses has no number of transactions");
  }
  const { transactions, serverCpuNanos, held } = value;
  const isTime = typeof serverCpuNanos === "number" && serverCpuNanos >= 0 && serverCpuNanos <= 2 ** 53;
  return { transactions, ...isTime && { serverCpuNanos }, ...held === true && { held } };
}

/**
 * Returns the port to which the connections of single transactions go.
 *
 * @param server for error messages
 * @throws {TineError} `bad-stream-frame`
 */
export function portOf(answer: Readonly<Record<string, unknown>>, server: string): number {
  if (isWhole(answer.port, 1, 65_535)) return answer.port;
  throw new TineError("bad-stream-frame", `the answer of the server at ${server} names no port for connections`);
}

/**
 * Rewrites the refusal of a server of an earlier version, which knows nothing of requests and responses; other errors
 * stay as they are.
 */
export function explained(error: unknown, server: string): unknown {
  const isUnknown = error instanceof TineError && error.code === "bad-stream-request" &&
    error.message.includes("transactions");
  if (!isUnknown) return error;
  return new TineError(
    "old-server",
    `the server at ${server} is of an earlier version of tine, which has no requests and responses: update it`,
    { cause: error },
  );
}
