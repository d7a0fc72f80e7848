import { isGroup } from "../../base/address.ts";
import { TineError } from "../../base/errors.ts";
import { interfaceIndex, interfaceName, SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import { joinGroup, setMulticastHops, setMulticastInterface, setMulticastLoop } from "../../sys/multicast.ts";
import type { Socket } from "../../sys/socket.ts";
import { reuseAddress, v6Only } from "../../sys/socket_options.ts";
import type { PacketClientConfig } from "../config.ts";
import { type Join, joinedAddress } from "./join.ts";

/** The index of the loopback interface in every network namespace: LOOPBACK_IFINDEX of the kernel. */
const LOOPBACK_INDEX = 1;

/**
 * Connects a socket of a client to its server or its group.
 *
 * @param address where its packets go
 * @throws {TineError} `unknown-interface`, `no-route-to-group`
 */
export function connectPacketSocket(socket: Socket, address: SockAddr, config: PacketClientConfig): void {
  if (!isGroup(address.host)) {
    socket.connect(address);
    return;
  }
  const { ttl = 1, interface: device, loop = true } = config;
  setMulticastHops(socket, ttl);
  setMulticastLoop(socket, loop);
  if (device !== undefined) {
    const index = indexOf(device);
    setMulticastInterface(socket, index);
    // The kernel does not choose its address, and would send from 0.0.0.0.
    if (index === LOOPBACK_INDEX && config.bind === undefined) {
      socket.bind(SockAddr.loopback(address.family, 0));
    }
  }
  try {
    socket.connect(address);
  } catch (cause) {
    const { errnoName = "" } = cause instanceof SystemError ? cause : {};
    if (device !== undefined && ["ENETUNREACH", "EADDRNOTAVAIL"].includes(errnoName)) {
      const why = `the interface "${device}" is down, or has no address of its family (${errnoName})`;
      throw new TineError("no-route-to-group", `nothing can be sent to the group ${address.host}: ${why}`, { cause });
    }
    if (errnoName === "ENETUNREACH") {
      throw new TineError(
        "no-route-to-group",
        `no route leads to the group ${address.host} (${errnoName}): name the interface that its packets leave by`,
        { cause },
      );
    }
    throw cause;
  }
}

/**
 * Binds a socket to a group and its port, and joins it: other sockets of this machine may do the same.
 *
 * @throws {TineError} `unknown-interface`, `cannot-join`
 */
export function bindToGroup(socket: Socket, join: Join): void {
  const { group, family, source, device } = join;
  if (family === "ipv6") socket.set(v6Only, true);
  socket.set(reuseAddress, true);
  const address = SockAddr.parse(joinedAddress(join));
  socket.bind(address);
  try {
    joinGroup(socket, {
      group: address,
      source: source === undefined ? undefined : SockAddr.of(source, 0),
      interfaceIndex: device === undefined ? 0 : indexOf(device),
    });
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    const why = cause.errnoName === "ENODEV"
      ? device === undefined
        ? `no route leads to it (${cause.errnoName}): name the interface, ${group}%eth0`
        : `the interface "${device}" has no address for it (${cause.errnoName})`
      : cause.errnoName === "ENOBUFS"
      ? `there are too many memberships (${cause.errnoName}): see sysctl net.ipv4.igmp_max_memberships`
      : cause.errnoName;
    throw new TineError("cannot-join", `the group ${group} cannot be joined: ${why}`, { cause });
  }
}

/** Returns the index of an interface that is named, or given by its index. */
function indexOf(device: string): number {
  if (!/^\d+$/.test(device)) return interfaceIndex(device);
  const index = Number(device);
  if (interfaceName(index) !== undefined) return index;
  throw new TineError("unknown-interface", `there is no network interface with the index ${device}`);
}
