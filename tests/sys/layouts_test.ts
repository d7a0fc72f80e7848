import { assert, assertEquals } from "@std/assert";
import * as constants from "../../src/sys/constants.ts";
import * as layouts from "../../src/sys/layouts.ts";
import { alignUp, controlSpace, type Layout } from "../../src/sys/layouts.ts";
import { tcpInfoPlaces } from "../../src/sys/tcp_info.ts";
import { runC, whyNoCompiler } from "../support/c_compiler.ts";
import { unless } from "../support/unless.ts";

const HEADERS = [
  "sys/socket.h",
  "netinet/in.h",
  "net/if.h",
  "linux/filter.h",
  "linux/tcp.h",
  "linux/udp.h",
  "linux/sockios.h",
  "sys/uio.h",
  "sys/epoll.h",
  "sys/eventfd.h",
  "sys/ioctl.h",
  "sys/prctl.h",
  "netdb.h",
  "poll.h",
  "time.h",
];

Deno.test({
  ...unless(whyNoCompiler, "layouts are those of the C compiler"),
  async fn() {
    const own = Object.values(layouts).filter((value): value is typeof value & Layout => typeof value === "object");
    assert(own.length > 10);
    const expected = own.flatMap(({ c, sizeBytes, at }) => [
      `${c} ${sizeBytes}`,
      ...Object.entries(at).map(([field, offset]) => `${c}.${field} ${offset}`),
    ]);
    const statements = own.flatMap(({ c, at }) => [
      `printf("${c} %zu\\n", sizeof(${c}));`,
      ...Object.keys(at).map((field) => `printf("${c}.${field} %zu\\n", offsetof(${c}, ${field}));`),
    ]);
    assertEquals(await runC(HEADERS, statements), expected);
  },
});

Deno.test({
  ...unless(whyNoCompiler, "constants are those of the C compiler"),
  async fn() {
    // Not in the headers of the system; net/tcp.h of the kernel.
    const entries = Object.entries(constants).filter(([name]) => name !== "TCP_CA_NAME_MAX");
    const statements = entries.map(([name]) => `printf("${name} %d\\n", (int)(${name}));`);
    assertEquals(await runC(HEADERS, statements), entries.map(([name, value]) => `${name} ${value}`));
  },
});

/** Linux 6.18 has them; the headers of a distribution are often older. */
const OF_ACCECN: readonly string[] = [
  "tcpi_received_ce",
  "tcpi_delivered_e1_bytes",
  "tcpi_delivered_e0_bytes",
  "tcpi_delivered_ce_bytes",
  "tcpi_received_e1_bytes",
  "tcpi_received_e0_bytes",
  "tcpi_received_ce_bytes",
];

Deno.test({
  ...unless(whyNoCompiler, "tcpInfoPlaces are those of the C compiler"),
  async fn() {
    const known = await Deno.readTextFile("/usr/include/linux/tcp.h");
    const places = Object.values(tcpInfoPlaces).filter(([c, , bits]) =>
      bits !== 1 && (!OF_ACCECN.includes(c) || known.includes(c))
    );
    const statements = places.map(([c]) =>
      `printf("${c} %zu %zu\\n", offsetof(struct tcp_info, ${c}), 8 * sizeof(((struct tcp_info *)0)->${c}));`
    );
    assertEquals(await runC(HEADERS, statements), places.map(([c, offset, bits]) => `${c} ${offset} ${bits}`));
    // A bit has no offset: where is it in memory?
    const [, offset] = tcpInfoPlaces.appLimited;
    const bit = [
      `struct tcp_info info = {0}; info.tcpi_delivery_rate_app_limited = 1;`,
      `printf("%d\\n", ((unsigned char *)&info)[${offset}]);`,
    ];
    assertEquals(await runC(HEADERS, bit), ["1"]);
  },
});

Deno.test({
  ...unless(whyNoCompiler, "controlSpace() is CMSG_SPACE"),
  async fn() {
    const lengths = [0, 1, 2, 4, 8, 12, 16, 20, 33];
    const statements = lengths.map((length) => `printf("%zu\\n", (size_t)CMSG_SPACE(${length}));`);
    assertEquals(await runC(HEADERS, statements), lengths.map((length) => `${controlSpace(length)}`));
  },
});

Deno.test("alignUp() gives the next multiple", () => {
  assertEquals([0, 1, 8, 9].map((value) => alignUp(value, 8)), [0, 8, 8, 16]);
});
