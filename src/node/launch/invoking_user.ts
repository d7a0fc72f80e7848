import { TineError } from "../../base/errors.ts";
import { findTool, runTool } from "../process/tools.ts";
import type { Host, InvokingUser } from "./launcher.ts";

/** What the root node hands on of its machine: this process sees the names of namespaces, and knows who runs it. */
export function thisHost(): Host {
  const user = sudoUser();
  return { mounts: Deno.pid, ...(user && { user }) };
}

/**
 * What the first node of another machine hands on. What is below a node that is root there is root as well, also where
 * it became that by sudo: the user that logged in cannot read the executable of root.
 */
export function farHost(): Host {
  return { mounts: Deno.pid };
}

/** Returns the user that ran this process through sudo; undefined without sudo, and for root itself. */
function sudoUser(): InvokingUser | undefined {
  const ids = sudoIds();
  if (ids === undefined) return undefined;
  const entry = passwdEntry(String(ids.uid));
  const name = entry?.[0] || Deno.env.get("SUDO_USER") || String(ids.uid);
  return { name, ...ids, home: entry?.[5] || "/" };
}

/** Returns the ids of the user that ran this process through sudo; undefined without sudo, and for root itself. */
export function sudoIds(): { readonly uid: number; readonly gid: number } | undefined {
  if (Deno.uid() !== 0) return undefined;
  const uid = Deno.env.get("SUDO_UID") ?? "";
  const gid = Deno.env.get("SUDO_GID") ?? "";
  if (!/^[1-9]\d{0,9}$/.test(uid) || !/^\d{1,10}$/.test(gid)) return undefined;
  return { uid: Number(uid), gid: Number(gid) };
}

/** name, password, uid, gid, comment, home, shell. */
function passwdEntry(uid: string): string[] | undefined {
  let text: string;
  try {
    // Users may come from a directory service.
    const { stdout } = new Deno.Command("getent", { args: ["passwd", uid], stdin: "null", stderr: "null" })
      .outputSync();
    text = new TextDecoder().decode(stdout);
  } catch {
    text = readPasswd(); // it is not there
  }
  return text.split("\n").map((line) => line.split(":")).find((fields) => fields[2] === uid);
}

function readPasswd(): string {
  try {
    return Deno.readTextFileSync("/etc/passwd");
  } catch {
    return ""; // then the user has no name
  }
}

/**
 * The words in front of a command that let it run as another user, with all groups of that user. It needs root.
 *
 * @throws {TineError} `no-program`
 */
export function asUser(user: InvokingUser): string[] {
  const setpriv = findTool(
    "setpriv",
    `it drops to the user ${user.name}; install util-linux, or give the node root: true`,
  );
  return [setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, "--init-groups"];
}

/** The environment of root as the user's own; what points into folders of root is left out. */
export function userEnv(env: Readonly<Record<string, string>>, user: InvokingUser): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !/^(?:XDG_.*|DENO_DIR|TMPDIR|MAIL)$/.test(name));
  return { ...Object.fromEntries(kept), HOME: user.home, USER: user.name, LOGNAME: user.name };
}

/**
 * Checks that a user can start a program.
 *
 * @param files what it consists of, the executable first
 * @throws {TineError} `not-readable`
 */
export async function checkReadable(user: InvokingUser, files: readonly string[]): Promise<void> {
  const script = 'if ! [ -x "$1" ]; then echo "$1" >&2; exit 1; fi\n' +
    'for file; do [ -r "$file" ] || { echo "$file" >&2; exit 1; }; done';
  const missing = await runTool([...asUser(user), "sh", "-c", script, "sh", ...files]);
  if (missing === undefined) return;
  throw new TineError(
    "not-readable",
    `the user ${user.name} cannot run tine (${missing}): install it where all can read it, or give the node root: true`,
  );
}
