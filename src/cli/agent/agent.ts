import { TineError } from "../../base/errors.ts";
import { BUNDLED_HANDLERS } from "../../udf/handlers/mod.ts";
import { type HostPort, isLoopback } from "../../base/address.ts";
import { parseAddress } from "../address.ts";
import type { Agents } from "./agents.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { duration, flag, flagName, integer, text } from "../flags.ts";
import { type Interrupts, onInterrupt } from "../interrupts.ts";
import { checkListenFlags, type ListenFlags, listens, openListener } from "./listener.ts";
import { checkModuleFlags, isModule, moduleFlags } from "../module_flags.ts";
import { supervisionFlags } from "../udf/supervision_flags.ts";
import { escape } from "../terminal.ts";
import { maxFrame, placeOfUdf } from "../udf/target.ts";

/** Where this agent listens and what it relays to, as the command line gives it. */
interface Places extends ListenFlags {
  readonly connect?: string;
}

/** How long the UDF of a relay may take to answer when the relay starts, in ms. */
const PROBE_MS = 3_000;
/** How long an agent may take to stop after a signal, in ms. */
const STOP_MS = 5_000;
/** How long output may wait after the end of the input, in ms: Kapacitor takes no output once a task is disabled, and hangs until the agent ends. */
const OUTPUT_MS = 5_000;

/** `tine agent`: runs a UDF. */
export const command = defineCommand({
  name: "agent",
  summary: "Run a UDF: as a child on stdio, as a socket server, or supervised",
  usage: [
    "HANDLER [--socket PATH | --listen HOST:PORT | --listen-fd FD]",
    "[--restart] [--socket PATH | ...] -- CMD ARGS...",
    "[--restart] [--socket PATH | ...] --connect HOST:PORT|PATH",
  ],
  description: "Speaks Kapacitor's UDF protocol on stdin and stdout, or with each client of a socket. HANDLER is " +
    `${
      BUNDLED_HANDLERS.join(", ")
    }, or the path of a .ts or .js module, which runs sandboxed. Without one it is a relay ` +
    "to another UDF. The protocol is binary: to try a UDF by hand, use tine host.",
  flags: {
    socket: text({ value: "PATH", complete: "file", help: "listen on a Unix socket" }),
    listen: text({ value: "HOST:PORT", help: "listen on TCP; the host defaults to the loopback" }),
    listenFd: integer({
      value: "FD",
      min: 0,
      max: 1023,
      help: "listen on a socket passed as this file descriptor; 3 is the first that systemd passes",
    }),
    socketMode: text({
      value: "MODE",
      default: "0600",
      goesWith: ["socket"],
      help: "permissions of the Unix socket, in octal",
    }),
    connect: text({
      value: "HOST:PORT|PATH",
      complete: "file",
      help: "relay to a UDF on TCP, or on a Unix socket: ./my_udf.sock",
    }),
    ...supervisionFlags,
    timeout: duration({
      defaultText: "10s",
      zero: "never",
      help: "relay: give up on a UDF that is silent for this long",
    }),
    drainTimeout: duration({
      defaultText: "1m",
      zero: "never",
      help: "relay: give up on a UDF that still runs this long after the end of its input",
    }),
    ...moduleFlags,
    workers: integer({
      min: 1,
      max: 64,
      default: 1,
      help: "threads that run a module; a stuck one ends its connections",
    }),
    watch: flag({ help: "replace a module by its new version whenever it changes" }),
    maxFrame,
    record: text({
      value: "FILE",
      complete: "file",
      help: "record both directions, for tine replay; further connections go to FILE.2, FILE.3, ...",
    }),
  },
  positionals: [{
    name: "HANDLER",
    help: "a bundled handler, or the path of a module",
    words: BUNDLED_HANDLERS,
    complete: "file",
    optional: true,
  }],
  trailing: true,
  examples: [
    { command: "tine agent moving-avg", what: "as Kapacitor starts it, from prog and args" },
    { command: "tine agent ./my_udf.ts --socket /tmp/my_udf.sock", what: "as Kapacitor connects to it, from socket" },
    { command: "tine agent mirror --listen 127.0.0.1:9000", what: "over TCP, for tine host --connect" },
    { command: "tine agent outliers --listen-fd 3", what: "on the socket of a systemd unit, as the manual shows" },
    { command: "tine agent --restart -- python3 -u my_udf.py", what: "any UDF under supervision, for Kapacitor" },
  ],

  async run({ flags, positionals: [handler], trailing }) {
    checkListenFlags(flags);
    checkUdf(handler, flags.connect, trailing);
    checkModuleFlags(flags, handler);
    if (flags.watch && (handler === undefined || !isModule(handler, "HANDLER"))) {
      throw new UsageError("--watch is for modules: give the path of a .ts or .js file");
    }
    const module = handler !== undefined && isModule(handler, "HANDLER");
    if (flags.restart && handler !== undefined && !module) {
      throw new UsageError("--restart is for modules and other UDFs: a bundled handler runs in this process");
    }
    if (flags.workers > 1 && !module) {
      throw new UsageError("--workers is for modules: give the path of a .ts or .js file");
    }
    const isRelay = handler === undefined || flags.restart || flags.watch;
    const ofRelay = (["timeout", "drainTimeout"] as const).find((name) => flags[name] !== undefined);
    if (ofRelay !== undefined && !isRelay) {
      throw new UsageError(`${flagName(ofRelay)} is for a relay: give -- CMD, --connect, --restart or --watch`);
    }
    const { redirectConsole } = await import("../../udf/stderr_console.ts");
    redirectConsole();
    const report = (message: string) => console.error(`tine agent: ${escape(message)}`);
    await checkReachable(flags, trailing, report);
    const { openAgents } = await import("./agents.ts");
    const { PatientConnection } = await import("../../wire/patient_connection.ts");
    const agents = await openAgents(handler, trailing, flags, report);
    const { openRecordings } = await import("../udf/recordings.ts");
    const udf = handler ?? flags.connect ?? trailing?.join(" ") ?? "";
    await using recordings = await openRecordings(flags.record, "udf", udf, report);
    const recorded: Agents = {
      ...agents,
      accept(connection, number) {
        const patient = new PatientConnection(connection, OUTPUT_MS);
        return agents.accept(recordings?.connection(patient) ?? patient, number, () => patient.inputEnd());
      },
    };
    try {
      if (listens(flags)) await serveSocket(recorded, flags, report);
      else await serveStdio(recorded, handler, report);
    } finally {
      agents.kill();
    }
    return 0;
  },
});

async function serveStdio(agents: Agents, handler: string | undefined, report: (message: string) => void) {
  if (Deno.stdin.isTerminal()) {
    report(`waiting for binary frames on a terminal; to try a UDF: tine host --handler ${handler ?? "mirror"}`);
  }
  const { stdioConnection } = await import("../../wire/connection.ts");
  const agent = agents.accept(stdioConnection(), 1);
  using _ = onStop(() => agent.stop(), () => agents.kill());
  try {
    await agent.run();
  } catch (error) {
    if (!(error instanceof TineError) || error.code !== "output-not-taken") throw error;
    report(error.message); // no one takes the failure, and hosts take any status but 0 for a crash
  }
}

async function serveSocket(
  agents: Agents,
  flags: ListenFlags,
  report: (message: string) => void,
) {
  const { AgentServer } = await import("../../udf/agent_server.ts");
  let [stop, close] = [() => {}, () => {}];
  // Before there is a socket: a program that sees it may send a signal.
  using interrupts = onStop(() => stop(), () => {
    agents.kill();
    close();
  });
  const listening = await openListener(flags, (message) => report(`warning: ${message}`));
  close = listening.close;
  try {
    if (interrupts.interrupted) return;
    const server = new AgentServer(listening.listener, agents.accept, { log: report });
    stop = () => void server.stop();
    report(`listening on ${listening.place}`);
    await server.serve();
  } finally {
    close();
  }
}

/**
 * Stops in order at the first SIGINT or SIGTERM; at once at the second, or where the first takes too long. The status
 * is 0 all the same: hosts take any other for a crash.
 */
function onStop(stop: () => void, end: () => void): Interrupts {
  const exit = () => {
    end();
    Deno.exit(0);
  };
  return onInterrupt(() => {
    stop();
    Deno.unrefTimer(setTimeout(exit, STOP_MS));
  }, exit);
}

/** @throws {UsageError} unless exactly one UDF is named */
function checkUdf(handler: string | undefined, connect: string | undefined, trailing: readonly string[] | undefined) {
  const given = [handler !== undefined && "HANDLER", connect !== undefined && "--connect", trailing && "-- CMD"];
  const names = given.filter((name) => typeof name === "string");
  if (names.length > 1) throw new UsageError(`${names.join(" and ")} exclude each other: name one UDF`);
  if (names.length === 0 || trailing?.length === 0) {
    throw new UsageError(
      `which UDF? Give HANDLER (${
        BUNDLED_HANDLERS.join(", ")
      }, or a module), -- CMD ARGS... or --connect HOST:PORT|PATH`,
    );
  }
  if (handler !== undefined) isModule(handler, "HANDLER");
}

/**
 * Refuses a relay to what can never be there: a socket server would learn of it with its first task.
 *
 * @throws {UsageError} for a place where no UDF can be, or this agent's own
 * @throws {TineError} `cannot-start`
 */
async function checkReachable(
  places: Places,
  trailing: readonly string[] | undefined,
  report: (message: string) => void,
) {
  const { listen, socket, connect } = places;
  if (trailing !== undefined) {
    const { checkProgram } = await import("../../udf/udf_process.ts");
    checkProgram(trailing[0]);
  }
  if (connect === undefined) return;
  const place = placeOfUdf(connect);
  if ("path" in place) checkSocketPath(place.path, socket);
  else checkAddress(place, listen, connect);
  if (!listens(places)) return; // it connects at once, and says what is wrong
  const { probeSocket } = await import("../../udf/udf_socket.ts");
  const why = await probeSocket(place, PROBE_MS);
  if (why !== undefined) report(`${why}; each connection waits for it`);
}

/** Throws for an address where no UDF can be. */
function checkAddress({ hostname, port }: HostPort, listen: string | undefined, connect: string): void {
  if (port === 0) throw new UsageError(`--connect ${connect}: no UDF listens on port 0`);
  if (listen === undefined) return;
  const own = parseAddress(listen, "--listen");
  const everywhere = own.hostname === "0.0.0.0" || own.hostname === "::";
  const named = own.hostname === "localhost" || hostname === "localhost";
  const same = own.hostname === hostname || (everywhere || named && isLoopback(own.hostname)) && isLoopback(hostname);
  if (own.port === port && same) {
    throw new UsageError(
      `--listen ${listen} and --connect ${connect} are one place: the relay would connect to itself`,
    );
  }
}

/** Throws if the path is this agent's own, or another kind of file. */
function checkSocketPath(path: string, own: string | undefined): void {
  if (own !== undefined && realPath(own) === realPath(path)) {
    throw new UsageError(`--socket ${own} and --connect ${path} are one place: the relay would connect to itself`);
  }
  try {
    if (Deno.statSync(path).isSocket !== false) return;
  } catch {
    return; // connecting to it says why
  }
  throw new UsageError(`--connect ${path}: expected a Unix socket that a UDF listens on, not another kind of file`);
}

/** The folder of a path as the system knows it, and the name in it. */
function realPath(path: string): string {
  const end = path.lastIndexOf("/") + 1;
  try {
    return `${Deno.realPathSync(path.slice(0, end) || ".")}/${path.slice(end)}`;
  } catch {
    return path;
  }
}
