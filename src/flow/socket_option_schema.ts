import { expects, z } from "../base/schema.ts";

const socketOptionFields = {
  type: z.enum(["string", "int", "byte"], expects("string, int or byte")).describe("The type of the value."),
  level: z.int(expects("a whole number"))
    .describe("As in C: 1 is SOL_SOCKET, 6 IPPROTO_TCP, 0 IPPROTO_IP, 41 IPPROTO_IPV6."),
  opt: z.int(expects("a whole number")).describe("The option's number."),
  name: z.string(expects("a text, in quotes")).describe("The option's name such as SO_PRIORITY, for messages."),
  value: z.union([z.string(), z.int()], expects("a text or a whole number")).describe("What it is set to."),
};

const AN_OPTION = "an object such as {type: int, level: 1, opt: 12, name: SO_PRIORITY, value: 6}";

const valueFits = [
  ({ type, value }: { type: string; value: string | number }) => (typeof value === "string") === (type === "string"),
  "has a value that is not of its type",
] as const;

/** An option of a socket by its numbers, for those that have no name here. */
export const socketOptionSchema = z.strictObject(socketOptionFields, expects(AN_OPTION)).refine(...valueFits)
  .describe("An option of a socket by its numbers.");

/** An option of a TCP flow's sockets. */
export const streamSocketOptionSchema = z.strictObject({
  ...socketOptionFields,
  side: z.enum(["client", "server", "both"], expects("client, server or both")).optional().describe(
    "At which end it is set; left out: at that of the sender. A server takes few options from its clients.",
  ),
}, expects(AN_OPTION)).refine(...valueFits).describe("An option of a TCP flow's sockets by its numbers.");
