import { BUNDLED_HANDLERS } from "../udf/handlers/mod.ts";
import { isLoopback, parseAddress } from "./address.ts";
import { defineCommand } from "./command.ts";
import { UsageError } from "./errors.ts";
import { duration, size, text } from "./flags.ts";
import { onInterrupt } from "./interrupts.ts";
import { escape } from "./terminal.ts";

/** How long an agent that was told to stop may take. */
const STOP_MS = 5_000;

/** `tine agent`: runs a UDF. */
export const command = defineCommand({
  name: "agent",
  summary: "Run a UDF: as a child on stdio, as a socket server, or supervised",
  usage: ["HANDLER", "HANDLER --socket PATH | --listen HOST:PORT"],
  description:
    "Speaks Kapacitor's UDF protocol on stdin and stdout, or with each client of a socket. HANDLER is mirror, moving-avg " +
    "or outliers. The protocol is binary: to try a UDF by hand, use tine host.",
  flags: {
    socket: text({ value: "PATH", complete: "file", help: "listen on a Unix socket" }),
    listen: text({ value: "HOST:PORT", help: "listen on TCP; the host defaults to the loopback" }),
    socketMode: text({ value: "MODE", default: "0600", help: "permissions of the Unix socket, in octal" }),
    handlerTimeout: duration({ default: 60_000, zero: "none", help: "longest time for one asynchronous call" }),
    maxFrame: size({ min: 1, max: 2 ** 31 - 1, default: 64 * 2 ** 20, help: "largest message accepted" }),
    record: text({
      value: "FILE",
      complete: "file",
      help: "record both directions, for tine replay; further connections go to FILE.2, FILE.3, ...",
    }),
  },
  positionals: [{ name: "HANDLER", help: "a bundled handler", words: BUNDLED_HANDLERS }],
  examples: [
    { command: "tine agent moving-avg", what: "as Kapacitor starts it, from prog and args" },
    { command: "tine agent outliers --socket /tmp/outliers.sock", what: "as Kapacitor connects to it, from socket" },
    { command: "tine agent mirror --listen 127.0.0.1:9000", what: "over TCP, for tine host --connect" },
  ],

  async run({ flags, positionals: [name] }) {
    if (flags.socket !== undefined && flags.listen !== undefined) {
      throw new UsageError("--socket and --listen exclude each other: give one of them");
    }
    const { loadBundledHandler } = await import("../udf/handlers/mod.ts");
    const createHandler = await loadBundledHandler(name);
    if (createHandler === undefined) {
      throw new UsageError(`HANDLER: expected ${BUNDLED_HANDLERS.join(", ")}, not "${escape(name)}"`);
    }
    const { redirectConsole } = await import("../udf/stderr_console.ts");
    redirectConsole();
    const { openTape } = await import("./tape.ts");
    await using tape = await openTape(
      flags.record,
      "udf",
      name,
      (message) => console.error(`tine agent: ${escape(message)}`),
    );
    const options = { maxFrameBytes: flags.maxFrame, handlerTimeoutMs: flags.handlerTimeout };
    if (flags.socket === undefined && flags.listen === undefined) return await serveStdio();
    return await serveSocket();

    async function serveStdio(): Promise<number> {
      if (Deno.stdin.isTerminal()) {
        console.error(`tine agent: waiting for binary frames on a terminal; to try it: tine host --handler ${name}`);
      }
      const { Agent } = await import("../udf/agent.ts");
      const { stdioConnection } = await import("../wire/connection.ts");
      const connection = stdioConnection();
      const agent = new Agent(tape?.connection(connection) ?? connection, createHandler!, options);
      using _ = onInterrupt(() => stopSoon(() => agent.stop()), () => Deno.exit(0));
      await agent.run();
      reportInvalid(agent.counts.invalidStrings);
      return 0;
    }

    async function serveSocket(): Promise<number> {
      const { AgentServer } = await import("../udf/agent_server.ts");
      const { listener, place, close } = await listen(flags.socket, flags.listen, flags.socketMode);
      const server = new AgentServer(listener, createHandler!, {
        ...options,
        log: (message) => console.error(`tine agent: ${message}`),
        wrap: (connection) => tape?.connection(connection) ?? connection,
      });
      using _ = onInterrupt(() => stopSoon(() => void server.stop()), () => {
        close();
        Deno.exit(0);
      });
      console.error(`tine agent: listening on ${place}`);
      try {
        await server.serve();
      } finally {
        close();
      }
      return 0;
    }
  },
});

/** Stops in order, and at once where that takes too long: hosts take any status but 0 for a crash. */
function stopSoon(stop: () => void): void {
  stop();
  Deno.unrefTimer(setTimeout(() => Deno.exit(0), STOP_MS));
}

function reportInvalid(count: number): void {
  if (count > 0) console.error(`tine agent: ${count} strings were not valid UTF-8 and came in with U+FFFD`);
}

/** Listens where the flags say. */
async function listen(path: string | undefined, address: string | undefined, modeText: string) {
  if (path !== undefined) {
    const mode = parseInt(modeText, 8);
    if (!/^0?[0-7]{3}$/.test(modeText)) {
      throw new UsageError(`--socket-mode MODE: expected permissions in octal such as 0660, not "${escape(modeText)}"`);
    }
    const { listenUnix } = await import("../udf/unix_listener.ts");
    const unix = await listenUnix(path, mode);
    return { listener: unix.listener as Deno.Listener, place: path, close: () => unix.close() };
  }
  const { hostname, port } = parseAddress(address!, "--listen");
  if (!isLoopback(hostname)) {
    console.error(
      `tine agent: warning: ${hostname} may be reached by other machines, and the UDF protocol has no authentication`,
    );
  }
  const { listenTcp } = await import("../udf/tcp_listener.ts");
  const listener = listenTcp({ hostname, port });
  const { formatAddress } = await import("../udf/socket_peer.ts");
  return { listener: listener as Deno.Listener, place: formatAddress(listener.addr as Deno.NetAddr), close: () => {} };
}
