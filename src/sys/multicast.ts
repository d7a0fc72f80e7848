/**
 * Options of UDP sockets that send to groups of multicast, or receive what is sent there: ip(7), ipv6(7) and RFC 3678.
 *
 * @module
 */
import type { SockAddr } from "./address.ts";
import * as c from "./constants.ts";
import { groupReq, groupSourceReq, ipMreqn } from "./layouts.ts";
import type { Socket } from "./socket.ts";
import { flagOption, intOption, type SocketOption } from "./socket_options.ts";

const ttl = {
  ipv4: intOption(c.IPPROTO_IP, c.IP_MULTICAST_TTL, "IP_MULTICAST_TTL"),
  ipv6: intOption(c.IPPROTO_IPV6, c.IPV6_MULTICAST_HOPS, "IPV6_MULTICAST_HOPS"),
};
const loop = {
  ipv4: flagOption(c.IPPROTO_IP, c.IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP"),
  ipv6: flagOption(c.IPPROTO_IPV6, c.IPV6_MULTICAST_LOOP, "IPV6_MULTICAST_LOOP"),
};
const all = {
  ipv4: flagOption(c.IPPROTO_IP, c.IP_MULTICAST_ALL, "IP_MULTICAST_ALL"),
  ipv6: flagOption(c.IPPROTO_IPV6, c.IPV6_MULTICAST_ALL, "IPV6_MULTICAST_ALL"),
};

/** Sets how many routers, itself not counted, a packet to a group may reach: 1 stays on the link. The kernel's default: 1. */
export function setMulticastHops(socket: Socket, hops: number): void {
  socket.set(ttl[socket.family], hops);
}

/** Sets whether sockets of this machine that have joined the group get what this one sends. The kernel's default: yes. */
export function setMulticastLoop(socket: Socket, on: boolean): void {
  socket.set(loop[socket.family], on);
}

/**
 * Sets through which interface packets to groups leave.
 *
 * @param index of the interface
 */
export function setMulticastInterface(socket: Socket, index: number): void {
  if (socket.family === "ipv6") socket.set(intOption(c.IPPROTO_IPV6, c.IPV6_MULTICAST_IF, "IPV6_MULTICAST_IF"), index);
  else socket.set(multicastInterface, index);
}

/** The kernel takes the interface of IPv4 by its index behind two addresses. */
const multicastInterface: SocketOption<number> = {
  name: "IP_MULTICAST_IF",
  level: c.IPPROTO_IP,
  number: c.IP_MULTICAST_IF,
  maxBytes: ipMreqn.sizeBytes,
  encode(index) {
    const bytes = new Uint8Array(ipMreqn.sizeBytes);
    new DataView(bytes.buffer).setInt32(ipMreqn.at.imr_ifindex, index, true);
    return bytes;
  },
  decode: () => cannotBeRead("IP_MULTICAST_IF"),
};

/** A group to join. */
export interface GroupMembership {
  /** Its port does not matter. */
  readonly group: SockAddr;
  /** Only what this address sends is wanted (SSM, RFC 4607); absent: what any address sends. */
  readonly source?: SockAddr;
  /** The index of the interface; 0: the route decides. */
  readonly interfaceIndex: number;
}

/**
 * Joins a group: the kernel asks routers for it by IGMP or MLD, until the socket is closed. The socket gets packets of
 * the groups that it has joined, and not of those that other sockets have.
 *
 * @throws {SystemError} ENODEV: no route leads to the group, and no interface is given; EINVAL: it is no group
 */
export function joinGroup(socket: Socket, membership: GroupMembership): void {
  const level = socket.family === "ipv4" ? c.IPPROTO_IP : c.IPPROTO_IPV6;
  socket.set(all[socket.family], false);
  socket.set(membership.source === undefined ? anySource(level) : oneSource(level), membership);
}

function anySource(level: number): SocketOption<GroupMembership> {
  return membershipOption(level, c.MCAST_JOIN_GROUP, "MCAST_JOIN_GROUP", ({ group, interfaceIndex }) => {
    const bytes = new Uint8Array(groupReq.sizeBytes);
    new DataView(bytes.buffer).setUint32(groupReq.at.gr_interface, interfaceIndex, true);
    bytes.set(group.bytes, groupReq.at.gr_group);
    return bytes;
  });
}

function oneSource(level: number): SocketOption<GroupMembership> {
  return membershipOption(
    level,
    c.MCAST_JOIN_SOURCE_GROUP,
    "MCAST_JOIN_SOURCE_GROUP",
    ({ group, source, interfaceIndex }) => {
      const bytes = new Uint8Array(groupSourceReq.sizeBytes);
      new DataView(bytes.buffer).setUint32(groupSourceReq.at.gsr_interface, interfaceIndex, true);
      bytes.set(group.bytes, groupSourceReq.at.gsr_group);
      bytes.set(source!.bytes, groupSourceReq.at.gsr_source);
      return bytes;
    },
  );
}

/** An option that can only be set. */
function membershipOption(
  level: number,
  number: number,
  name: string,
  encode: SocketOption<GroupMembership>["encode"],
): SocketOption<GroupMembership> {
  return {
    name,
    level,
    number,
    maxBytes: 0,
    encode,
    decode: () => cannotBeRead(name),
  };
}

function cannotBeRead(name: string): never {
  throw new Error(`${name} cannot be read`);
}
