import { assert, assertEquals } from "@std/assert";
import {
  type Machine,
  type Node,
  parsePlan,
  type PlanInput,
  type RunInput,
  vetPlan,
} from "../../../../src/node/mod.ts";
import { planSchemasWith } from "../../../../src/node/plan/schema.ts";
import { thisMachine } from "../../../../src/node/plan/vet/vet.ts";
import { validatePlan } from "../../../../src/node/plan/validate.ts";
import type { Runner } from "../../../../src/node/runner.ts";
import { runners } from "../../../../src/node/runners.ts";
import { LEFT, planOf } from "../samples.ts";

const ROOT: Machine = {
  root: true,
  rootless: false,
  namespaces: new Set(["old"]),
  cpus: [0, 1],
  hasProgram: () => true,
};
const USER: Machine = { ...ROOT, root: false, rootless: true };
const NETNS = { create: true };
const SENDER = { unresponsive: { duration: "1s" } };
const FAR = { id: "far", launcher: { ssh: {} } };

/** What is found, a line each: severity, code, place, message. */
function found(plan: PlanInput, machine = ROOT): string[] {
  return vetPlan(validatePlan(plan), { machine }).findings
    .map(({ severity, code, place, message }) => `${severity} ${code} ${place}: ${message}`);
}

/** A run on a node. */
const on = (node: Node, run: RunInput = { sleep: "1s" }): RunInput => ({ child: { node, ...run } });
const both = (...serial: RunInput[]) => planOf({ serial });

const cases: [string, PlanInput, Machine, string[]][] = [
  [
    "CPUs that this machine does not have",
    both(
      on({ ...LEFT, cpu: "0-3" }, { packetServer: { listenAddr: ":0", cpu: 1 } }),
      on({ ...FAR, cpu: 9 }, { streamServer: { listenAddr: ":0", cpu: 7 } }),
      { streamClient: { addr: "127.0.0.1:1", upload: { flow: "bulk", length: "1B" }, cpu: 2 } },
      { packetClient: { addr: "127.0.0.1:1", flow: "voip", sender: [SENDER], cpu: "1,4-5" } },
    ),
    ROOT,
    [
      "error no-such-cpu tests[0].serial[0].child.node.cpu: is to run on CPU 2-3, which is not there: this machine has 0-1",
      "error no-such-cpu tests[0].serial[2].streamClient.cpu: is to run on CPU 2, which is not there: this machine has 0-1",
      "error no-such-cpu tests[0].serial[3].packetClient.cpu: is to run on CPU 4-5, which is not there: this machine has 0-1",
    ],
  ],
  [
    "tests with the same id",
    {
      tests: [{ id: { a: "1", b: "2" }, sleep: "1s" }, { id: { b: "2", a: "1" }, sleep: "1s" }],
    },
    ROOT,
    [
      "error same-test-id tests[1].id: b=2, a=1 is the id of tests[0] too; add a name and value that tell them apart",
    ],
  ],
  [
    "flows with the same id, in one test",
    {
      tests: [
        {
          id: { a: "1" },
          serial: [
            { streamClient: { addr: "127.0.0.1:1", upload: { flow: "bulk", length: "1B" } } },
            { child: { node: LEFT, packetClient: { addr: "127.0.0.1:1", flow: "bulk", sender: [SENDER] } } },
          ],
        },
        { id: { a: "2" }, streamClient: { addr: "127.0.0.1:1", upload: { flow: "bulk", length: "1B" } } },
      ],
    },
    ROOT,
    [
      "error same-flow-id tests[0].serial[1].child: bulk is the id of the flow at " +
      "tests[0].serial[0] too; give one of them another id",
    ],
  ],
  [
    "a file that two nodes write, or that is a folder of another",
    both(
      { system: { command: "true", stdout: "a.txt", stderr: "bufmem:dir/err" } },
      on(LEFT, { system: { command: "true", stdout: "b.txt" } }),
      on(LEFT, { system: { command: "true", stdout: "b.txt" } }),
      on(LEFT, { system: { command: "true", stdout: "buftmp:a.txt", stderr: "dir/out" } }),
      { system: { command: "true", stdout: "dir", stderr: "stream" } },
      { system: { command: "true", stdout: "b.txt/c", stderr: "gather" } },
    ),
    ROOT,
    [
      "error same-file tests[0].serial[3].child: writes the file a.txt, as the root does at tests[0].serial[0]; " +
      "give one of them another name",
      "error same-file tests[0].serial[4]: writes the file dir, but tests[0].serial[0] writes dir/err in a folder of " +
      "this name",
      "error same-file tests[0].serial[5]: writes the file b.txt/c, but b.txt is no folder: tests[0].serial[1].child " +
      "writes a file of this name",
    ],
  ],
  [
    "a client and a server that do not agree",
    both(
      { streamServer: { listenAddr: "10.0.0.1:7000", listenAddrKey: "tcp" } },
      { packetServer: { listenAddr: "10.0.0.1:7000", listenAddrKey: "udp", hmac: false } },
      { streamClient: { addrKey: "tcp", hmac: false, upload: { flow: "a", length: "1B" } } },
      { streamClient: { addr: "10.0.0.1:7000", hmac: false, upload: { flow: "b", length: "1B" } } },
      { streamClient: { addrKey: "udp", upload: { flow: "c", length: "1B" } } },
      { packetClient: { addrKey: "udp", flow: "d", sender: [SENDER] } },
      {
        packetClient: {
          addrKey: "udp",
          flow: "e",
          hmac: false,
          maxPacketSize: "9000B",
          sender: [{ unresponsive: { duration: "1s", length: ["60B", "9000B"] } }],
        },
      },
    ),
    ROOT,
    [
      "error one-sided-hmac tests[0].serial[2]: has hmac: false, but the server at tests[0].serial[0] has hmac: true; " +
      "give both the same",
      "error one-sided-hmac tests[0].serial[3]: has hmac: false, but the server at tests[0].serial[0] has hmac: true; " +
      "give both the same",
      "error other-protocol tests[0].serial[4]: runs a flow over TCP, but the server at tests[0].serial[1] serves UDP",
      "error one-sided-hmac tests[0].serial[5]: has hmac: true, but the server at tests[0].serial[1] has hmac: false; " +
      "give both the same",
      "error long-packets tests[0].serial[6]: sends packets of 9000B, but the server at tests[0].serial[1] accepts " +
      "1480B; give it a maxPacketSize",
    ],
  ],
  [
    "senders and reflectors of STAMP that do not agree",
    both(
      { packetServer: { listenAddr: "10.0.0.1:862", listenAddrKey: "reflector", stamp: {} } },
      { packetServer: { listenAddr: "10.0.0.1:7001", listenAddrKey: "udp" } },
      { packetClient: { addrKey: "reflector", flow: "a", stamp: {}, sender: [SENDER] } },
      { packetClient: { addrKey: "reflector", flow: "b", stamp: {}, hmac: true, sender: [SENDER] } },
      { packetClient: { addrKey: "reflector", flow: "c", hmac: false, sender: [SENDER] } },
      { packetClient: { addrKey: "udp", flow: "d", stamp: {}, sender: [SENDER] } },
      { packetClient: { addr: "10.0.0.254:862", flow: "e", stamp: {}, sender: [SENDER] } },
      { packetClient: { addr: "10.0.0.254:862", flow: "f", stamp: {}, hmac: true, sender: [SENDER] } },
      { packetClient: { addr: "10.0.0.1:862", flow: "g", hmac: false, sender: [SENDER] } },
    ),
    ROOT,
    [
      "error one-sided-hmac tests[0].serial[3]: has hmac: true, but the server at tests[0].serial[0] has hmac: false; " +
      "give both the same",
      "error other-protocol tests[0].serial[4]: runs a flow over UDP, but the server at tests[0].serial[0] serves STAMP",
      "error other-protocol tests[0].serial[5]: runs a flow over STAMP, but the server at tests[0].serial[1] serves UDP",
      "error foreign-key tests[0].serial[7]: signs with the key of the run, which a reflector outside of the plan does " +
      "not have; leave hmac out",
      "error other-protocol tests[0].serial[8]: runs a flow over UDP, but the server at tests[0].serial[0] serves STAMP",
    ],
  ],
  [
    "receivers of a group that disagree with its sender, or are twice on a node",
    both(
      { packetServer: { join: "239.1.2.3:7001" } },
      on(LEFT, { packetServer: { join: "239.1.2.3%eth0", hmac: false } }),
      on(LEFT, { packetServer: { join: "239.1.2.3%eth1" } }),
      on(LEFT, { packetServer: { join: "239.1.2.4" } }),
      { packetClient: { addr: "239.1.2.3:7001", flow: "a", sender: [SENDER] } },
    ),
    ROOT,
    [
      "error one-sided-hmac tests[0].serial[4]: has hmac: true, but the server at tests[0].serial[1].child has hmac: false; " +
      "give both the same",
      "error same-group tests[0].serial[2].child: joins 239.1.2.3:7001, as tests[0].serial[1].child does on the same node; " +
      "leave one of them out",
    ],
  ],
  [
    "clients that want more than their server lets a flow have",
    both(
      { streamServer: { listenAddr: "10.0.0.1:7000", listenAddrKey: "tcp", maxDuration: "5s", maxRate: "1Mbps" } },
      { packetServer: { listenAddr: "10.0.0.1:7000", listenAddrKey: "udp", maxDuration: "5s", maxRate: "1Mbps" } },
      { streamClient: { addrKey: "tcp", upload: { flow: "a", duration: "5s" } } },
      { streamClient: { addrKey: "tcp", upload: { flow: "b", length: "1GB" } } },
      { streamClient: { addrKey: "tcp", upload: { flow: "c" } } },
      { packetClient: { addrKey: "udp", flow: "d", sender: [SENDER] } },
      { packetClient: { addrKey: "udp", flow: "e", sender: [{ unresponsive: { duration: "6s" } }] } },
      { packetClient: { addrKey: "udp", flow: "f", sender: [{ unresponsive: { rate: "max", duration: "1s" } }] } },
      {
        packetClient: {
          addrKey: "udp",
          flow: "g",
          sender: [{ unresponsive: { rate: "max", reverse: true, duration: "1s" } }],
        },
      },
      {
        packetClient: {
          addrKey: "udp",
          flow: "h",
          sender: [1, 2].map(() => ({ unresponsive: { rate: "600kbps", duration: "1s" } })),
        },
      },
      { packetClient: { addrKey: "udp", flow: "i", sender: [{ requestResponse: { request: "100B" } }] } },
      { packetClient: { addrKey: "udp", flow: "j", sender: [{ requestResponse: { transactions: 9 } }] } },
      { streamClient: { addrKey: "tcp", requestResponse: { flow: "k", transactions: 9 } } },
    ),
    ROOT,
    [
      "error long-flow tests[0].serial[4]: lasts 1m, but the server at tests[0].serial[0] lets a flow last 5s; " +
      "give it another maxDuration",
      "error long-flow tests[0].serial[6]: lasts 6s, but the server at tests[0].serial[1] lets a flow last 5s; " +
      "give it another maxDuration",
      "error fast-flow tests[0].serial[7]: sends as fast as possible, but the server at tests[0].serial[1] lets a flow " +
      "have 1Mbps; give it another maxRate",
      "error fast-flow tests[0].serial[9]: sends with 1.2Mbps, but the server at tests[0].serial[1] lets a flow have " +
      "1Mbps; give it another maxRate",
      "error long-flow tests[0].serial[10]: lasts 1m, but the server at tests[0].serial[1] lets a flow last 5s; " +
      "give it another maxDuration",
    ],
  ],
  [
    "more clients at a time than a server lets run",
    both(
      { streamServer: { listenAddr: "10.0.0.1:7000", maxFlows: 2 } },
      { packetServer: { listenAddr: "10.0.0.1:7000", maxFlows: 1 } },
      {
        parallel: [
          { streamClient: { addr: "10.0.0.1:7000", upload: { flow: "a", duration: "5s" } } },
          { streamClient: { addr: "10.0.0.1:7000", download: { flow: "b", duration: "5s" } } },
          // They start when another one has ended.
          { serial: [{ sleep: "5s" }, { streamClient: { addr: "10.0.0.1:7000", upload: { flow: "c" } } }] },
          { packetClient: { addr: "10.0.0.1:7000", flow: "d", sender: [SENDER] } },
        ],
      },
      { packetClient: { addr: "10.0.0.1:7000", flow: "e", sender: [SENDER] } },
      {
        schedule: {
          wait: ["1s"],
          run: ["f", "g", "h"].map((flow) => ({
            streamClient: { addr: "10.0.0.1:7000", upload: { flow, duration: "5s" } },
          })),
        },
      },
    ),
    ROOT,
    [
      "error many-flows tests[0].serial[4].schedule.run[2]: starts while 2 other clients run, but the server at " +
      "tests[0].serial[0] lets 2 run at a time; give it another maxFlows",
    ],
  ],
  ["a plan without tests", { tests: [] }, ROOT, [
    "error nothing tests: the plan has no tests: there is nothing to run",
  ]],
  ["nodes with an id and different definitions", both(on(LEFT), on({ ...LEFT, netns: NETNS })), ROOT, [
    "error clashing-node tests[0].serial[1].child.node: node left has another netns than at " +
    "tests[0].serial[0].child.node; make them equal, or give one of them another id",
  ]],
  ["a node below two parents", both(on(LEFT), on({ ...LEFT, id: "mid" }, on(LEFT))), ROOT, [
    "error clashing-node tests[0].serial[1].child.child.node: node left is a child of node mid here, and of the " +
    "root at " +
    "tests[0].serial[0].child.node; that makes two nodes, give one of them another id",
  ]],
  [
    "two nodes that create a namespace",
    both(
      on({ ...LEFT, netns: NETNS }),
      on({ ...LEFT, id: "right", netns: { name: "left", create: true } }),
    ),
    ROOT,
    [
      "error clashing-namespace tests[0].serial[1].child.node.netns: creates the namespace left, as node left at " +
      "tests[0].serial[0].child.node does; give it another name, or leave out create to enter that one",
    ],
  ],
  ["a namespace that exists", both(on({ ...LEFT, id: "old", netns: NETNS })), ROOT, [
    "error namespace-exists tests[0].serial[0].child.node.netns: creates the namespace old, which exists " +
    "already; give " +
    "it another name, or remove that one: ip netns delete old",
  ]],
  ["a namespace that does not exist", both(on({ ...LEFT, netns: { name: "no" } })), ROOT, [
    "warning no-namespace tests[0].serial[0].child.node.netns: enters the namespace no, which does not exist " +
    "now; add " +
    "create: true to create it",
  ]],
  ["an existing namespace without root", both(on({ ...LEFT, netns: { name: "old" } })), USER, [
    "error rootless tests[0].serial[0].child.node.netns: enters the namespace old, but without root only " +
    "namespaces that " +
    "the test creates can be entered; add create: true, or run it as root",
  ]],
  ["ssh from a namespace without root", both(on({ ...LEFT, netns: NETNS }, on(FAR))), USER, [
    "error rootless tests[0].serial[0].child.child.node: node far is reached by ssh from a namespace, which " +
    "needs root; " +
    "make it a child of the root node, or run the plan as root",
  ]],
  [
    "root: true without root",
    both(
      on({ id: "a", launcher: { local: { root: true } } }),
      on({ id: "b", launcher: { local: { root: true } }, netns: NETNS }),
      { system: { command: "true", root: true } },
      on({ id: "b", launcher: { local: { root: true } }, netns: NETNS }),
      on({ ...LEFT, netns: NETNS }, { system: { command: "true", root: true } }),
    ),
    USER,
    [
      "error needs-root tests[0].serial[0].child.node.launcher.local.root: node a is to run as root; run tine as " +
      "root, or " +
      "leave it out",
      "error needs-root tests[0].serial[2].system.root: is to run as root; run tine as root, or leave it out",
      "warning rootless tests[0].serial[1].child.node.launcher.local.root: without root, node b is root of its " +
      "namespace only",
    ],
  ],
  [
    "a run after the timeout",
    planOf({
      timeout: "2m",
      serial: [{ parallel: [{ sleep: "1s" }, { sleep: "2m" }] }, { system: { command: "true" } }, { sleep: "1s" }],
    }),
    ROOT,
    [
      "error never-runs tests[0].serial[1]: can never run: what comes before takes 2m or longer, and the test is " +
      "canceled " +
      "after 2m; set a longer timeout, 0 for none",
    ],
  ],
  ["a test longer than its timeout", planOf({ child: { node: LEFT, sleep: "1h" } }), ROOT, [
    "warning too-long tests[0]: takes 1h or longer, and the test is canceled after 11m; set a longer timeout, 0 " +
    "for none",
  ]],
  [
    "a schedule longer than the timeout",
    planOf({
      timeout: "10s",
      schedule: {
        wait: ["4s", "1s"],
        waitFirst: true,
        run: [{}, {}, {}, { sleep: "1s" }].map(() => ({ sleep: "1s" })),
      },
    }),
    ROOT,
    [
      "error never-runs tests[0].schedule.run[3]: can never run: what comes before takes 10s or longer, and the " +
      "test is " +
      "canceled after 10s; set a longer timeout, 0 for none",
    ],
  ],
  [
    "what does nothing",
    {
      tests: [{ id: { a: "1" } }, { id: { a: "2" }, serial: [{}, { parallel: [] }, { child: { node: LEFT } }] }],
    },
    ROOT,
    [
      "warning nothing tests[0]: the test does nothing; add a run such as sleep: 1s",
      "warning nothing tests[1].serial[0]: an empty run does nothing; add a run such as sleep: 1s",
      "warning nothing tests[1].serial[1]: the parallel at tests[1].serial[1] is empty and does nothing",
      "warning nothing tests[1].serial[2].child: starts its node, which does nothing; add a run such as sleep: 1s",
    ],
  ],
  [
    "what only a shell understands",
    both(
      ...["ls | wc", "ls >out.txt", "sleep 1 &", "a && b", "echo $HOME", "echo `date`", 'echo "$HOME"'].map((
        command,
      ) => ({
        system: { command },
      })),
      ...["echo 'a | b'", 'echo "a > b"', "echo \\$5 a\\;b x=1&y=2", "sh -c 'ls | wc $HOME'", "echo $ 5"].map((
        command,
      ) => ({ system: { command } })),
    ),
    ROOT,
    ["|", ">out.txt", "&", "&&", "$HOME", "`", "$HOME"].map((syntax, i) =>
      `warning shell-syntax tests[0].serial[${i}].system.command: has ${syntax}, but no shell runs it; put the line ` +
      "into args, behind command: sh -c"
    ),
  ],
  [
    "missing executables, each once",
    both(
      { system: { command: "'no such' x" } },
      { system: { command: "/no/such" } },
      { sysInfo: { commands: ["'no such'"] } },
      on({ ...LEFT, id: "own", env: { vars: ["PATH=/opt"] } }, { system: { command: "other" } }),
      on({ ...LEFT, id: "none", env: { inherit: false } }, { system: { command: "other" } }),
      on(FAR, { system: { command: "other" } }),
      on({ ...LEFT, netns: NETNS }),
    ),
    { ...USER, hasProgram: () => false },
    [
      "warning no-program tests[0].serial[0]: needs no such, which is not found on PATH; install it, or correct " +
      "the name",
      "warning no-program tests[0].serial[1]: needs /no/such, which is not there, or cannot be executed; install " +
      "it, or " +
      "correct the name",
      ...["serial[5] ssh", "serial[6] ip", "serial[6] unshare", "serial[6] nsenter"].map((words) => {
        const [place, program] = words.split(" ");
        return `warning no-program tests[0].${place}.child.node: needs ${program}, which is not found on PATH; ` +
          "install it, or correct the name";
      }),
    ],
  ],
];
for (const [what, plan, machine, expected] of cases) {
  Deno.test(`vetPlan() finds ${what}`, () => assertEquals(found(plan, machine), expected));
}

Deno.test("vetPlan() finds nothing in plans that are fine", () => {
  const namespaced = { ...LEFT, netns: NETNS };
  const plans: [PlanInput, Machine][] = [
    [both(on(LEFT), on({ launcher: { local: {} }, id: "left" })), ROOT],
    [both(on(namespaced), on({ ...LEFT, id: "in", netns: { name: "left" } })), ROOT],
    [both(on(namespaced), on({ ...LEFT, id: "in", netns: { name: "left" } })), USER],
    [both(on({ ...LEFT, netns: { name: "old" } })), ROOT],
    [both(on({ ...LEFT, id: "old", netns: NETNS })), USER],
    [both(on(namespaced), on({ ...FAR, netns: { name: "left", create: true } })), ROOT],
    [both(on(FAR, on({ ...LEFT, netns: { name: "there" } }))), USER],
    [both(on({ id: "a", launcher: { local: { root: true } } }), { system: { command: "true", root: true } }), ROOT],
    [planOf({ timeout: "0", serial: [{ sleep: "1d" }, { sleep: "1d" }] }), ROOT],
    [planOf({ timeout: "2m", serial: [{ sleep: "1m" }, { sleep: "1m" }] }), ROOT],
    [
      planOf({
        timeout: "5s",
        schedule: { wait: ["1s", "9s"], random: true, run: [{ sleep: "1s" }, { sleep: "1s" }] },
      }),
      ROOT,
    ],
    [
      both(
        { streamServer: { listenAddr: "127.0.0.1:7000", hmac: false } },
        // Another namespace, another loopback.
        on(namespaced, { streamClient: { addr: "127.0.0.1:7000", upload: { flow: "a", length: "1B" } } }),
        { packetServer: { listenAddr: "10.0.0.1:0", listenAddrKey: "udp" } },
        { packetClient: { addrKey: "udp", flow: "b", sender: [SENDER] } },
      ),
      ROOT,
    ],
    [{ tests: [{ id: { a: "1" }, ...on(LEFT) }, { id: { a: "2" }, ...on(namespaced) }] }, ROOT],
  ];
  for (const [plan, machine] of plans) assertEquals(found(plan, machine), []);
});

Deno.test("vetPlan() follows feedback through the tree", () => {
  // Runners that set and use keys, as those for traffic do.
  const run = () => Promise.resolve();
  const setter: Runner<string, string> = { schema: ({ z }) => z.string(), needs: (key) => ({ sets: [key] }), run };
  const user: Runner<string, string> = { schema: ({ z }) => z.string(), needs: (key) => ({ uses: [key] }), run };
  const all = { ...runners, set: setter, use: user } as Readonly<Record<string, Runner>>;
  const schema = planSchemasWith(all).plan;
  const vet = (run: Record<string, unknown>) =>
    vetPlan(validatePlan(planOf(run), "plan", { schema }), { machine: ROOT, runners: all }).findings
      .map(({ place, message }) => `${place}: ${message}`);
  const set = (key: string) => ({ set: key });
  const use = (key: string) => ({ use: key });

  assertEquals(vet({ serial: [set("a"), use("a")] }), []);
  assertEquals(
    vet({ serial: [{ parallel: [set("a"), { child: { node: LEFT, ...set("b") } }] }, use("a"), use("b")] }),
    [],
  );
  assertEquals(vet({ serial: [set("a"), { parallel: [use("a"), { schedule: { run: [use("a")] } }] }] }), []);
  assertEquals(vet({ serial: [{ serial: [set("a")] }, { child: { node: LEFT, serial: [use("a")] } }] }), []);
  assertEquals(vet(use("a")), ["tests[0]: uses the feedback key a, but nothing in this test sets it"]);
  assertEquals(vet({ serial: [use("a"), set("a")] }), [
    "tests[0].serial[0]: uses the feedback key a, but tests[0].serial[1] sets it only later or at the same time; " +
    "put both into a " +
    "serial, that one first",
  ]);
  for (const kind of ["parallel", "schedule"]) {
    const list = [set("a"), use("a")];
    const path = kind === "parallel" ? "parallel" : "schedule.run";
    assertEquals(vet({ [kind]: kind === "parallel" ? list : { run: list } }), [
      `tests[0].${path}[1]: uses the feedback key a, but tests[0].${path}[0] sets it only later or at the same ` +
      `time; put both into ` +
      "a serial, that one first",
    ]);
  }
  for (const kind of ["serial", "parallel"]) {
    assertEquals(vet({ [kind]: [set("a"), set("a")] }), [
      `tests[0].${kind}[1]: sets the feedback key a, as tests[0].${kind}[0] does; give one of them another key`,
    ]);
  }
});

Deno.test("vetPlan() counts tests, runs and nodes", async () => {
  const { tests, runs, nodes } = vetPlan(
    await parsePlan("tests: [{id: {a: b}, serial: [child: {node: {id: l, launcher: {local: {}}}}]}]"),
    { machine: ROOT },
  );
  assertEquals([tests, runs, nodes], [1, 2, 1]);
});

Deno.test("vetPlan() walks through 100,000 runs", () => {
  const serial = Array.from({ length: 100_000 }, () => ({ system: { command: "true" } }));
  assertEquals(vetPlan(validatePlan(planOf({ serial })), { machine: ROOT }).findings, []);
});

Deno.test("thisMachine() finds programs as a shell does", () => {
  const machine = thisMachine();
  assert(machine.hasProgram("sh") && machine.hasProgram("/bin/sh"));
  assert(!machine.hasProgram("no-such-program") && !machine.hasProgram("/etc") && !machine.hasProgram("/etc/passwd"));
  assert(thisMachine({ rootless: true }).rootless);
  assertEquals(machine.root, Deno.uid() === 0);
});
