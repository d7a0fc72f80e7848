/**
 * How structures of the kernel and the C library lie in memory: sizes and offsets in bytes, under the names of the C
 * headers. The same on x86-64 and ARM64, which both are little-endian and have 64-bit longs and pointers, with one exception.
 *
 * @module
 */

/** A structure: its name in C, its size, and where its fields start. */
export interface Layout {
  readonly c: string;
  readonly sizeBytes: number;
  readonly at: Readonly<Record<string, number>>;
}

/** An IPv4 address with a port, ip(7). Family in the machine's byte order, port in the network's. */
export const sockaddrIn = {
  c: "struct sockaddr_in",
  sizeBytes: 16,
  at: { sin_family: 0, sin_port: 2, sin_addr: 4 },
} as const satisfies Layout;

/** An IPv6 address with a port, ipv6(7). */
export const sockaddrIn6 = {
  c: "struct sockaddr_in6",
  sizeBytes: 28,
  at: { sin6_family: 0, sin6_port: 2, sin6_flowinfo: 4, sin6_addr: 8, sin6_scope_id: 24 },
} as const satisfies Layout;

/** An instruction of classic BPF, Documentation/networking/filter.rst of the kernel. */
export const sockFilter = {
  c: "struct sock_filter",
  sizeBytes: 8,
  at: { code: 0, jt: 2, jf: 3, k: 4 },
} as const satisfies Layout;

/** A program of classic BPF: how many instructions, and where they are. */
export const sockFprog = {
  c: "struct sock_fprog",
  sizeBytes: 16,
  at: { len: 0, filter: 8 },
} as const satisfies Layout;

/** A piece of memory, readv(2). */
export const iovec = {
  c: "struct iovec",
  sizeBytes: 16,
  at: { iov_base: 0, iov_len: 8 },
} as const satisfies Layout;

/** A message, sendmsg(2). */
export const msghdr = {
  c: "struct msghdr",
  sizeBytes: 56,
  at: {
    msg_name: 0,
    msg_namelen: 8,
    msg_iov: 16,
    msg_iovlen: 24,
    msg_control: 32,
    msg_controllen: 40,
    msg_flags: 48,
  },
} as const satisfies Layout;

/** One of several messages, sendmmsg(2). */
export const mmsghdr = {
  c: "struct mmsghdr",
  sizeBytes: 64,
  at: { msg_hdr: 0, msg_len: 56 },
} as const satisfies Layout;

/** The head of a control message, cmsg(3); its data follow. */
export const cmsghdr = {
  c: "struct cmsghdr",
  sizeBytes: 16,
  at: { cmsg_len: 0, cmsg_level: 8, cmsg_type: 12 },
} as const satisfies Layout;

/** The local address of an IPv4 packet, ip(7). */
export const inPktinfo = {
  c: "struct in_pktinfo",
  sizeBytes: 12,
  at: { ipi_ifindex: 0, ipi_spec_dst: 4, ipi_addr: 8 },
} as const satisfies Layout;

/** The local address of an IPv6 packet, ipv6(7). */
export const in6Pktinfo = {
  c: "struct in6_pktinfo",
  sizeBytes: 20,
  at: { ipi6_addr: 0, ipi6_ifindex: 16 },
} as const satisfies Layout;

/** The interface of IPv4 packets to groups, IP_MULTICAST_IF of ip(7). */
export const ipMreqn = {
  c: "struct ip_mreqn",
  sizeBytes: 12,
  at: { imr_multiaddr: 0, imr_address: 4, imr_ifindex: 8 },
} as const satisfies Layout;

/** A group to join, RFC 3678. */
export const groupReq = {
  c: "struct group_req",
  sizeBytes: 136,
  at: { gr_interface: 0, gr_group: 8 },
} as const satisfies Layout;

/** A group to join for what one source sends to it, RFC 3678. */
export const groupSourceReq = {
  c: "struct group_source_req",
  sizeBytes: 264,
  at: { gsr_interface: 0, gsr_group: 8, gsr_source: 136 },
} as const satisfies Layout;

/** A time, timespec(3). */
export const timespec = {
  c: "struct timespec",
  sizeBytes: 16,
  at: { tv_sec: 0, tv_nsec: 8 },
} as const satisfies Layout;

/** A file to poll, poll(2). */
export const pollfd = {
  c: "struct pollfd",
  sizeBytes: 8,
  at: { fd: 0, events: 4, revents: 6 },
} as const satisfies Layout;

/** A file that is ready, epoll_ctl(2): without gaps on x86-64 alone. */
export const epollEvent = {
  c: "struct epoll_event",
  sizeBytes: Deno.build.arch === "x86_64" ? 12 : 16,
  at: { events: 0, data: Deno.build.arch === "x86_64" ? 4 : 8 },
} as const satisfies Layout;

/** What closing does with data that are not sent yet, socket(7). */
export const linger = {
  c: "struct linger",
  sizeBytes: 8,
  at: { l_onoff: 0, l_linger: 4 },
} as const satisfies Layout;

/** A question to the resolver, or one of its answers, getaddrinfo(3). */
export const addrinfo = {
  c: "struct addrinfo",
  sizeBytes: 48,
  at: { ai_flags: 0, ai_family: 4, ai_socktype: 8, ai_protocol: 12, ai_addrlen: 16, ai_addr: 24, ai_next: 40 },
} as const satisfies Layout;

/** Returns the space of a control message, CMSG_SPACE of cmsg(3). */
export function controlSpace(dataBytes: number): number {
  return cmsghdr.sizeBytes + alignUp(dataBytes, 8);
}

/** The next multiple of a power of two. */
export function alignUp(value: number, powerOfTwo: number): number {
  return Math.ceil(value / powerOfTwo) * powerOfTwo;
}
