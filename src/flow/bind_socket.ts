import { type Family, parseIPv6 } from "../base/address.ts";
import { TineError } from "../base/errors.ts";
import { interfaceName, needsZone, SockAddr } from "../sys/address.ts";
import { IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP } from "../sys/constants.ts";
import { SystemError } from "../sys/errno.ts";
import type { Socket } from "../sys/socket.ts";
import { bindToDevice, flagOption, reuseAddress } from "../sys/socket_options.ts";
import { type Bind, parseBind } from "./bind.ts";

/** A stream's port is chosen when it connects: many may share one, to servers that differ. */
const addressWithoutPort = flagOption(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, "IP_BIND_ADDRESS_NO_PORT");

/**
 * Binds a socket before it connects.
 *
 * @throws {TineError} `unknown-interface`, `bind-forbidden`, `cannot-bind`
 */
export function bindSocket(socket: Socket, text: string): void {
  const { host, device, port } = parseBind(text);
  if (device !== undefined) bindDevice(socket, deviceName(device));
  if (host === undefined && port === 0) return;
  if (socket.protocol === "tcp") {
    if (port === 0) socket.set(addressWithoutPort, true);
    else socket.set(reuseAddress, true);
  }
  try {
    socket.bind(addressOf(socket.family, { host, device, port }));
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    throw new TineError("cannot-bind", `the client cannot be bound: ${cause.message}`, { cause });
  }
}

function addressOf(family: Family, { host, device, port }: Bind): SockAddr {
  if (host === undefined) return SockAddr.wildcard(family, port);
  const ipv6 = parseIPv6(host);
  const scoped = ipv6 !== undefined && needsZone(ipv6) ? `${host}%${device}` : host;
  return SockAddr.of(scoped, port);
}

function deviceName(device: string): string {
  return /^\d+$/.test(device) ? interfaceName(Number(device)) ?? device : device;
}

function bindDevice(socket: Socket, device: string): void {
  try {
    socket.set(bindToDevice, device);
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    if (cause.errnoName === "ENODEV") {
      throw new TineError("unknown-interface", `there is no network interface "${device}" to bind to`, { cause });
    }
    if (cause.errnoName !== "EPERM") throw cause;
    throw new TineError(
      "bind-forbidden",
      `this process may not bind to the interface "${device}" (${cause.errnoName}): before Linux 5.7 it takes root ` +
        `(CAP_NET_RAW); give the address of the interface alone`,
      { cause },
    );
  }
}
