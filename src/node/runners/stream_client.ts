import type { ZodType } from "zod";
import { CCA_NAME, type StreamClientConfig, type TransferConfig } from "../../flow/config.ts";
import { forbiddenOnServer, mayBeSetOnServer } from "../../flow/stream/socket_setup.ts";
import { optionsAt } from "../../flow/stream/messages.ts";
import { IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPV6_TCLASS, TCP_CONGESTION } from "../../sys/constants.ts";
import { formatDuration } from "../../base/duration.ts";
import { formatSize } from "../../base/size.ts";
import type { Runner, Vocabulary } from "../runner.ts";
import {
  addrFits,
  checkDial,
  dialMembers,
  dscp,
  flowId,
  ONE_ADDRESS,
  type Refinement,
  refinement,
  streamSocketOptions,
} from "./traffic/address_schema.ts";
import { flowOptions, serverAddress } from "./traffic/flow_options.ts";

/** A transfer as a plan has it. */
type TransferInput = TransferConfig<string, string>;

/** Runs a TCP flow in one direction. */
export const streamClient: Runner<StreamClientConfig, StreamClientConfig<string, string>> = {
  schema(vocabulary) {
    const { z, expects } = vocabulary;
    const transfer = transferSchema(vocabulary);
    return z.strictObject({
      ...dialMembers(vocabulary, 7000),
      protocol: z.enum(["tcp", "tcp4", "tcp6"], expects("tcp, tcp4 or tcp6")).optional()
        .describe("TCP over IPv4, IPv6, or (default) what the address says."),
      upload: transfer.optional().describe("From this client to the server."),
      download: transfer.optional().describe("From the server to this client."),
    }, expects("an object such as {addrKey: server, upload: {flow: bulk, duration: 10s}}"))
      .refine(checkDial, ONE_ADDRESS)
      .refine(...addrFits)
      .refine(
        ({ upload, download }) => (upload === undefined) !== (download === undefined),
        "expected exactly one of upload and download",
      )
      .refine(...serverOptionsFit("upload"))
      .refine(...serverOptionsFit("download"))
      .describe("Run a TCP flow in one direction, and measure it at both ends.");
  },
  needs: ({ addr, addrKey, hmac = true, upload, download }) => {
    const { flow, duration, length } = upload ?? download!;
    return {
      uses: addrKey === undefined ? [] : [addrKey],
      flow,
      dials: { protocol: "TCP", addr, addrKey, hmac },
      atLeast: length === undefined ? duration ?? 60_000 : undefined,
    };
  },
  title({ upload, download }) {
    const { flow, duration, length } = upload ?? download!;
    const words = [upload === undefined ? "download" : "upload", flow];
    if (length !== undefined) words.push(formatSize(length));
    if (duration !== undefined || length === undefined) words.push(formatDuration(duration ?? 60_000));
    return words.join(" ");
  },
  async run(config, context) {
    const flows = await context.flows();
    await flows.streamClient(serverAddress(config, context.feedback), config, flowOptions(context, config.hmac));
  },
};

/** A server lets clients set few options of its sockets. */
function serverOptionsFit<D extends "upload" | "download">(direction: D): Refinement<{ [K in D]?: TransferConfig }> {
  return refinement(
    ({ [direction]: transfer }) => {
      const forbidden = optionsAt("server", { direction, sockopt: transfer?.sockopt })
        .find((option) => !mayBeSetOnServer(option));
      return forbidden && forbiddenOnServer(forbidden);
    },
    direction,
    "sockopt",
  );
}

/** An option without a name here may be one that has one. */
const optionsFit: Refinement<TransferConfig> = refinement(({ sockopt = [], cca, dscp }) => {
  const named = sockopt.flatMap(({ level, opt, name }) => {
    if (cca !== undefined && level === IPPROTO_TCP && opt === TCP_CONGESTION) return [[name, "cca"]];
    const isClass = level === IPPROTO_IP && opt === IP_TOS || level === IPPROTO_IPV6 && opt === IPV6_TCLASS;
    return dscp !== undefined && isClass ? [[name, "dscp"]] : [];
  });
  return named.length === 0 ? undefined : `has ${named[0][0]}, which is ${named[0][1]} by another name; leave one out`;
}, "sockopt");

function transferSchema(vocabulary: Vocabulary): ZodType<TransferConfig, TransferInput> {
  const { z, duration, size, expects, pattern } = vocabulary;
  return z.strictObject({
    flow: flowId(vocabulary),
    duration: duration.refine((ms) => ms > 0, "expected more than 0s").optional()
      .describe("The sender stops after this long; 1m if there is no length either."),
    length: size.refine((bytes) => bytes > 0, "expected at least 1B").optional()
      .describe("The sender stops after so many bytes."),
    sampleIOInterval: duration.optional()
      .describe("The least time between samples of bytes sent and received; 0: each read and write; default 100ms."),
    tcpInfoInterval: duration.refine((ms) => ms >= 1, "expected at least 1ms").optional()
      .describe("The time between samples of the kernel's tcp_info; left out: one sample, at the end."),
    bufLen: size.refine((bytes) => bytes >= 1 && bytes <= 2 ** 24, "expected 1B to 16MiB").optional()
      .describe("The length of reads and writes; default 128KiB."),
    cca: pattern("the name of a congestion control such as cubic", CCA_NAME).optional()
      .describe("The sender's congestion control, such as cubic or bbr; left out: the system's."),
    dscp: dscp(vocabulary).optional(),
    sockopt: streamSocketOptions(vocabulary).optional(),
  }, expects("an object such as {flow: bulk, duration: 10s}")).refine(...optionsFit);
}
