import type { IncomingMessage } from "node:http";
import { ipFamily, isLoopback } from "../../base/address.ts";

/** Why a request is refused. */
export interface HttpRefusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The headers of every response: pages are for their reader alone, and load nothing from elsewhere. */
export const HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** Makes a secret that an address has in its path: 128 random bits. */
export function makeToken(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * Checks a request: only GET and HEAD, only under a name of this machine, so that no page of another site reaches the
 * server by a name that leads here, and only with the token.
 *
 * @param request what was asked for
 * @param token the secret
 * @param hostname what the server listens on
 * @returns the path behind the token, its parts decoded; or why it is refused
 */
export function checkHttpRequest(
  request: IncomingMessage,
  token: string,
  hostname: string,
): readonly string[] | HttpRefusal {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, text: "this server answers GET and HEAD", headers: { Allow: "GET, HEAD" } };
  }
  if (!isHostHere(request.headers.host ?? "", hostname)) {
    return { status: 421, text: "this server answers under a name of its machine, such as localhost or 127.0.0.1" };
  }
  const notFound = { status: 404, text: "there is nothing here: the address needs the token that was printed" };
  const path = (request.url ?? "").split("?", 1)[0];
  if (!path.startsWith("/")) return notFound;
  const [given, ...rest] = path.slice(1).split("/");
  if (!isSame(given, token) || rest.length === 0) return notFound;
  try {
    return rest.map(decodeURIComponent);
  } catch {
    return notFound;
  }
}

/**
 * Whether a Host header names this machine: an address, or a name that leads to the loopback only, with any port, since
 * ssh may forward another one.
 */
function isHostHere(host: string, hostname: string): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(host)?.[1].toLowerCase();
  if (name === undefined) return false;
  const bare = name.replace(/^\[|\]$/g, "");
  if (bare === "localhost" || isLoopback(bare) || bare === hostname.toLowerCase()) return true;
  // A server for the network is reached by an address of its own: no site can have that as its name.
  return !isLoopback(hostname) && ipFamily(bare) !== undefined;
}

/** Compares texts in a time that does not depend on where they differ. */
function isSame(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) difference |= given.charCodeAt(i) ^ expected.charCodeAt(i);
  return difference === 0;
}
