/**
 * Groups of multicast, as far as Deno's network API goes: it joins for all sources, has a TTL for IPv4, and no interface
 * of what is sent.
 *
 * @module
 */
import { TineError } from "../../base/errors.ts";
import type { SockAddr } from "../../sys/address.ts";
import type { PacketClientConfig } from "../config.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import type { Join } from "../multicast/join.ts";
import { refuseSettings, systemError } from "./portable_host.ts";

/** A membership as Deno takes it: an address of the interface for IPv4, its index for IPv6. */
type Membership =
  | { readonly family: "ipv4"; readonly group: string; readonly of: string }
  | { readonly family: "ipv6"; readonly group: string; readonly of: number };

/** Returns the settings of a client that Deno's network API does not have for the group of an address. */
export function groupNeedsRawSockets({ family }: SockAddr, config: PacketClientConfig): string[] {
  return [
    ...config.interface === undefined ? [] : ["interface"],
    ...family === "ipv6" && config.ttl !== undefined && config.ttl !== 1 ? ["ttl over IPv6"] : [],
  ];
}

/**
 * Returns how Deno joins a group.
 *
 * @throws {TineError} `ffi-unavailable`, for a group of one source; `unknown-interface`
 */
export function portableMembership({ group, family, source, device }: Join): Membership {
  refuseSettings(source === undefined ? [] : ["the source of a group"]);
  const those = device === undefined ? [] : Deno.networkInterfaces().filter(({ name }) => name === device);
  if (device !== undefined && those.length === 0) {
    throw new TineError("unknown-interface", `there is no network interface "${device}"`);
  }
  const found = those.find((one) =>
    one.family === (family === "ipv4" ? "IPv4" : "IPv6") && (family === "ipv4" || one.scopeid)
  );
  if (device !== undefined && found === undefined) {
    throw new TineError("cannot-join", `the group ${group} cannot be joined: "${device}" has no address of its family`);
  }
  if (family === "ipv4") return { family, group, of: found?.address ?? "0.0.0.0" };
  return { family, group, of: found?.scopeid ?? 0 };
}

/** Joins a group; what cannot be fails the flow. */
export function enter(socket: Deno.DatagramConn, host: FlowHost, membership: Membership): void {
  const { family, group, of } = membership;
  const joined = family === "ipv4" ? socket.joinMulticastV4(group, of) : socket.joinMulticastV6(group, of);
  joined.catch((error) => host.fail(systemError(error, "join", `of ${group}`)));
}

/** Sets TTL and loop of what is sent to a group: Deno has them of memberships alone, so it joins, and leaves again. */
export function setUpSender(
  socket: Deno.DatagramConn,
  host: FlowHost,
  { family, host: group }: SockAddr,
  { ttl = 1, loop = true }: PacketClientConfig,
): void {
  // Those are the system's own.
  if (ttl === 1 && loop) return;
  const { hostname } = socket.addr as Deno.NetAddr;
  const setUp = async () => {
    if (family === "ipv6") {
      const membership = await socket.joinMulticastV6(group.split("%")[0], 0);
      await membership.setLoopback(loop);
      await membership.leave();
      return;
    }
    const membership = await socket.joinMulticastV4(group, hostname);
    await membership.setTTL(ttl);
    await membership.setLoopback(loop);
    await membership.leave();
  };
  setUp().catch((error) => host.fail(systemError(error, "setsockopt", `for ${group}`)));
}
