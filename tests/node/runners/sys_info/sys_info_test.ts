import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SysInfoData } from "../../../../src/node/item.ts";
import { parseInterfaces, sysInfo } from "../../../../src/node/runners/sys_info/sys_info.ts";
import type { RunnerConfigs } from "../../../../src/node/runner_schemas.ts";
import { TineError } from "../../../../src/base/errors.ts";
import { TestContext } from "../test_context.ts";

type Values = Record<string, string>;

async function sectionsOf(config: RunnerConfigs["sysInfo"], context: TestContext): Promise<Record<string, Values>> {
  await sysInfo.run(config, context);
  const [item, ...more] = context.sent;
  assertEquals([item.type, more.length], ["sysInfo", 0]);
  return (item as SysInfoData).sections as Record<string, Values>;
}

Deno.test("sysInfo describes the system", async () => {
  await using context = new TestContext();
  const { os, kernel, cpu, memory, load, interfaces, commands, files, env, sysctl } = await sectionsOf({}, context);
  assert(os.name.length > 0);
  assertEquals(kernel.release, Deno.osRelease());
  assertEquals(kernel.bootId.length, 36);
  assert(Number(cpu.usable) > 0);
  assert(/^\d+ kB$/.test(memory.total), memory.total);
  assert(Number(load["1min"]) >= 0);
  assert(interfaces.lo.includes("127.0.0.1/8"), interfaces.lo);
  assertEquals([commands, files, env, sysctl], [undefined, undefined, undefined, undefined]);
});

Deno.test("sysInfo describes the system without any tool", async () => {
  await using context = new TestContext();
  context.processes.start = ({ program }) => {
    throw new TineError("no-program", `command "${program}" was not found in PATH`);
  };
  const { interfaces, notes, qdiscs } = await sectionsOf({}, context);
  assert(interfaces.lo.includes("127.0.0.1/8"), interfaces.lo);
  assertEquals(qdiscs, undefined);
  assertEquals(notes.ip, 'command "ip" was not found in PATH');
});

Deno.test("sysInfo keeps the output of commands, and notes what fails", async () => {
  await using context = new TestContext();
  const failing = "sh -c 'echo out; echo oops >&2; exit 3'";
  const { commands, notes } = await sectionsOf({ commands: ["echo 'a  b'", failing, "no-such-program"] }, context);
  assertEquals(commands, { "echo 'a  b'": "a  b", [failing]: "out\noops" });
  assertEquals(notes[failing], "exited with status 3: oops");
  assert(notes["no-such-program"].includes("no-such-program"));
});

Deno.test("sysInfo limits the output of commands", async () => {
  await using context = new TestContext();
  const { commands, notes } = await sectionsOf({ commands: ["head -c 3000000 /dev/zero"] }, context);
  assertEquals(commands["head -c 3000000 /dev/zero"].length, 1024 * 1024);
  assertEquals(notes["head -c 3000000 /dev/zero"], `is too long: ${3_000_000 - 1024 * 1024} bytes are left out`);
});

Deno.test("sysInfo limits all that is chosen together", async () => {
  await using context = new TestContext();
  const commands = Array.from({ length: 12 }, (_, i) => `head -c ${1_000_000 + i} /dev/zero`);
  const sections = await sectionsOf({ commands }, context);
  const kept = Object.values(sections.commands).reduce((sum, { length }) => sum + length, 0);
  assertEquals(kept, 8 * 1024 * 1024);
  assertEquals(commands.filter((command) => sections.notes[command] !== undefined).length, 4);
});

Deno.test("sysInfo keeps files, and notes those that are not there", async () => {
  await using context = new TestContext();
  const { files, notes } = await sectionsOf(
    { files: ["/proc/self/stat[mu]*", "/no/such", "/dev/zero", "/no/*"] },
    context,
  );
  assertEquals(Object.keys(files), ["/proc/self/statm", "/proc/self/status"]);
  assertEquals([notes["/no/such"], notes["/dev/zero"], notes["/no/*"]], [
    "is no file",
    "is no file",
    "matches no file",
  ]);
});

Deno.test("sysInfo keeps variables and masks secrets", async () => {
  Deno.env.set("TINE_TEST_A", "http://me:it@host/");
  Deno.env.set("TINE_TEST_TOKEN", "abc");
  try {
    await using context = new TestContext();
    const { env } = await sectionsOf({ env: ["TINE_TEST_*"] }, context);
    assertEquals(env, { TINE_TEST_A: "http://(masked)@host/", TINE_TEST_TOKEN: "(masked)" });
  } finally {
    Deno.env.delete("TINE_TEST_A");
    Deno.env.delete("TINE_TEST_TOKEN");
  }
});

Deno.test("sysInfo keeps kernel settings by pattern", async () => {
  await using context = new TestContext();
  const sysctl = ["net.ipv4.tcp_?mem", "kernel.ostype", "net.*.lo.forwarding", "no.such.*", "kernel.no"];
  const sections = await sectionsOf({ sysctl }, context);
  assertEquals(Object.keys(sections.sysctl), [
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "kernel.ostype",
    "net.ipv4.conf.lo.forwarding",
    "net.ipv6.conf.lo.forwarding",
  ]);
  assertEquals(sections.sysctl["kernel.ostype"], "Linux");
  assertEquals(sections.notes["no.such.*"], "matches no kernel setting");
  assertEquals(sections.notes["kernel.no"], "matches no kernel setting");
});

Deno.test("sysInfo ends its commands when it is canceled, and sends nothing", async () => {
  await using context = new TestContext();
  const start = context.processes.start;
  const started = Promise.withResolvers<void>();
  context.processes.start = (options) => {
    const process = start(options);
    if (options.program === "sleep") started.resolve();
    return process;
  };
  const running = sysInfo.run({ commands: ["sleep 60"] }, context);
  await started.promise;
  context.cancel();
  assertEquals((await assertRejects(() => running, TineError)).code, "canceled");
  assertEquals(context.sent, []);
});

Deno.test("parseInterfaces() makes a line of each interface", () => {
  const json = JSON.stringify([{
    ifname: "left",
    link: "right",
    mtu: 1500,
    qdisc: "tbf",
    operstate: "UP",
    address: "02:00:00:00:00:01",
    linkinfo: { info_kind: "veth" },
    addr_info: [{ local: "10.0.0.1", prefixlen: 24 }, { local: "fe80::1", prefixlen: 64 }],
  }, { ifname: "lo" }]);
  assertEquals(parseInterfaces(json), {
    left:
      "state UP, kind veth, link right, mtu 1500, mac 02:00:00:00:00:01, addresses 10.0.0.1/24 fe80::1/64, qdisc tbf",
    lo: "",
  });
});

Deno.test("parseInterfaces() has nothing for what is no list of interfaces", () => {
  for (const text of ["", "1: lo: <LOOPBACK>", "{}", "null"]) assertEquals(parseInterfaces(text), undefined);
  assertEquals(parseInterfaces("[null, 1, {}]"), {});
});
