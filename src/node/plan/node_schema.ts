import type { ZodType } from "zod";
import type { Node } from "./types.ts";
import { expects, pattern, z } from "./vocabulary.ts";

/** Where a child of a run tree runs. */
export const nodeSchema: ZodType<Node, Node> = z.strictObject({
  id: pattern("an id such as left: at most 63 letters, digits, _, . and -", /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/)
    .describe("Names the node in logs and results; unique in a test."),
  platform: pattern("a platform such as linux-x64", /^[a-z0-9]+-[a-z0-9]+$/).optional()
    .describe("The platform that it runs on; left out: the parent's for local, asked of the far side for ssh."),
  launcher: z.strictObject({
    local: z.strictObject({
      root: z.boolean(expects("true or false")).optional().describe("Run it as root; default: as the invoking user."),
    }, expects("an object, {} for the usual")).optional().describe("A process on the machine of its parent."),
    ssh: z.strictObject({
      destination: pattern("a destination as for ssh, such as user@host", /^(?!-)[^\0-\x20\x7f]{1,255}$/).optional()
        .describe("Where to, as for ssh; default: the node's id."),
      root: z.boolean(expects("true or false")).optional().describe("Become root there, by sudo -n."),
    }, expects("an object, {} for the usual")).optional().describe("A process on another machine, by ssh."),
  }, expects("an object such as {local: {}} or {ssh: {}}")).refine(
    (launcher) => [launcher.local, launcher.ssh].filter((given) => given !== undefined).length === 1,
    "expected exactly one of local and ssh, such as {local: {}}",
  ).meta({ description: "How it is started: exactly one of local and ssh.", minProperties: 1, maxProperties: 1 }),
  netns: z.strictObject({
    name: pattern("a name of at most 63 letters, digits, _, . and -", /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/).optional()
      .describe("Its name; with create, the node's id by default."),
    create: z.boolean(expects("true or false")).optional().describe("Create it, and delete it when the node ends."),
  }, expects("an object such as {create: true}")).refine(
    ({ name, create }) => name !== undefined || create === true,
    "expected a name, create: true, or both",
  ).optional().describe("The network namespace that it runs in: an existing one, or one that is created."),
  env: z.strictObject({
    vars: z.array(pattern("KEY=value", /^[A-Za-z_]\w*=[^\0]*$/), expects("a list of KEY=value")).optional()
      .describe("Variables that are set, each as KEY=value."),
    inherit: z.boolean(expects("true or false")).optional().describe("Take over those of the parent; default true."),
  }, expects("an object such as {vars: [KEY=value]}")).optional().describe("The environment of its processes."),
}, expects("an object such as {id: left, launcher: {local: {}}}")).meta({
  id: "Node",
  description: "A node: where and how a process of the test runs. Equal nodes are the same node.",
});
