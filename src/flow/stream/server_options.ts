import * as c from "../../sys/constants.ts";
import type { SocketOption } from "../config.ts";

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

/** Whether a client may have a server set an option on its socket. */
export function mayBeSetOnServer({ level, opt }: SocketOption): boolean {
  return allowed[level]?.[opt] !== undefined;
}

/** What to say of an option that it may not. */
export function forbiddenOnServer({ name, level, opt }: SocketOption): string {
  const names = Object.values(allowed).flatMap((options) => Object.values(options)).sort();
  return `a client may not set ${name} (level ${level}, option ${opt}) on a server, with side: client on its own socket; ` +
    `allowed: ${names.join(", ")}`;
}
