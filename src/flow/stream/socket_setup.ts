import { setCongestionControl } from "../../sys/congestion_control.ts";
import * as c from "../../sys/constants.ts";
import { setTrafficClass } from "../../sys/ip_options.ts";
import type { Socket } from "../../sys/socket.ts";
import { byteOption, intOption, textOption } from "../../sys/socket_option.ts";
import { TineError } from "../../wire/errors.ts";
import type { SocketOption } from "../config.ts";
import type { StreamRequest } from "./words.ts";

/** What a client may set on a server's socket, by level and number: nothing that outlives the connection or leaves it. */
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

/**
 * Sets what the request says on the client's socket; before it connects, so that the first packet has it.
 *
 * @throws {TineError} what the kernel refuses
 */
export function setUpClient(socket: Socket, request: StreamRequest): void {
  setUp(socket, request, request.direction === "upload");
}

/**
 * Sets what the request says on the server's socket.
 *
 * @throws {TineError} `forbidden-socket-option`, and what the kernel refuses
 */
export function setUpServer(socket: Socket, request: StreamRequest): void {
  for (const { level, opt, name } of request.sockopt ?? []) {
    if (allowed[level]?.[opt] !== undefined) continue;
    const names = Object.values(allowed).flatMap((options) => Object.values(options)).sort();
    throw new TineError(
      "forbidden-socket-option",
      `a client may not set ${name} (level ${level}, option ${opt}) on a server; allowed: ${names.join(", ")}`,
    );
  }
  setUp(socket, request, request.direction === "download");
}

function setUp(socket: Socket, { cca, dscp, sockopt = [] }: StreamRequest, isSender: boolean): void {
  if (cca !== undefined && isSender) setCongestionControl(socket, cca);
  if (dscp !== undefined) setTrafficClass(socket, dscp << 2);
  for (const option of sockopt) setOption(socket, option);
}

function setOption(socket: Socket, { type, level, opt, name, value }: SocketOption): void {
  if (typeof value === "string") socket.set(textOption(level, opt, name), value);
  else socket.set(type === "byte" ? byteOption(level, opt, name) : intOption(level, opt, name), value);
}
