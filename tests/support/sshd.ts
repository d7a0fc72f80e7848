/** A real sshd on loopback, with keys and a configuration of its own. */

import { TextReader } from "./tine.ts";
import { whyNoRoot, whyNotInstalled } from "./unless.ts";

const SSHD = "/usr/sbin/sshd";

/** What a test needs of one. */
export interface SshdOptions {
  /** Words in front of it, such as `ip netns exec NAME`. */
  readonly within?: readonly string[];
  /** Where it listens; default 127.0.0.1. */
  readonly address?: string;
  /** Lines of its configuration, in front of the others: the first value counts. */
  readonly config?: readonly string[];
  /** Lines of the configuration of ssh, in front of the others. */
  readonly client?: readonly string[];
}

/** A running sshd. */
export interface Sshd extends AsyncDisposable {
  readonly port: number;
  /** Private to the test; removed with it. Others can read what lies in there. */
  readonly folder: string;
  /** For programs that are to use this sshd: `ssh USER@far` reaches it. */
  readonly env: Readonly<Record<string, string>>;
  /** Its own processes for the sessions. */
  sessions(): number[];
  /** What was started in the sessions, unless it has another parent by now. */
  commands(): number[];
}

/** Why there can be no sshd here; undefined if there can. */
export function whyNoSshd(): string | undefined {
  const missing = whyNotInstalled("ssh", "ssh-keygen", "sshd", "useradd", "flock", "ps", "pgrep");
  return missing ?? (whyNoRoot === undefined ? undefined : "it takes root to log in as other users");
}

/**
 * Starts an sshd. `ssh USER@far` reaches it for programs with its `env`; whoever tests as root can log in as anybody.
 *
 * @example
 * ```ts ignore
 * await using sshd = await startSshd();
 * await new Deno.Command("ssh", { args: ["root@far", "true"], env: { ...sshd.env } }).output();
 * ```
 */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const { within = [], address = "127.0.0.1", config = [], client = [] } = options;
  const folder = await Deno.makeTempDir({ prefix: "sshd-test-" });
  await Deno.chmod(folder, 0o755);
  await Deno.mkdir("/run/sshd", { recursive: true }).catch(() => {});
  for (const name of ["host", "user"]) await keygen(`${folder}/${name}`);
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/sshd_config`,
    [
      ...config,
      `ListenAddress ${address}:${port}`,
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/user.pub`,
      "PidFile none",
      "StrictModes no",
      "PermitRootLogin yes",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "UsePAM no",
      "MaxStartups 100",
      "",
    ].join("\n"),
  );
  const hostKey = (await Deno.readTextFile(`${folder}/host.pub`)).split(" ").slice(0, 2).join(" ");
  await Deno.writeTextFile(`${folder}/known_hosts`, `[${address}]:${port} ${hostKey}\n`);
  await Deno.writeTextFile(
    `${folder}/ssh_config`,
    [
      ...client,
      "Host *",
      "  IdentitiesOnly yes",
      `  IdentityFile ${folder}/user`,
      `  UserKnownHostsFile ${folder}/known_hosts`,
      "  GlobalKnownHostsFile none",
      `  Port ${port}`,
      "Host far*",
      `  HostName ${address}`,
      "",
    ].join("\n"),
  );
  // What users have in ~/.ssh/config: ssh finds that by the entry of the user, not by HOME.
  const bin = `${folder}/bin`;
  await Deno.mkdir(bin);
  await Deno.writeTextFile(`${bin}/ssh`, `#!/bin/sh\nexec ${findSsh()} -F ${folder}/ssh_config "$@"\n`, {
    mode: 0o755,
  });
  const [program, ...args] = [...within, SSHD, "-D", "-e", "-f", `${folder}/sshd_config`];
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  const log = new TextReader(child.stderr);
  await log.until(/listening on/);
  const draining = log.rest();
  return {
    port,
    folder,
    env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
    sessions: () => descendants(child.pid).filter((pid) => nameOf(pid) === "sshd"),
    commands: () => descendants(child.pid).filter((pid) => nameOf(pid) !== "sshd"),
    async [Symbol.asyncDispose]() {
      for (const pid of [child.pid, ...descendants(child.pid)]) kill(pid);
      await child.status;
      await draining;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A user of this machine, with a shell and a home of its own; removed with all that runs as it. */
export interface TestUser extends AsyncDisposable {
  readonly name: string;
  readonly home: string;
  /** Processes of it. */
  processes(): string[];
}

/** Makes a user. It takes root. */
export async function makeUser(name: string, { shell = "/bin/sh" } = {}): Promise<TestUser> {
  const full = `test-${name}-${crypto.randomUUID().slice(0, 8)}`;
  const home = `/home/${full}`;
  // No password, but not locked.
  await changeUsers("useradd", "--create-home", "--home-dir", home, "--shell", shell, "--password", "*", full);
  return {
    name: full,
    home,
    processes: () => userProcesses(full),
    async [Symbol.asyncDispose]() {
      for (const line of userProcesses(full)) kill(Number(line.split(" ")[0]));
      await changeUsers("userdel", "--remove", "--force", full);
    },
  };
}

/** One at a time, over all processes: they do not wait for each other. */
async function changeUsers(...command: string[]): Promise<void> {
  await run("flock", "/home", ...command);
}

/**
 * Removes the executables that nodes with `root: true` leave in the cache of this very root. Only one test at a time, over
 * all processes, has that cache.
 */
export async function withoutRootCache(): Promise<Disposable> {
  const home = Deno.env.get("HOME")!;
  const cache = `${home}/.cache/tine`;
  const lock = await Deno.open(home);
  await lock.lock(true);
  const sent = () => {
    try {
      return Array.from(Deno.readDirSync(cache), ({ name }) => name).filter((name) => name.startsWith("tine-"));
    } catch {
      return []; // there is no such cache
    }
  };
  const before = sent();
  return {
    [Symbol.dispose]() {
      for (const name of sent()) if (!before.includes(name)) Deno.removeSync(`${cache}/${name}`);
      lock.close();
    },
  };
}

function userProcesses(user: string): string[] {
  const { stdout } = new Deno.Command("ps", { args: ["-u", user, "-o", "pid=,args="], stderr: "null" }).outputSync();
  // sshd's own process for a login ends a moment after the login.
  return new TextDecoder().decode(stdout).split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.includes("sshd:"));
}

function descendants(pid: number): number[] {
  const { stdout } = new Deno.Command("pgrep", { args: ["-P", String(pid)] }).outputSync();
  const children = new TextDecoder().decode(stdout).split("\n").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function nameOf(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
  } catch {
    return ""; // it has just ended
  }
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

function findSsh(): string {
  const { stdout } = new Deno.Command("sh", { args: ["-c", "command -v ssh"] }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}

async function keygen(path: string): Promise<void> {
  await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path);
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdin: "null", stdout: "null" }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
