/** What the kernel saw of a UDP flow at one end of a link: its stamps, taken by another program. */

import { toText } from "@std/streams";
import { DEVICE, type LinkEnd } from "../support/link.ts";
import { TextReader } from "../support/tine.ts";

const ECHO = 1;
const REPLY = 2;
const SIGNED = 128;

/** When packets passed, by their numbers; in nanoseconds since 1970. */
export interface Seen {
  readonly requests: ReadonlyMap<number, bigint>;
  readonly replies: ReadonlyMap<number, bigint>;
}

/** A capture that is under way. */
export interface Capture {
  /** Ends it. */
  stop(): Promise<Seen>;
}

/** Why nothing can be captured here; undefined where it can. */
export function whyNoCapture(): string | undefined {
  try {
    const { success } = new Deno.Command("python3", { args: ["-c", ""], stdin: "null", stderr: "null" }).outputSync();
    if (success) return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return "python3 is not installed";
}

/** Captures what passes the interface of one end. */
export async function capture({ inside: [program, ...words] }: LinkEnd): Promise<Capture> {
  const script = new URL("capture.py", import.meta.url).pathname;
  const args = [...words, "python3", script, DEVICE];
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const errors = toText(child.stderr);
  const reader = new TextReader(child.stdout);
  await reader.until(/^ready\n/);
  return {
    async stop() {
      await child.stdin.close();
      const [text, error, { success }] = await Promise.all([reader.rest(), errors, child.status]);
      await reader[Symbol.asyncDispose]();
      if (!success) throw new Error(`the capture failed: ${error}`);
      return read(text);
    },
  };
}

function read(text: string): Seen {
  const requests = new Map<number, bigint>();
  const replies = new Map<number, bigint>();
  for (const line of text.trim().split("\n").slice(1)) {
    const [, flags, number, nanos] = line.split(" ");
    const kind = Number(flags) & ~SIGNED;
    // What opens and closes is none of both.
    const seen = kind === ECHO ? requests : kind === (ECHO | REPLY) ? replies : undefined;
    seen?.set(Number(number), BigInt(nanos));
  }
  return { requests, replies };
}
