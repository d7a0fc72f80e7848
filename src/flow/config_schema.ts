import { DEFAULT_MAX_PACKET_BYTES, FLOW_ID, MAX_DSCP, MAX_PACKET_BYTES, MAX_SERVER_FLOWS } from "../base/limits.ts";
import { duration, expects, pattern, rate, refinement, size, toggle, z } from "../base/schema.ts";
import { formatDuration, formatSize, type Rate } from "../base/units.ts";
import { IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPV6_TCLASS, TCP_CONGESTION } from "../sys/constants.ts";
import { CCA_NAME } from "./config.ts";
import {
  bindFits,
  canBeDialled,
  dialFields,
  dialledAddrFits,
  listenAddrFits,
  listenFields,
  oneAddress,
} from "./address_schema.ts";
import { payloadProblem } from "./payload.ts";
import { groupFields, isNoGroup, join } from "./multicast/config_schema.ts";
import { groupConflict, listenConflict } from "./multicast/conflicts.ts";
import { PACKET_HEADER_BYTES } from "./packet/header.ts";
import { isSigned, leastPacketBytes } from "./packet_kind.ts";
import { reflectorFits, stampFits, stampReflector, stampSender } from "./stamp/config_schema.ts";
import { OPEN_LAYOUT } from "./stamp/test_packet.ts";
import { MAX_SENDERS } from "./packet/header.ts";
import { DEFAULT_WAIT_MS, packetLengths } from "./packet/packet_sender.ts";
import { DEFAULT_BUF_LEN_BYTES, DEFAULT_DURATION_MS, DEFAULT_SAMPLE_IO_INTERVAL_MS } from "./stream/limits.ts";
import { optionsAt } from "./stream/messages.ts";
import { forbiddenOnServer, mayBeSetOnServer } from "./stream/socket_setup.ts";
import { socketOptionSchema, streamSocketOptionSchema } from "./socket_option_schema.ts";
import { placementFields, workers } from "./thread_schema.ts";
import { packetTransactionFields, streamTransactionFields, transactionConflict } from "./transaction/config_schema.ts";

/**
 * The schemas of what can be configured about flows: the only source of the types in `config.ts`, of the JSON Schema and
 * of the manual's tables.
 *
 * @module
 */

const flowId = pattern("a flow id such as bulk.1", FLOW_ID).describe("Names the flow in results; unique in a test.");

const streamProtocol = z.enum(["tcp", "tcp4", "tcp6"], expects("tcp, tcp4 or tcp6")).optional()
  .meta({ description: "TCP over IPv4, IPv6, or what the address says.", default: "tcp" });

const packetProtocol = z.enum(["udp", "udp4", "udp6"], expects("udp, udp4 or udp6")).optional()
  .meta({ description: "UDP over IPv4, IPv6, or what the address says.", default: "udp" });

const A_DSCP = `a whole number of 0 to ${MAX_DSCP}, such as 46 for expedited forwarding`;
const dscp = z.int(expects(A_DSCP)).min(0, expects(A_DSCP)).max(MAX_DSCP, expects(A_DSCP)).optional()
  .describe("Differentiated services code point.");

const AN_ECN = "a whole number of 0 to 3: not capable, ECT(1), ECT(0), congestion experienced";
const ecn = z.int(expects(AN_ECN)).min(0, expects(AN_ECN)).max(3, expects(AN_ECN)).optional()
  .describe("Explicit congestion notification: 0 is not capable, 1 ECT(1), 2 ECT(0), 3 congestion experienced.");

const fragment = z.enum(["allow", "forbid", "probe"], expects("allow, forbid or probe")).optional().meta({
  description:
    "What becomes of packets that are too long for the path: they are fragmented; they are not sent, which " +
    "ends the flow; or they are sent whole, whatever routers report, which finds the path MTU.",
  default: "forbid",
});

/** A packet holds the header of the shortest kind, and UDP carries it. */
const testPacketSize = size.refine(
  (bytes) => bytes >= OPEN_LAYOUT.bytes && bytes <= MAX_PACKET_BYTES,
  `expected a length of ${OPEN_LAYOUT.bytes}B to ${MAX_PACKET_BYTES}B`,
);

/** A packet holds its header, and UDP carries it. */
const packetSize = size.refine(
  (bytes) => bytes >= PACKET_HEADER_BYTES && bytes <= MAX_PACKET_BYTES,
  `expected a length of ${PACKET_HEADER_BYTES}B to ${MAX_PACKET_BYTES}B`,
);

const maxPacketSize = packetSize.optional()
  .meta({ description: "The longest packet that is accepted.", default: formatSize(DEFAULT_MAX_PACKET_BYTES) });

const isInBits = (rate: Rate): boolean => rate !== "max" && "bitsPerSecond" in rate;

/** The fields that limit what flows of a server may have. */
const limitFields = {
  maxRate: rate.refine(isInBits, "expected bits per second such as 10Mbps").optional().describe(
    "The most that a flow may have in each direction: TCP flows are held to it, UDP flows that want more are refused.",
  ),
  maxDuration: duration.refine((ms) => ms >= 1, "expected at least 1ms").optional().describe(
    "The longest that a flow may last: one that wants more is refused, one without a duration is ended then.",
  ),
  maxFlows: z.int(expects("a whole number of flows")).min(1, expects("at least 1 flow"))
    .max(MAX_SERVER_FLOWS, expects(`at most ${MAX_SERVER_FLOWS} flows`)).optional()
    .describe("How many flows it serves at the same time; further ones are refused."),
};

const OPTIONS = "Options of the socket that have no name here.";

/** A server of TCP flows. */
export const streamServerSchema = z.strictObject({
  ...listenFields("TCP flows", 7000),
  protocol: streamProtocol,
  workers,
  ...placementFields,
  ...limitFields,
}, expects("an object such as {listenAddr: '10.0.0.1:0', listenAddrKey: server}"))
  .refine(...listenAddrFits)
  .refine(...canBeDialled)
  .describe("Serve TCP flows. Returns as soon as it listens, and serves until its node ends.");

/** An option without a name here may be one that has one. */
const optionsAreNotNamed = refinement<
  { cca?: string; dscp?: number; sockopt?: readonly { level: number; opt: number; name: string }[] }
>(({ sockopt = [], cca, dscp }) => {
  const named = sockopt.flatMap(({ level, opt, name }) => {
    if (cca !== undefined && level === IPPROTO_TCP && opt === TCP_CONGESTION) return [[name, "cca"]];
    const isClass = level === IPPROTO_IP && opt === IP_TOS || level === IPPROTO_IPV6 && opt === IPV6_TCLASS;
    return dscp !== undefined && isClass ? [[name, "dscp"]] : [];
  });
  return named.length === 0 ? undefined : `has ${named[0][0]}, which is ${named[0][1]} by another name; leave one out`;
}, "sockopt");

/** What a flow carries behind its headers. */
const payload = z.string(expects("random, zeros, a file or a pattern such as 0xdeadbeef"))
  .min(1, expects("random, zeros, a file or a pattern such as 0xdeadbeef")).optional().meta({
    description:
      "What is sent: random bytes, zeros, a pattern in hexadecimal digits such as 0xdeadbeef, or the file of " +
      "this path on the client's node (its first 16MiB), again and again. A server sends no files.",
    default: "random",
  });

const WARMUP = "What is sent and received in this time from the start on is in no figure, but in the records.";

/** A flow that ends before its warm-up does has no figures. */
const warmupIsShorter = refinement<{ warmup?: number; duration?: number; length?: number; transactions?: number }>(
  ({ warmup = 0, duration, length, transactions }) => {
    const ms = duration === 0
      ? Infinity
      : duration ?? ((length ?? transactions) === undefined ? DEFAULT_DURATION_MS : Infinity);
    if (warmup === 0 || warmup < ms) return undefined;
    return `is ${formatDuration(warmup)}, expected less than the duration of ${formatDuration(ms)}`;
  },
  "warmup",
);

/** A transfer in one direction, and the stream that it goes over. */
export const transferSchema = z.strictObject({
  flow: flowId,
  duration: duration.optional().describe(
    `The sender stops after this long; 0: when it is stopped; ${formatDuration(DEFAULT_DURATION_MS)} if there is no ` +
      "length either.",
  ),
  length: size.refine((bytes) => bytes > 0, "expected at least 1B").optional()
    .describe("The sender stops after this many bytes."),
  warmup: duration.optional().describe(WARMUP),
  sampleIOInterval: duration.optional().meta({
    description: "The least time between samples of bytes sent and received; 0: each read and write.",
    default: formatDuration(DEFAULT_SAMPLE_IO_INTERVAL_MS),
  }),
  tcpInfoInterval: duration.refine((ms) => ms >= 1, "expected at least 1ms").optional()
    .describe("The time between samples of the kernel's tcp_info; left out: one sample, at the end."),
  bufLen: size.refine((bytes) => bytes >= 1 && bytes <= 2 ** 24, "expected 1B to 16MiB").optional()
    .meta({ description: "The length of reads and writes.", default: formatSize(DEFAULT_BUF_LEN_BYTES) }),
  cca: pattern("the name of a congestion control such as cubic", CCA_NAME).optional()
    .describe("The sender's congestion control, such as cubic or bbr; left out: the system's."),
  dscp,
  ecn: toggle(
    "Expect explicit congestion notification, and log where it was not negotiated: the route of the client or its " +
      "net.ipv4.tcp_ecn asks for it, no option of a socket does.",
  ),
  payload,
  sockopt: z.array(streamSocketOptionSchema, expects("a list of options")).optional().describe(OPTIONS),
}, expects("an object such as {flow: bulk, duration: 10s}")).refine(...optionsAreNotNamed).refine(...warmupIsShorter);

/** A server lets clients set few options of its sockets. */
function serverOptionsFit<D extends "upload" | "download" | "requestResponse">(direction: D) {
  return refinement<{ [K in D]?: { sockopt?: Parameters<typeof optionsAt>[1]["sockopt"] } }>(
    ({ [direction]: transfer }) => {
      // A client asks, as it sends an upload.
      const way = direction === "download" ? "download" : "upload";
      const forbidden = optionsAt("server", { direction: way, sockopt: transfer?.sockopt })
        .find((option) => !mayBeSetOnServer(option));
      return forbidden && forbiddenOnServer(forbidden);
    },
    direction,
    "sockopt",
  );
}

/** A server sends no files. */
function streamPayloadFits<D extends "upload" | "download">(direction: D) {
  return refinement<{ [K in D]?: { payload?: string } }>(
    ({ [direction]: transfer }) => payloadProblem(transfer?.payload, direction === "download"),
    direction,
    "payload",
  );
}

/** Requests and responses over TCP. */
export const requestResponseSchema = z.strictObject({
  flow: flowId,
  ...streamTransactionFields,
  warmup: duration.optional().describe(WARMUP),
  dscp,
  sockopt: z.array(streamSocketOptionSchema, expects("a list of options")).optional().describe(
    `${OPTIONS} Where side is left out, it is client.`,
  ),
}, expects("an object such as {flow: rr, request: 64B, response: 1kB, duration: 10s}"))
  .refine(...refinement(transactionConflict))
  .refine(...warmupIsShorter);

/** A client of TCP flows. */
export const streamClientSchema = z.strictObject({
  ...dialFields(7000),
  protocol: streamProtocol,
  upload: transferSchema.optional().describe("From this client to the server."),
  download: transferSchema.optional().describe("From the server to this client."),
  requestResponse: requestResponseSchema.optional().describe("Requests from this client, each answered by the server."),
  ...placementFields,
}, expects("an object such as {addrKey: server, upload: {flow: bulk, duration: 10s}}"))
  .refine(...oneAddress)
  .refine(...dialledAddrFits)
  .refine(...isNoGroup)
  .refine(...bindFits)
  .refine(
    ({ upload, download, requestResponse }) =>
      [upload, download, requestResponse].filter((one) => one !== undefined).length === 1,
    "expected exactly one of upload, download and requestResponse",
  )
  .refine(...streamPayloadFits("upload"))
  .refine(...streamPayloadFits("download"))
  .refine(...serverOptionsFit("upload"))
  .refine(...serverOptionsFit("download"))
  .refine(...serverOptionsFit("requestResponse"))
  .describe("Run a TCP flow and measure it at both ends: an upload, a download, or requests and responses.");

const packetListenFields = listenFields("UDP flows", 7001);

/** A server of UDP flows. */
export const packetServerSchema = z.strictObject({
  ...packetListenFields,
  listenAddr: packetListenFields.listenAddr.optional(),
  join,
  protocol: packetProtocol,
  maxPacketSize,
  workers,
  ...placementFields,
  stamp: stampReflector,
  ...limitFields,
}, expects("an object such as {listenAddr: '10.0.0.1:0', listenAddrKey: server}"))
  .refine(...refinement(listenConflict))
  .refine(...listenAddrFits)
  .refine(...reflectorFits)
  .refine(
    ({ join, workers = 1 }) => join === undefined || workers === 1,
    { path: ["workers"], error: "a receiver of a group has one worker" },
  )
  .refine(...canBeDialled)
  .describe(
    "Serve UDP flows: count packets, and echo each one once if it asks for it. Returns as soon as it listens, and " +
      "serves until its node ends. With join, it is a receiver of multicast, which sends no echoes.",
  );

/** A sender that sends on schedule. */
export const unresponsiveSchema = z.strictObject({
  wait: z.array(duration, expects("a list of durations such as [20ms]")).min(1, expects("at least one duration"))
    .optional()
    .meta({ description: "What to wait between packets, cycled.", default: [formatDuration(DEFAULT_WAIT_MS)] }),
  randomWait: toggle("Draw the waits instead of cycling through them."),
  waitFirst: toggle("Wait before the first packet as well."),
  rate: rate.optional().describe("In place of waits: bits or packets per second, or max for as fast as possible."),
  length: z.array(testPacketSize, expects("a list of sizes such as [172B]")).min(1, expects("at least one size"))
    .optional()
    .describe("Lengths of packets, header included, cycled; left out: the header alone."),
  randomLength: toggle("Draw the lengths instead of cycling through them."),
  duration: duration.optional().describe("It stops after this long; 0: when it is stopped."),
  packets: z.int(expects("a whole number of packets")).min(1, expects("at least 1 packet")).optional()
    .describe("It stops after this many packets; without a duration, however long that takes."),
  bytes: size.refine((bytes) => bytes > 0, "expected at least 1B").optional()
    .describe(
      "It stops once it has sent this many bytes, headers included; without a duration, however long that takes.",
    ),
  echo: toggle("Ask the server to send each packet back."),
  gso: toggle("Hand several packets at a time to the kernel (UDP GSO): faster, and recorded as one burst."),
  reverse: toggle("Send from the server to this client instead, once the client's address has proved itself."),
}, expects("an object such as {wait: [20ms], length: [172B], duration: 10s, echo: true}"))
  .refine(
    ({ duration, packets, bytes }) => (duration ?? packets ?? bytes) !== undefined,
    "expected at least one of duration, packets and bytes",
  )
  .refine(({ wait, rate }) => wait === undefined || rate === undefined, "expected at most one of wait and rate")
  .refine(({ echo, reverse }) => !echo || !reverse, "cannot echo packets that come from the server");

/** Requests and responses over UDP. */
export const packetExchangeSchema = z.strictObject(
  packetTransactionFields(packetSize),
  expects("an object such as {request: 64B, response: 1kB, duration: 10s}"),
);

/** A sender of packets: exactly one kind. */
export const packetSenderSchema = z.strictObject({
  unresponsive: unresponsiveSchema.optional().describe("Sends on schedule whatever the network does."),
  requestResponse: packetExchangeSchema.optional().describe(
    "Sends a request when the response to the one before is there; the only sender of its flow.",
  ),
}, expects("an object such as {unresponsive: {duration: 10s}}")).refine(
  ({ unresponsive, requestResponse }) => (unresponsive === undefined) !== (requestResponse === undefined),
  "expected exactly one kind of sender: unresponsive or requestResponse",
).describe("A sender of packets: exactly one kind.");

/** A packet holds its header, and is not longer than what its flow accepts. */
const packetsFit = refinement<
  { sender: Parameters<typeof packetLengths>[0]; hmac?: boolean; stamp?: unknown; maxPacketSize?: number }
>((config) => {
  const { sender, maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = config, hmac = isSigned(config);
  const header = leastPacketBytes(config);
  const { shortest, longest } = packetLengths(sender, header);
  if (shortest < header) {
    return `has packets of ${shortest}B, but the header alone takes ${header}B${hmac ? " with hmac" : ""}`;
  }
  // The header alone may always be sent.
  if (longest <= maxPacketSize || longest === header) return undefined;
  return `has packets of ${longest}B, over the flow's maxPacketSize of ${maxPacketSize}B`;
}, "sender");

/** Requests and responses have a flow of their own. */
const exchangeIsAlone = refinement<{ sender: readonly { readonly requestResponse?: unknown }[] }>(
  ({ sender }) =>
    sender.length > 1 && sender.some(({ requestResponse }) => requestResponse !== undefined)
      ? "has other senders beside requestResponse; give these a flow of their own"
      : undefined,
  "sender",
);

interface Timed {
  readonly duration?: number;
}

/** With a warm-up, each sender has another one for that: packets name them with a byte. */
const packetWarmupFits = refinement<
  { warmup?: number; sender: readonly { readonly unresponsive?: Timed; readonly requestResponse?: Timed }[] }
>(({ warmup = 0, sender }) => {
  if (warmup === 0) return undefined;
  const shortest = Math.min(
    ...sender.map(({ unresponsive, requestResponse }) => (unresponsive ?? requestResponse)?.duration || Infinity),
  );
  if (warmup >= shortest) {
    return `is ${formatDuration(warmup)}, expected less than the duration of ${formatDuration(shortest)}`;
  }
  const most = MAX_SENDERS / 2;
  return sender.length > most ? `has ${sender.length} senders, expected at most ${most} with a warm-up` : undefined;
}, "warmup");

/** A server sends no files. */
const packetPayloadFits = refinement<
  { payload?: string; sender: readonly { readonly unresponsive?: { readonly reverse?: boolean } }[] }
>(
  ({ payload, sender }) => payloadProblem(payload, sender.some(({ unresponsive }) => unresponsive?.reverse)),
  "payload",
);

/** A client of UDP flows. */
export const packetClientSchema = z.strictObject({
  ...dialFields(7001),
  protocol: packetProtocol,
  flow: flowId,
  warmup: duration.optional().describe(WARMUP),
  maxPacketSize,
  sender: z.array(packetSenderSchema, expects("a list of senders")).min(1, expects("at least one sender"))
    .max(MAX_SENDERS, expects(`at most ${MAX_SENDERS} senders`)).describe(
      "What sends the packets of the flow, at the same time.",
    ),
  dscp,
  ecn,
  fragment,
  payload,
  ...groupFields,
  sockopt: z.array(socketOptionSchema, expects("a list of options")).optional().describe(OPTIONS),
  stamp: stampSender,
  ...placementFields,
}, expects("an object such as {addrKey: server, flow: voip, sender: [{unresponsive: {duration: 10s}}]}"))
  .refine(...oneAddress)
  .refine(...dialledAddrFits)
  .refine(...bindFits)
  .refine(...stampFits)
  .refine(...packetsFit)
  .refine(...exchangeIsAlone)
  .refine(...packetWarmupFits)
  .refine(...packetPayloadFits)
  .refine(...refinement(groupConflict, "addr"))
  .describe("Run a UDP flow, and measure it at both ends. Waits for late replies at the end.");
