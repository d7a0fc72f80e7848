/**
 * Runs the tests as a machine would that has Node.js and little else: on a copy of this checkout, with a PATH that leads
 * to a few programs of POSIX alone. As root, it does so as an ordinary user and, at the same time, as root: there, only
 * tests that ask who runs them. Others pass as root where programs are installed, which is what the test command shows,
 * and pass without these as somebody who may do less.
 *
 *     deno task test:bare [FILE|FOLDER...]
 *
 * A test that takes another program has to be left out there, and must not fail. Nothing may be written into the copy.
 *
 * @module
 */
import { toText } from "@std/streams";
import { copyCheckout } from "./test/copy_checkout.ts";
import { ASKING } from "./test/root_tests.ts";

/** What there is on the smallest of systems; tine needs some of it, tests the rest. */
const PROGRAMS = (
  "sh awk cat chmod cp cut date dd echo env false find grep gzip head id kill ln ls mkdir mkfifo mktemp mv nohup od " +
  "printf pwd readlink rm rmdir sed seq sha256sum sleep sort stat tail tee test touch tr true uname wc xargs yes"
).split(" ");
/** Programs of administrators lie here; tine looks there also when PATH does not say so. */
const HIDDEN = "/usr/local/sbin /usr/sbin /sbin";
/** Processes of tests of each user at a time, unless DENO_JOBS says otherwise. */
const JOBS = navigator.hardwareConcurrency + 1;
/** The user and group `nobody`. */
const NOBODY = 65534;

/** Whom tests are run as. */
type User = "root" | "user";

/** What tests printed on both streams where that is kept, and whether they passed. */
interface BareRun {
  readonly passed: boolean;
  readonly printed: string;
}

/** Runs the tests in one way; what they print is passed on or kept. */
async function runBare(user: User, args: readonly string[], output: "inherit" | "piped"): Promise<BareRun> {
  const checkout = await copyCheckout();
  const place = await Deno.makeTempDir({ prefix: "tine-bare-" });
  try {
    await Deno.chmod(place, 0o755);
    await linkPrograms(`${place}/bin`);
    const home = `${place}/home`;
    await Deno.mkdir(home);
    // The deno of npx, and what it has downloaded, lie where other users cannot look.
    const deno = `${place}/deno`;
    await Deno.copyFile(Deno.execPath(), deno);
    // Packages alone: other processes of Deno change the rest of its cache meanwhile.
    await Deno.mkdir(`${place}/cache`);
    await run("cp", "-r", `${await cacheFolder()}/npm`, `${place}/cache/npm`);
    const asNobody = user === "user" && Deno.uid() === 0;
    if (asNobody) await run("chown", "-R", `${NOBODY}:${NOBODY}`, home, `${place}/cache`, checkout);
    const before = await list(checkout);
    const tests = args.length > 0
      ? ["test", "-A", "--no-check", ...args]
      : ["run", "-A", "--no-check", "scripts/run_tests.ts"];
    const [program, ...words] = [
      // Both streams in their order.
      ...output === "piped" ? ["sh", "-c", 'exec "$@" 2>&1', "sh"] : [],
      ...hide(),
      ...asNobody ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [],
      "env",
      `PATH=${place}/bin`,
      deno,
      ...tests,
    ];
    const child = new Deno.Command(program, {
      args: words,
      cwd: checkout,
      env: {
        DENO_JOBS: String(JOBS),
        ...Deno.env.toObject(),
        ...user === "root" && { [ASKING]: "1" },
        HOME: home,
        DENO_DIR: `${place}/cache`,
      },
      stdin: "null",
      stdout: output,
    }).spawn();
    const [{ success }, printed] = await Promise.all([
      child.status,
      output === "piped" ? toText(child.stdout) : "",
    ]);
    const written = (await list(checkout)).filter((path) => !before.includes(path));
    if (written.length > 0) console.error(`tests have written into the checkout: ${written.slice(0, 10).join(", ")}`);
    return { passed: success && written.length === 0, printed };
  } finally {
    for (const folder of [checkout, place]) await Deno.remove(folder, { recursive: true });
  }
}

/** Makes a folder with nothing in it but links to {@linkcode PROGRAMS}. */
async function linkPrograms(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const places = Deno.env.get("PATH")!.split(":");
  for (const program of PROGRAMS) {
    const place = places.find((place) => isThere(`${place}/${program}`));
    if (place !== undefined) await Deno.symlink(`${place}/${program}`, `${folder}/${program}`);
  }
}

/** Words in front of a command, where root can hide programs from it. */
function hide(): readonly string[] {
  const script = `for folder in ${HIDDEN}; do
    if [ -d $folder ] && [ ! -L $folder ]; then mount -t tmpfs tmpfs $folder; fi; done; exec "$@"`;
  const words = ["unshare", "--mount", "sh", "-ec", script, "sh"];
  try {
    return new Deno.Command(words[0], { args: [...words.slice(1), "true"] }).outputSync().success ? words : [];
  } catch {
    return [];
  }
}

/** Where Deno keeps what it has downloaded. */
async function cacheFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"], stdin: "null" }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** All files and folders, without those whose name begins with a dot: builds are kept there. */
async function list(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".")) continue;
    found.push(`${folder}/${name}`);
    if (isDirectory) found.push(...await list(`${folder}/${name}`));
  }
  return found;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) {
  const [first, ...others]: User[] = Deno.uid() === 0 ? ["root", "user"] : ["user"];
  const announce = (user: User) =>
    console.log(`tests on a bare machine, as ${user === "root" ? "root" : "an ordinary user"}`);
  announce(first);
  const runs = [runBare(first, Deno.args, "inherit"), ...others.map((user) => runBare(user, Deno.args, "piped"))];
  const passed = [(await runs[0]).passed];
  for (const [i, user] of others.entries()) {
    announce(user);
    const run = await runs[i + 1];
    console.log(run.printed);
    passed.push(run.passed);
  }
  Deno.exit(passed.every((passed) => passed) ? 0 : 1);
}
