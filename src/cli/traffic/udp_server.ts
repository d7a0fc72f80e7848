import { DEFAULT_MAX_PACKET_BYTES, MAX_PACKET_BYTES } from "../../base/limits.ts";
import { PACKET_HEADER_BYTES } from "../../flow/packet/header.ts";
import { messageOf } from "../../base/errors.ts";
import { defineCommand } from "../command.ts";
import { flag, size } from "../flags.ts";
import { escape } from "../terminal.ts";
import { commonFlags } from "./client_flags.ts";
import { listen, listenAddresses, startAll, workers } from "./listen.ts";

/** `tine udp server`: serves UDP flows by hand. */
export const command = defineCommand({
  name: "udp server",
  summary: "Serve UDP flows to clients, many at once",
  usage: ["[--listen HOST:PORT]... [--workers COUNT] [--key-file FILE] [--max-packet-size SIZE] [--json]"],
  description:
    "Counts the packets of tine udp client and echoes those that ask for it, once each, until it is interrupted; prints a " +
    "line for each flow that has ended. It also listens on TCP at the same address, for the load of --under-load. Only " +
    "this machine can reach the default address. On another, use a key: without one it serves all who ask, though it " +
    "never sends more to an address than came from there before that has proved itself.",
  flags: {
    listen: listen("127.0.0.1:7001"),
    maxPacketSize: size({
      min: PACKET_HEADER_BYTES,
      max: MAX_PACKET_BYTES,
      default: DEFAULT_MAX_PACKET_BYTES,
      help: "the longest packet that is accepted, without headers of UDP and IP",
    }),
    workers,
    ...commonFlags,
    json: flag({ help: "a JSON object a line: the address, then each flow that has ended" }),
  },
  examples: [
    { command: "tine udp server", what: "for clients on this machine" },
    { command: "tine udp server --listen '[::]:7001' --key-file key", what: "for all machines that have the key" },
  ],

  async run({ flags }) {
    const { hostnames, listening } = listenAddresses(flags.listen);
    const [{ createFlows }, { readFlowKey }, { serveFlows }] = await Promise.all([
      import("../../flow/create_flows.ts"),
      import("./flow_key.ts"),
      import("./serve_flows.ts"),
    ]);
    const key = await readFlowKey(flags.keyFile);
    const hmac = key !== undefined;
    await using flows = createFlows();
    return await serveFlows({
      name: "tine udp server",
      hostnames,
      key,
      json: flags.json,
      async listen(options) {
        const { maxPacketSize, workers } = flags;
        const packets = await startAll(listening.map(({ listenAddr, ipv6Only }) => () => {
          const protocol = ipv6Only ? "udp6" : "udp";
          return flows.packetServer({ listenAddr, protocol, hmac, maxPacketSize, workers }, options);
        }));
        try {
          // At the ports that the kernel has chosen, if it did.
          const streams = await startAll(packets.map(({ address: listenAddr }, i) => () => {
            const protocol = listening[i].ipv6Only ? "tcp6" : "tcp";
            return flows.streamServer({ listenAddr, protocol, hmac, workers }, options);
          }));
          return [...packets, ...streams];
        } catch (error) {
          const reason = escape(messageOf(error));
          console.error(`tine udp server: no load for --under-load, since TCP cannot listen there: ${reason}`);
          return packets;
        }
      },
    });
  },
});
