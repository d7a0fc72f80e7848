import { STREAM_FIGURES } from "../../flow/analysis/stream_figures.ts";
import type { SocketOption, TransferConfig } from "../../flow/config.ts";
import type { Rate } from "../../base/units.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { size } from "../flags.ts";
import {
  cca,
  checkPayload,
  checkRawSockets,
  checkWarmup,
  clientFlags,
  DEFAULT_DURATION_MS,
  dialled,
  flowDuration,
  intervalOf,
  rate,
} from "./client_flags.ts";
import { serverAddress } from "../address.ts";
import { bindOf } from "../../flow/bind.ts";
import type { StreamFlow } from "./stream_flow.ts";

const SOL_SOCKET = 1;
const SO_MAX_PACING_RATE = 47;
/** The greatest rate that this option of the kernel can carry; one more means no limit. */
const MAX_PACED_BYTES = 2 ** 31 - 1;

/** `tine tcp client`: TCP flows by hand. */
export const command = defineCommand({
  name: "tcp client",
  summary: "Run TCP flows to a server and measure them",
  usage: ["HOST:PORT [--reverse | --bidir] [--duration DURATION | --length SIZE] [--parallel N] ..."],
  description:
    "Lines while it runs have what happened since the line before; of an upload, that is what the receiver's system has " +
    "acknowledged. Sums are all bytes in the time from the first start to the last end. What the sender's kernel " +
    "measures is known of a download at its end only.\n\n" +
    "Explicit congestion notification of TCP is a setting of the system: net.ipv4.tcp_ecn. Ctrl-C ends it with the " +
    "summary so far and exit code 130.",
  figures: [
    STREAM_FIGURES.bytes,
    STREAM_FIGURES.goodputBitsPerSecond,
    STREAM_FIGURES.completionSeconds,
    STREAM_FIGURES.retransmits,
    STREAM_FIGURES.minRttMicros,
    STREAM_FIGURES.rtt,
    STREAM_FIGURES.cwnd,
  ],
  flags: {
    duration: flowDuration({ defaultText: "10s, without --length", help: "stop sending after this long" }),
    length: size({ min: 1, max: 2 ** 50, help: "stop sending after this many bytes, and print the completion time" }),
    rate: rate({
      packets: false,
      example: "10Mbps",
      help: "pace each flow at most at this rate, such as 10Mbps (by the kernel: SO_MAX_PACING_RATE)",
    }),
    cca: cca({ help: "the sender's congestion control; else the system's" }),
    ...clientFlags,
  },
  positionals: [{ name: "HOST:PORT", help: "the server, as it was started with tine tcp server" }],
  examples: [
    { command: "tine tcp client 127.0.0.1:7000", what: "upload for ten seconds, with a line a second" },
    { command: "tine tcp client 10.0.0.1:7000 --reverse --cca bbr --parallel 4", what: "four downloads with BBR" },
    { command: "tine tcp client 10.0.0.1:7000 --length 100MB --json", what: "a completion time, for programs" },
  ],

  async run({ flags, positionals: [positional] }) {
    const server = serverAddress(positional);
    if (flags.reverse && flags.bidir) {
      throw new UsageError("--reverse and --bidir exclude each other: give one of them");
    }
    const durationMs = flags.duration ?? (flags.length === undefined ? DEFAULT_DURATION_MS : undefined);
    checkWarmup(flags.warmup, durationMs ?? Infinity);
    checkPayload(flags.payload, flags.reverse || flags.bidir);
    const dial = dialled("tcp", flags);
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
      length: flags.length,
      warmup: flags.warmup,
      cca: flags.cca,
      dscp: flags.dscp,
      payload: flags.payload,
      sockopt: flags.rate === undefined ? undefined : [pacing(flags.rate)],
    };
    const directions = flags.bidir ? ["upload", "download"] as const : [flags.reverse ? "download" : "upload"] as const;
    const parallel = flags.parallel ?? 1;
    const clients: StreamFlow[] = directions.flatMap((direction, d) =>
      Array.from({ length: parallel }, (_, i) => {
        const label = (direction === "upload" ? "up" : "down") + (parallel > 1 ? i + 1 : "");
        const bind = bindOf(dial.bind, d * parallel + i);
        return new StreamFlow({ label, direction, server, intervalMs, transfer, dial: { ...dial, bind } });
      })
    );
    await using flows = createFlows();
    // The congestion control is that of the sender.
    const cca = flags.reverse ? undefined : flags.cca;
    checkRawSockets(flows.kind, { rate: flags.rate, cca, dscp: flags.dscp, bind: flags.bind });
    const { json } = flags;
    return await runClient(flows, clients, STREAM_REPORT, { name: "tine tcp client", server, key, intervalMs, json });
  },
});

/** Has the kernel pace a flow. */
function pacing(rate: Rate): SocketOption {
  const bytes = rate !== "max" && "bitsPerSecond" in rate ? Math.round(rate.bitsPerSecond / 8) : 0;
  if (bytes < 1 || bytes > MAX_PACED_BYTES) {
    throw new UsageError("--rate RATE: the kernel paces at 8bps to 17Gbps; leave it out for as fast as possible");
  }
  return { type: "int", level: SOL_SOCKET, opt: SO_MAX_PACING_RATE, name: "SO_MAX_PACING_RATE", value: bytes };
}
