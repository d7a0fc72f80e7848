import { DEFAULT_MAX_PACKET_BYTES, MAX_PACKET_BYTES } from "../../base/limits.ts";
import { STAMP_PORT } from "../../flow/stamp/test_packet.ts";
import { PACKET_HEADER_BYTES } from "../../flow/packet/header.ts";
import { messageOf } from "../../base/errors.ts";
import { defineCommand } from "../command.ts";
import { JOIN_FORM, joinProblem } from "../../flow/multicast/join.ts";
import { UsageError } from "../errors.ts";
import { type Flag, flag, flagName, list, size } from "../flags.ts";
import type { FlowServer } from "../../flow/flows.ts";
import { escape } from "../terminal.ts";
import { commonFlags } from "./client_flags.ts";
import { limitFlags, listen, listenAddresses, operationFlags, startAll, startPairs, workers } from "./listen.ts";

const LISTEN = listen("127.0.0.1:7001");
const STAMP_LISTEN = `127.0.0.1:${STAMP_PORT}`;

/** Declares groups to receive from: `--join [SOURCE@]GROUP[%IF][:PORT]`, once for each. */
function join(): Flag<string[]> {
  const flag = list({
    value: JOIN_FORM,
    help: "count what clients send to a group of multicast; again for one more group (default port: 7001)",
  });
  return {
    ...flag,
    read(given, name) {
      const problem = given.map((text) => joinProblem(text, undefined)).find((found) => found !== undefined);
      if (problem !== undefined) throw new UsageError(`${name} ${JOIN_FORM}: ${problem}`);
      return flag.read(given, name);
    },
  };
}

/** `tine udp server`: serves UDP flows by hand. */
export const command = defineCommand({
  name: "udp server",
  summary: "Serve UDP flows to clients, many at once",
  usage: [
    "[--listen HOST:PORT]... [--workers COUNT] [--key-file FILE] [--max-packet-size SIZE] [--json]",
    "--stamp [--stateless] [--listen HOST:PORT]... [--key-file FILE] ...",
    `--join ${JOIN_FORM}... [--listen HOST:PORT]... [--key-file FILE] ...`,
  ],
  description:
    "Counts the packets of tine udp client and echoes those that ask for it, once each, until it is interrupted; prints a " +
    "line for each flow that has ended. It also listens on TCP at the same address, for the load of --under-load. Only " +
    "this machine can reach the default address. On another, use a key: without one it serves all who ask, though it " +
    "never sends more to an address than came from there before that has proved itself.\n\n" +
    "--stamp reflects the test packets of STAMP (RFC 8762) and TWAMP Light instead, from routers or tine udp client --stamp. " +
    "--join makes a receiver of multicast, which counts what is lost from the first announcement of a flow on, and reports to the " +
    "sender only with a key.",
  flags: {
    listen: {
      ...LISTEN,
      defaultText: `${LISTEN.defaultText}; with --stamp ${STAMP_LISTEN}, with --join none`,
      // The other flags decide.
      read: (given, name) => given.length === 0 ? [] : LISTEN.read(given, name),
    },
    join: join(),
    stamp: flag({
      help: "be a reflector of STAMP and TWAMP Light; a key then is the secret itself: text, or 0x and digits",
    }),
    stateless: flag({
      goesWith: ["stamp"],
      help: "with --stamp: send numbers back, rather than count for each session",
    }),
    maxPacketSize: size({
      min: PACKET_HEADER_BYTES,
      max: MAX_PACKET_BYTES,
      default: DEFAULT_MAX_PACKET_BYTES,
      help: "the longest packet that is accepted, without headers of UDP and IP",
    }),
    workers,
    ...limitFlags,
    ...operationFlags,
    ...commonFlags,
    json: flag({ help: "a JSON object a line: the address, each flow that has ended, what --stats prints" }),
  },
  examples: [
    { command: "tine udp server", what: "for clients on this machine" },
    { command: "tine udp server --listen '[::]:7001' --key-file key", what: "for all machines that have the key" },
    { command: "tine udp server --join 239.1.2.3%eth0", what: "loss and delay of what is sent to a group" },
    {
      command: "tine udp server --max-rate 20Mbps --max-flows 10 --metrics 127.0.0.1:9464",
      what: "within limits, and with metrics for Prometheus",
    },
  ],

  async run({ flags }) {
    const { stateless } = flags;
    const stamp = flags.stamp ? { stateless } : undefined;
    if (stamp && flags.workers > 1) {
      throw new UsageError("--stamp and --workers exclude each other: a reflector has one worker");
    }
    const { maxRate, maxDuration, maxFlows } = flags, limits = { maxRate, maxDuration, maxFlows };
    const limit = Object.entries(limits).find(([, value]) => value !== undefined);
    if (stamp && limit !== undefined) {
      throw new UsageError(`--stamp and ${flagName(limit[0])} exclude each other: a reflector has no flows to limit`);
    }
    if ((stamp || flags.join.length > 0) && flags.oneOff) {
      const flag = stamp ? "--stamp" : "--join";
      throw new UsageError(`${flag} and --one-off exclude each other: what comes has no client that ends`);
    }
    if (flags.join.length > 0 && limit !== undefined) {
      throw new UsageError(`--join and ${flagName(limit[0])} exclude each other: a receiver cannot limit who sends`);
    }
    if (flags.join.length > 0 && flags.workers > 1) {
      throw new UsageError("--join and --workers exclude each other: a receiver has one worker");
    }
    if (stamp && flags.join.length > 0) throw new UsageError("--stamp and --join exclude each other: give one of them");
    const joins = flags.join.length > 0;
    const given = flags.listen.length > 0 || joins
      ? flags.listen
      : stamp
      ? [STAMP_LISTEN]
      : LISTEN.read([], "--listen");
    const { hostnames, listening } = listenAddresses(given);
    const [{ createFlows }, { readFlowKey, readStampKey }, { serveFlows }] = await Promise.all([
      import("../../flow/create_flows.ts"),
      import("./flow_key.ts"),
      import("./serve_flows.ts"),
    ]);
    const key = await (stamp ? readStampKey : readFlowKey)(flags.keyFile);
    const hmac = key !== undefined;
    await using flows = createFlows();
    return await serveFlows({
      name: "tine udp server",
      hostnames,
      key,
      json: flags.json,
      oneOff: flags.oneOff,
      statsMs: flags.stats,
      metrics: flags.metrics,
      engine: flows.kind,
      async listen(optionsOfOne) {
        const { maxPacketSize, workers, cpu, priority } = flags, placement = { cpu, priority };
        const groups = flags.join.map((join) => () =>
          flows.packetServer({ join, hmac, maxPacketSize, ...placement }, optionsOfOne())
        );
        const joined = await startAll(groups);
        const packets = () =>
          startAll(listening.map(({ listenAddr, ipv6Only }) => () => {
            const protocol = ipv6Only ? "udp6" : "udp";
            return flows.packetServer(
              { listenAddr, protocol, hmac, maxPacketSize, stamp, workers, ...placement, ...limits },
              optionsOfOne(),
            );
          }));
        if (stamp !== undefined) return await packets();
        const streams = (packets: readonly FlowServer[]) =>
          startAll(packets.map(({ address: listenAddr }, i) => () => {
            const protocol = listening[i].ipv6Only ? "tcp6" : "tcp";
            // One thread is enough for the load, and each takes memory.
            return flows.streamServer({ listenAddr, protocol, hmac, ...placement, ...limits }, optionsOfOne());
          }));
        const { servers, error } = await startPairs(listening, { packets, streams });
        if (error !== undefined) {
          const reason = escape(messageOf(error));
          console.error(`tine udp server: no load for --under-load, since TCP cannot listen there: ${reason}`);
        }
        return [...joined, ...servers];
      },
    });
  },
});
