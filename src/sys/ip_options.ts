/**
 * Options of IPv4 and IPv6 with separate names. An IPv6 socket that also takes IPv4 needs both.
 *
 * @module
 */
import * as c from "./constants.ts";
import type { Socket } from "./socket.ts";
import { intOption, type SocketOption, v6Only } from "./socket_options.ts";

interface Pair {
  readonly ipv4: SocketOption<number>;
  readonly ipv6: SocketOption<number>;
}

function pair(ipv4: readonly [number, string], ipv6: readonly [number, string]): Pair {
  return { ipv4: intOption(c.IPPROTO_IP, ...ipv4), ipv6: intOption(c.IPPROTO_IPV6, ...ipv6) };
}

const trafficClass = pair([c.IP_TOS, "IP_TOS"], [c.IPV6_TCLASS, "IPV6_TCLASS"]);
const reportTrafficClass = pair([c.IP_RECVTOS, "IP_RECVTOS"], [c.IPV6_RECVTCLASS, "IPV6_RECVTCLASS"]);
const packetInfo = pair([c.IP_PKTINFO, "IP_PKTINFO"], [c.IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO"]);
const mtuDiscover = pair([c.IP_MTU_DISCOVER, "IP_MTU_DISCOVER"], [c.IPV6_MTU_DISCOVER, "IPV6_MTU_DISCOVER"]);
const hopLimit = pair([c.IP_TTL, "IP_TTL"], [c.IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS"]);
const reportHopLimit = pair([c.IP_RECVTTL, "IP_RECVTTL"], [c.IPV6_RECVHOPLIMIT, "IPV6_RECVHOPLIMIT"]);
const mtu = pair([c.IP_MTU, "IP_MTU"], [c.IPV6_MTU, "IPV6_MTU"]);

/**
 * The treatment of packets that are too long for the path. `fragment`: they are fragmented; `refuse`: sending fails with
 * EMSGSIZE if the kernel knows the path MTU, also from reports of routers; `probe`: they are sent whole, whatever routers
 * report.
 */
export type Oversize = "fragment" | "refuse" | "probe";

/** Treatments of too long packets, as flows name them. */
export const OVERSIZE = { allow: "fragment", forbid: "refuse", probe: "probe" } as const;

/** The name of a treatment of too long packets. */
export type Fragment = keyof typeof OVERSIZE;

const oversize = { fragment: c.IP_PMTUDISC_DONT, refuse: c.IP_PMTUDISC_DO, probe: c.IP_PMTUDISC_PROBE } as const;

/**
 * Sets the byte of the IP header that was called TOS: DSCP in the upper six bits, ECN in the lower two. TCP sets the
 * ECN bits itself.
 *
 * @param value 0 to 255
 */
export function setTrafficClass(socket: Socket, value: number): void {
  setBoth(socket, trafficClass, value);
}

/** The byte of the IP header that was called TOS. */
export function getTrafficClass(socket: Socket): number {
  return socket.get(trafficClass[socket.family]);
}

/** That byte comes with each packet, see ReceiveBatch. */
export function receiveTrafficClass(socket: Socket, on = true): void {
  setBoth(socket, reportTrafficClass, on ? 1 : 0);
}

/** The TTL or hop limit that a packet arrived with comes with it, see ReceiveBatch. */
export function receiveHopLimit(socket: Socket, on = true): void {
  setBoth(socket, reportHopLimit, on ? 1 : 0);
}

/** The local address that a packet was sent to comes with it, see ReceiveBatch: for a socket bound to a wildcard. */
export function receiveLocalAddress(socket: Socket, on = true): void {
  setBoth(socket, packetInfo, on ? 1 : 0);
}

/** Sets what becomes of packets that are too long for the path. */
export function setOversize(socket: Socket, what: Oversize): void {
  setBoth(socket, mtuDiscover, oversize[what]);
}

/** Sets how many routers packets may pass. */
export function setHopLimit(socket: Socket, hops: number): void {
  setBoth(socket, hopLimit, hops);
}

/**
 * The MTU of the path of a connected socket as the kernel knows it, in bytes, with the IP header.
 *
 * @throws {SystemError} ENOTCONN also for as long as the socket has no route: from a new traffic class to the next packet
 */
export function pathMtu(socket: Socket): number {
  const mapped = socket.family === "ipv6" && socket.peerAddress().isMapped;
  return socket.get(mapped ? mtu.ipv4 : mtu[socket.family]);
}

function setBoth(socket: Socket, options: Pair, value: number): void {
  socket.set(options[socket.family], value);
  if (socket.family === "ipv6" && !socket.get(v6Only)) socket.set(options.ipv4, value);
}
