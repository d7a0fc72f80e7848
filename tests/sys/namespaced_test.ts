import { assertEquals, assertMatch } from "@std/assert";
import { congestionControls } from "../../src/sys/socket_options.ts";
import { whyNoNamespaces } from "../support/namespaces.ts";
import { unless, whyNoRoot, whyNotInstalled } from "../support/unless.ts";

const linux = Deno.build.os === "linux";
const rootless = linux && Deno.uid() !== 0;
const noNamespaces = linux ? whyNoNamespaces({ rootless }) : "not Linux";

/** Code that imports what it is to try, by names that stand for files of src/sys. */
function program(body: string): string {
  const sys = new URL("../../src/sys/", import.meta.url);
  return `
    import { Arena } from "${sys}arena.ts";
    import { SockAddr } from "${sys}address.ts";
    import { setCongestionControl } from "${sys}socket_options.ts";
    import * as ip from "${sys}ip_options.ts";
    import { ReceiveBatch } from "${sys}receive_batch.ts";
    import { SendBatch } from "${sys}send_batch.ts";
    import { Socket } from "${sys}socket.ts";
    const attempt = (run) => { try { return run(); } catch (error) { return error.message; } };
    ${body}`;
}

/** Runs code in a Deno that other words start; what it prints. */
async function run(words: readonly string[], body: string): Promise<string[]> {
  const [command, ...args] = [...words, Deno.execPath(), "run", "--quiet", "--no-check", "--no-prompt", "-A", "-"];
  const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program(body)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** A namespace of its own with an interface that leads nowhere, and has the address fe80::1. */
const NAMESPACE = [
  "unshare",
  ...rootless ? ["--user", "--map-root-user"] : [],
  "--net",
  "sh",
  "-ec",
  `PATH=$PATH:/usr/sbin:/sbin
   ip link set lo up; ip link add nowhere type veth peer name end; ip link set end up; ip link set nowhere mtu 1400 up
   ip addr add 192.0.2.1/24 dev nowhere; ip addr add fe80::1/64 dev nowhere nodad
   ip addr add 2001:db8::1/64 dev nowhere nodad
   exec "$@"`,
  "sh",
];

Deno.test({
  ...unless(noNamespaces, "SendBatch.reply() answers link-local addresses on the interface that they came from"),
  async fn() {
    const lines = await run(
      NAMESPACE,
      `using server = Socket.open("udp", "ipv6");
       server.bind(SockAddr.wildcard("ipv6", 7000));
       ip.receiveLocalAddress(server);
       using client = Socket.open("udp", "ipv6");
       console.log(attempt(() => client.connect(SockAddr.parse("[fe80::1]:7000"))));
       client.connect(SockAddr.parse("[fe80::1%nowhere]:7000"));
       client.send(Uint8Array.of(1, 2, 3));
       using arena = new Arena();
       const sending = new SendBatch(arena), receiving = new ReceiveBatch(arena);
       console.log(receiving.receive(server), receiving.isFrom(0, client.localAddress()));
       sending.reply(0, receiving, 0);
       sending.setLength(0, 5);
       console.log(sending.send(server, 0, 1), receiving.receive(client), receiving.length(0));`,
    );
    assertMatch(lines[0], /^connect to \[fe80::1\]:7000: invalid argument \(EINVAL\)$/);
    assertEquals(lines.slice(1), ["1 true", "1 1 5"]);
  },
});

Deno.test({
  ...unless(noNamespaces, "setOversize() decides whether what is too long for an interface is refused"),
  async fn() {
    const lines = await run(
      NAMESPACE,
      `for (const host of ["192.0.2.9", "2001:db8::9"]) {
         for (const what of ["refuse", "probe", "fragment"]) {
           const address = SockAddr.of(host, 9);
           using socket = Socket.open("udp", address.family);
           ip.setOversize(socket, what);
           socket.connect(address);
           console.log(ip.pathMtu(socket), what, attempt(() => socket.send(new Uint8Array(1380))));
         }
       }`,
    );
    const refusal = /^1400 (refuse|probe) send udp .*: message too long \(EMSGSIZE\)$/;
    for (const i of [0, 1, 3, 4]) assertMatch(lines[i], refusal);
    assertEquals([lines[2], lines[5]], ["1400 fragment 1380", "1400 fragment 1380"]);
  },
});

const forbidden = linux ? congestionControls(true).find((name) => !congestionControls().includes(name)) : undefined;
const noForbidden = whyNoRoot ?? whyNotInstalled("setpriv") ??
  (forbidden === undefined ? "the kernel forbids no congestion control" : whyNotBounded());

function whyNotBounded(): string | undefined {
  const args = ["--bounding-set", "-all", "true"];
  const { success } = new Deno.Command("setpriv", { args, stderr: "null" }).outputSync();
  return success ? undefined : "the kernel lets root drop no capability";
}

Deno.test({
  ...unless(noForbidden, "setCongestionControl() without privileges says what is forbidden, and what is allowed"),
  async fn() {
    const lines = await run(
      ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"],
      `using socket = Socket.open("tcp", "ipv4");
       console.log(attempt(() => setCongestionControl(socket, "${forbidden}")));
       console.log(attempt(() => setCongestionControl(socket, "nope")));`,
    );
    const usable = congestionControls().join(", ");
    const remedy = "root may use it, and sysctl net.ipv4.tcp_allowed_congestion_control allows it to all";
    assertEquals(lines, [
      `congestion control "${forbidden}" is not allowed (EPERM); usable: ${usable}; ${remedy}`,
      `the kernel has no congestion control "nope" (ENOENT); usable: ${usable}`,
    ]);
  },
});
