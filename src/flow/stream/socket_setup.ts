import * as c from "../../sys/constants.ts";
import { byteOption, intOption, noDelay, setCongestionControl, textOption } from "../../sys/socket_options.ts";
import { setTrafficClass } from "../../sys/ip_options.ts";
import type { Socket } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import type { RawSocketOption } from "../config.ts";
import type { StreamRequest } from "./messages.ts";

/**
 * Sets the options of a request on the client's socket; before it connects, so that the first packet has them.
 *
 * @param request as it concerns the client, see {@linkcode requestAt}
 * @throws {TineError} what the kernel refuses
 */
export function setUpClient(socket: Socket, request: StreamRequest): void {
  socket.set(noDelay, true);
  setUp(socket, request, request.direction === "upload");
}

/**
 * Sets the options of a request on the server's socket.
 *
 * @param request as it concerns the server
 * @throws {TineError} `forbidden-socket-option`, and what the kernel refuses
 */
export function setUpServer(socket: Socket, request: StreamRequest): void {
  for (const option of request.sockopt ?? []) {
    if (!mayBeSetOnServer(option)) throw new TineError("forbidden-socket-option", forbiddenOnServer(option));
  }
  setUp(socket, request, request.direction === "download");
}

function setUp(socket: Socket, { cca, dscp, sockopt = [] }: StreamRequest, isSender: boolean): void {
  if (cca !== undefined && isSender) setCongestionControl(socket, cca);
  if (dscp !== undefined) setTrafficClass(socket, dscp << 2);
  for (const option of sockopt) setOption(socket, option);
}

function setOption(socket: Socket, { type, level, opt, name, value }: RawSocketOption): void {
  if (typeof value === "string") socket.set(textOption(level, opt, name), value);
  else socket.set(type === "byte" ? byteOption(level, opt, name) : intOption(level, opt, name), value);
}

/** Options that a client may set on a server's socket, by level and number: without effect beyond the connection. */
const allowed: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [c.SOL_SOCKET]: {
    [c.SO_SNDBUF]: "SO_SNDBUF",
    [c.SO_RCVBUF]: "SO_RCVBUF",
    12: "SO_PRIORITY",
    47: "SO_MAX_PACING_RATE",
  },
  [c.IPPROTO_IP]: { [c.IP_TOS]: "IP_TOS" },
  [c.IPPROTO_IPV6]: { [c.IPV6_TCLASS]: "IPV6_TCLASS" },
  [c.IPPROTO_TCP]: {
    [c.TCP_NODELAY]: "TCP_NODELAY",
    [c.TCP_MAXSEG]: "TCP_MAXSEG",
    3: "TCP_CORK",
    10: "TCP_WINDOW_CLAMP",
    12: "TCP_QUICKACK",
    [c.TCP_CONGESTION]: "TCP_CONGESTION",
    [c.TCP_USER_TIMEOUT]: "TCP_USER_TIMEOUT",
    [c.TCP_NOTSENT_LOWAT]: "TCP_NOTSENT_LOWAT",
  },
};

/** Whether a client may have a server set an option on its socket. */
export function mayBeSetOnServer({ level, opt }: RawSocketOption): boolean {
  return allowed[level]?.[opt] !== undefined;
}

/** Returns the sentence that refuses an option. */
export function forbiddenOnServer({ name, level, opt }: RawSocketOption): string {
  const names = Object.values(allowed).flatMap((options) => Object.values(options)).sort();
  return `a client may not set ${name} (level ${level}, option ${opt}) on a server, only on its own socket with side: client; ` +
    `allowed: ${names.join(", ")}`;
}
