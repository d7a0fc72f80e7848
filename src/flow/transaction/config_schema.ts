import { duration, expects, pattern, size, toggle, z } from "../../base/schema.ts";
import { formatDuration, formatSize } from "../../base/units.ts";
import { DEFAULT_DURATION_MS } from "../stream/limits.ts";
import { parsePorts } from "./client_ports.ts";
import {
  DEFAULT_MESSAGE_BYTES,
  DEFAULT_PACKET_DURATION_MS,
  DEFAULT_TIMEOUT_MS,
  MAX_IN_FLIGHT,
  MAX_TCP_MESSAGE_BYTES,
  MAX_TIMEOUT_MS,
  MAX_TRANSACTIONS,
} from "./limits.ts";

const A_COUNT = `a whole number of 1 to ${MAX_IN_FLIGHT}`;
const MANY = "a whole number of at least 1";

const message = size.refine(
  (bytes) => bytes >= 1 && bytes <= MAX_TCP_MESSAGE_BYTES,
  `expected a length of 1B to ${formatSize(MAX_TCP_MESSAGE_BYTES)}`,
);
const byDefault = formatSize(DEFAULT_MESSAGE_BYTES);

function untilNoneBegins(defaultMs: number) {
  const usual = formatDuration(defaultMs);
  return duration.optional().describe(
    `No transaction begins after this long; 0: when it is stopped; ${usual} if there is no number of transactions either.`,
  );
}

/** Numbers of transactions, over whatever they go. */
export const transactionCounts = {
  transactions: z.int(expects(MANY)).min(1, expects(MANY)).max(MAX_TRANSACTIONS, expects(MANY)).optional()
    .describe("It ends after this many transactions."),
  inFlight: z.int(expects(A_COUNT)).min(1, expects(A_COUNT)).max(MAX_IN_FLIGHT, expects(A_COUNT)).optional()
    .meta({ description: "How many transactions are under way at the same time.", default: 1 }),
} as const;

/** The fields of requests and responses over TCP, beside those that all flows of TCP have. */
export const streamTransactionFields = {
  request: message.optional().meta({ description: "The length of a request.", default: byDefault }),
  response: message.optional().meta({ description: "The length of a response.", default: byDefault }),
  duration: untilNoneBegins(DEFAULT_DURATION_MS),
  ...transactionCounts,
  connect: toggle("Make a connection for each transaction; the server listens at a port of its own for them."),
  clientPorts: pattern("a range of ports such as 10000-60000", /^\d{1,5}-\d{1,5}$/).refine(
    (text) => parsePorts(text) !== undefined,
    "expected a range of ports of 1 to 65535 such as 10000-60000",
  ).optional().describe("Ports to connect from, one after another; left out: as the system chooses."),
  reset: toggle("Close connections of single transactions by reset, so that no port waits for their end (TIME_WAIT)."),
} as const;

const timeout = duration.refine(
  (ms) => ms >= 1 && ms <= MAX_TIMEOUT_MS,
  `expected 1ms to ${formatDuration(MAX_TIMEOUT_MS)}`,
);

/**
 * Returns the fields of requests and responses over UDP.
 *
 * @param length of a packet
 */
export function packetTransactionFields(length: typeof size) {
  return {
    request: length.optional().describe("The length of a request, header included; left out: the header alone."),
    response: length.optional().describe("The length of a response, header included; left out: the header alone."),
    duration: untilNoneBegins(DEFAULT_PACKET_DURATION_MS),
    ...transactionCounts,
    timeout: timeout.optional().meta({
      description:
        "A response that has not come after this long is waited for no longer: its transaction is unanswered.",
      default: formatDuration(DEFAULT_TIMEOUT_MS),
    }),
  };
}

/** Returns what is wrong with fields of {@linkcode streamTransactionFields} that do not go together. */
export function transactionConflict(
  { connect, inFlight = 1, clientPorts, reset }: {
    connect?: boolean;
    inFlight?: number;
    clientPorts?: string;
    reset?: boolean;
  },
): string | undefined {
  if (connect) {
    if (inFlight === 1) return undefined;
    return `has inFlight: ${inFlight}, expected 1 with a connection for each transaction; run several flows instead`;
  }
  const needless = clientPorts !== undefined ? "clientPorts" : reset ? "reset" : undefined;
  return needless &&
    `has ${needless}, which is for connections of single transactions; set connect: true, or leave it out`;
}
