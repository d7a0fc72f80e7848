import type { RawSocketOption, RequestResponseConfig, StreamClientConfig, TransferConfig } from "../../flow/config.ts";
import { parsePorts } from "../../flow/transaction/client_ports.ts";
import { DEFAULT_MESSAGE_BYTES, MAX_TCP_MESSAGE_BYTES } from "../../flow/transaction/limits.ts";
import type { Rate } from "../../base/units.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { escape } from "../terminal.ts";
import { type Flag, flag, section, size } from "../flags.ts";
import {
  cca,
  checkPayload,
  checkRates,
  checkRawSockets,
  checkTransactionFlags,
  checkWarmup,
  clientFlags,
  DEFAULT_CLIENT_DURATION_MS,
  dialled,
  flowDuration,
  intervalOf,
  type MessageLengths,
  messageLengths,
  rate,
  transactionFlags,
} from "./client_flags.ts";
import { isGroup, parseHostPort } from "../../base/address.ts";
import { parseServerAddress } from "../address.ts";
import { eachFlow } from "./client_flow.ts";

const SOL_SOCKET = 1;
const SO_MAX_PACING_RATE = 47;
/** The greatest rate that this option of the kernel can carry; one more means no limit. */
const MAX_PACED_BYTES = 2 ** 31 - 1;

/** `tine tcp client`: TCP flows by hand. */
export const command = defineCommand({
  name: "tcp client",
  summary: "Run TCP flows to a server and measure them",
  usage: [
    "HOST:PORT [--reverse | --bidir] [--length SIZE] ...",
    "HOST:PORT --rr SIZE[,SIZE] [--crr] [--transactions N] ...",
  ],
  description:
    "Lines while it runs have what happened since the line before; of an upload, that is what the receiver's system has " +
    "acknowledged. Sums are all bytes in the time from the first start to the last end. What the sender's kernel " +
    "measures is known of a download at its end only.\n\n" +
    "Explicit congestion notification of TCP is a setting of the system: net.ipv4.tcp_ecn, or of the route. Ctrl-C ends " +
    "it with the summary so far and exit code 130; with --duration 0 it is the proper end.",
  flags: {
    duration: flowDuration({ defaultText: "10s, without --length", help: "stop sending after this long" }),
    length: size({ min: 1, max: 2 ** 50, help: "stop sending after this many bytes, and print the completion time" }),
    bytes: size({ min: 1, max: 2 ** 50, help: "the same as --length" }),
    rate: rate({
      packets: false,
      example: "10Mbps",
      help:
        "pace each flow at most at this rate, such as 10Mbps; with --bidir 10Mbps,2Mbps for up and down (default: no pace)",
    }),
    cca: cca({ help: "the sender's congestion control; else the system's" }),
    ...section("Requests and responses", {
      rr: messageLengths({
        most: MAX_TCP_MESSAGE_BYTES,
        help:
          "in place of a transfer: requests of this length, each answered by a response of the second length (or the same)",
      }),
      crr: flag({ help: "a connection for each transaction; without --rr, with messages of 1B" }),
      ...transactionFlags,
      clientPorts: portRange({ goesWith: ["crr"], help: "with --crr: connect from these ports, one after another" }),
      rst: flag({
        goesWith: ["crr"],
        help: "with --crr: close by reset, so that no port waits for a minute (TIME_WAIT)",
      }),
    }),
    ecn: flag({ help: "expect ECN: say so where it was not negotiated, and what asks for it" }),
    ...clientFlags,
  },
  positionals: [{ name: "HOST:PORT", help: "the server, as it was started with tine tcp server" }],
  examples: [
    { command: "tine tcp client 127.0.0.1:7000", what: "upload for ten seconds, with a line a second" },
    { command: "tine tcp client 10.0.0.1:7000 --reverse --cca bbr --parallel 4", what: "four downloads with BBR" },
    { command: "tine tcp client 10.0.0.1:7000 --rr 64B,1kB", what: "transactions a second, and how long each takes" },
    { command: "tine tcp client 10.0.0.1:7000 --length 100MB --json", what: "a completion time, for programs" },
  ],

  async run({ flags, positionals: [positional] }) {
    const server = parseServerAddress(positional);
    const { hostname } = parseHostPort(server);
    if (isGroup(hostname)) {
      throw new UsageError(
        `HOST:PORT: ${hostname} is a group of multicast, to which only tine udp client sends`,
      );
    }
    if (flags.reverse && flags.bidir) {
      throw new UsageError("--reverse and --bidir exclude each other: give one of them");
    }
    if (flags.length !== undefined && flags.bytes !== undefined) {
      throw new UsageError("--length and --bytes are the same: give one of them");
    }
    const isRr = flags.rr !== undefined || flags.crr;
    const { length = flags.bytes, rate, cca: algorithm, reverse, bidir, payload, transactions } = flags;
    if (isRr) checkTransactionFlags({ length, rate, cca: algorithm, ecn: flags.ecn, reverse, bidir, payload });
    const isLimited = length !== undefined || transactions !== undefined;
    const durationMs = flags.duration ?? (isLimited ? undefined : DEFAULT_CLIENT_DURATION_MS);
    checkWarmup(flags.warmup, durationMs || Infinity);
    checkRates(flags);
    const dial = dialled("tcp", flags);
    if (isRr) return await runTransactions(server, dial, flags, durationMs);
    checkPayload(flags.payload, flags.reverse || flags.bidir);
    const intervalMs = intervalOf(flags);
    const [{ createFlows }, { readFlowKey }, { runClient }, { StreamFlow }, { STREAM_REPORT }] = await Promise.all([
      import("../../flow/create_flows.ts"),
      import("./flow_key.ts"),
      import("./client_command.ts"),
      import("./stream_flow.ts"),
      import("./stream_report.ts"),
    ]);
    const key = await readFlowKey(flags.keyFile);
    const transfer: Omit<TransferConfig, "flow"> = {
      duration: durationMs,
      length,
      warmup: flags.warmup,
      cca: flags.cca,
      dscp: flags.dscp,
      ecn: flags.ecn || undefined,
      payload: flags.payload,
    };
    const paced = (direction: "upload" | "download") => {
      const { up, down } = flags.rate ?? {};
      const rate = direction === "upload" ? up : down;
      return { ...transfer, sockopt: rate === undefined ? undefined : [pacing(rate)] };
    };
    const names = flags.bidir ? ["up", "down"] as const : [flags.reverse ? "down" : "up"] as const;
    const clients = eachFlow(names, flags, (name, label, bind) => {
      const direction = name === "up" ? "upload" : "download";
      const transfer = paced(direction);
      return new StreamFlow({ label, direction, server, intervalMs, transfer, dial: { ...dial, bind } });
    });
    await using flows = createFlows();
    // The congestion control is that of the sender.
    const cca = flags.reverse ? undefined : flags.cca;
    checkRawSockets(flows.kind, { rate: flags.rate, cca, dscp: flags.dscp, bind: flags.bind });
    const { json } = flags;
    const how = { name: "tine tcp client", server, key, intervalMs, endless: durationMs === 0, json };
    return await runClient(flows, clients, STREAM_REPORT, how);
  },
});

/** What the command line has about requests and responses. */
interface TransactionOptions {
  readonly rr?: MessageLengths;
  readonly crr: boolean;
  readonly transactions?: number;
  readonly inFlight?: number;
  readonly clientPorts?: string;
  readonly rst: boolean;
  readonly parallel?: number;
  readonly warmup?: number;
  readonly dscp?: number;
  readonly keyFile?: string;
  readonly interval?: number;
  readonly json: boolean;
}

/** Runs requests and responses: TCP_RR, or with a connection for each transaction TCP_CRR. */
async function runTransactions(
  server: string,
  dial: Pick<StreamClientConfig, "protocol" | "bind" | "cpu" | "priority">,
  options: TransactionOptions,
  durationMs: number | undefined,
): Promise<number> {
  const { rr, crr, transactions, inFlight, clientPorts, rst, warmup, dscp, json } = options;
  if (crr && inFlight !== undefined && inFlight > 1) {
    throw new UsageError("--in-flight is for one connection: with --crr, give --parallel N instead");
  }
  const intervalMs = intervalOf(options);
  const [{ createFlows }, { readFlowKey }, { runClient }, { overTcp, TransactionFlow }, { transactionReport }] =
    await Promise.all([
      import("../../flow/create_flows.ts"),
      import("./flow_key.ts"),
      import("./client_command.ts"),
      import("./transaction_flow.ts"),
      import("./transaction_report.ts"),
    ]);
  const key = await readFlowKey(options.keyFile);
  const config: Omit<RequestResponseConfig, "flow"> = {
    ...rr ?? { request: DEFAULT_MESSAGE_BYTES, response: DEFAULT_MESSAGE_BYTES },
    duration: durationMs,
    transactions,
    inFlight,
    connect: crr,
    clientPorts,
    reset: rst,
    warmup,
    dscp,
  };
  const clients = eachFlow(["rr"], options, (_, label, bind) => {
    const run = overTcp(server, { ...dial, bind }, config);
    return new TransactionFlow({ label, transport: "tcp", intervalMs, warmup, perConnection: crr, run });
  });
  await using flows = createFlows();
  checkRawSockets(flows.kind, { dscp, clientPorts, rst, bind: dial.bind });
  const report = transactionReport("tcp");
  return await runClient(flows, clients, report, {
    name: "tine tcp client",
    server,
    key,
    intervalMs,
    endless: durationMs === 0,
    json,
  });
}

/** Has the kernel pace a flow. */
function pacing(rate: Rate): RawSocketOption {
  const bytes = rate !== "max" && "bitsPerSecond" in rate ? Math.round(rate.bitsPerSecond / 8) : 0;
  if (bytes < 1 || bytes > MAX_PACED_BYTES) {
    throw new UsageError("--rate RATE: the kernel paces at 8bps to 17Gbps; leave it out for as fast as possible");
  }
  return { type: "int", level: SOL_SOCKET, opt: SO_MAX_PACING_RATE, name: "SO_MAX_PACING_RATE", value: bytes };
}

/** Declares a range of ports: `--client-ports FIRST-LAST`. */
function portRange(options: { readonly help: string; readonly goesWith: string[] }): Flag<string | undefined> {
  return {
    value: "FIRST-LAST",
    ...options,
    read(given, name) {
      const text = given.at(-1);
      if (text === undefined || parsePorts(text) !== undefined) return text;
      throw new UsageError(
        `${name} FIRST-LAST: expected ports of 1 to 65535 such as 10000-60000, not "${escape(text)}"`,
      );
    },
  };
}
