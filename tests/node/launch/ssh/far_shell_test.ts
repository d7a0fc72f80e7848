import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { exeFile, knownFiles } from "../../../../src/node/launch/executable.ts";
import { Deployer, platformOf } from "../../../../src/node/launch/ssh/deploy.ts";
import { FarShell } from "../../../../src/node/launch/ssh/far_shell.ts";
import { writeAll } from "../../../../src/wire/connection.ts";
import { TineError } from "../../../../src/base/errors.ts";
import { eventually } from "../../../support/eventually.ts";
import { testAsOrdinaryUser } from "../../../support/ordinary_user.ts";
import { unless, whyNotInstalled } from "../../../support/unless.ts";

/** Something to send that is no tine: prints its arguments, and passes on its input. */
const PROGRAM = '#!/bin/sh\necho "$0 $*"\nexec cat\n';

/** A shell of this machine in place of one behind ssh, with a home of its own. */
class Place implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "tine-far-" });
  readonly home = `${this.folder}/home`;
  readonly cache = `${this.home}/.cache/tine`;
  readonly exe = `${this.folder}/exe`;
  readonly lines: string[] = [];
  readonly deployer = new Deployer(knownFiles({}));

  constructor(text = PROGRAM) {
    Deno.mkdirSync(this.home);
    Deno.mkdirSync(`${this.folder}/tmp`, { mode: 0o700 });
    Deno.writeTextFileSync(this.exe, text);
  }

  shell({ script = "exec sh", env = {}, words = ["sh", "-c"], signal = new AbortController().signal } = {}): FarShell {
    return new FarShell({
      destination: "far",
      command: [...words, script],
      env: { PATH: Deno.env.get("PATH")!, HOME: this.home, TMPDIR: `${this.folder}/tmp`, ...env },
      root: false,
      signal,
      onLine: (line) => this.lines.push(line),
    });
  }

  async deploy(shell: FarShell): Promise<string> {
    await shell.login();
    return await this.deployer.deploy(shell, await exeFile(this.exe), {
      to: "far",
      own: true,
      onLine: (line) => this.lines.push(line),
    });
  }

  /** Deploys, starts, and returns what the program says. */
  async run(shell: FarShell): Promise<string> {
    await this.deploy(shell);
    const { hash } = await exeFile(this.exe);
    const { connection, process } = await shell.start(`start left ${hash}`);
    await using _ = process;
    await writeAll(connection, new TextEncoder().encode("hello\0\n")).catch(() => {}); // not all programs listen
    await connection.closeWrite().catch(() => {});
    const buffer = new Uint8Array(1000);
    let text = "";
    for (let length; (length = await connection.read(buffer)) !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, length));
    }
    return text;
  }

  /** Names of all that lies in the cache and in the folder for temporary files. */
  left(): string[] {
    return [this.cache, `${this.folder}/tmp`].flatMap((folder) => {
      try {
        return Array.from(Deno.readDirSync(folder), ({ name }) => name);
      } catch {
        return [];
      }
    }).sort();
  }

  async [Symbol.asyncDispose]() {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** As `[name, words]`: what may be `sh` on another machine. */
const SHELLS = [["dash", ["dash", "-c"]], ["bash", ["bash", "-c"]], ["busybox", ["busybox", "sh", "-c"]]] as const;

Deno.test("FarShell finds out what the far side is", async () => {
  await using place = new Place();
  await using shell = place.shell();
  const { system, machine, uid } = await shell.login();
  assertEquals(uid, Deno.uid());
  assertMatch(platformOf(system, machine), /^(linux|macos)-(x64|arm64)$/);
});

for (const [name, words] of SHELLS) {
  Deno.test({
    ...unless(whyNotInstalled(name), `FarShell sends an executable once, and starts it: ${name}`),
    async fn() {
      await using place = new Place();
      const { hash } = await exeFile(place.exe);
      const script = `exec ${words.slice(0, -1).join(" ")}`;
      for (let i = 0; i < 2; i++) {
        await using shell = place.shell({ script, words: [...words] });
        assertEquals(await place.run(shell), `${place.cache}/tine-${hash} node serve left --far\nhello\0\n`);
      }
      assertEquals(place.left(), [`tine-${hash}`, `tine-${hash}.checked`]);
      assertEquals(Deno.statSync(`${place.cache}/tine-${hash}`).mode! & 0o777, 0o700);
      assertEquals(Deno.statSync(place.cache).mode! & 0o777, 0o700);
      assertEquals(place.lines.map((line) => line.split(" ")[0]), ["sending", "sent"]);
    },
  });
}

Deno.test("FarShell sends large executables in blocks, as they are and compressed", async () => {
  const random = new Uint8Array(9_000_000);
  for (let at = 0; at < random.length; at += 65536) crypto.getRandomValues(random.subarray(at, at + 65536));
  for (const tail of [random, new Uint8Array(9_000_000)]) {
    await using place = new Place();
    const head = new TextEncoder().encode("#!/bin/sh\necho started\nexit\n");
    Deno.writeFileSync(place.exe, new Uint8Array([...head, ...tail]));
    await using shell = place.shell();
    assertEquals(await place.run(shell), "started\n");
  }
});

Deno.test("FarShell discards what start-up files print, before and between answers", async () => {
  await using place = new Place();
  const garbage = "head -c 300000 /dev/urandom; echo; echo welcome; echo welcome >&2";
  await using shell = place.shell({ script: `${garbage}; sh; echo bye` });
  assertMatch(await place.run(shell), /tine-\w{64} node serve left --far\nhello\0\nbye\n$/);
  assertEquals(place.lines.filter((line) => line.includes("welcome")), []);
});

Deno.test("FarShell gives up what prints without end", async () => {
  await using place = new Place();
  await using shell = place.shell({ script: "yes" });
  const error = await assertRejects(() => shell.login(), TineError, "far prints without end");
  assertEquals(error.code, "ssh-failed");
});

Deno.test("FarShell keeps the executable in XDG_CACHE_HOME", async () => {
  await using place = new Place();
  const cache = `${place.folder}/elsewhere`;
  await using shell = place.shell({ env: { XDG_CACHE_HOME: cache } });
  assertMatch(await place.run(shell), new RegExp(`^${cache}/tine/tine-`));
  assertEquals(place.left(), []);
});

Deno.test("FarShell sends anew what is damaged, or what others can write to", async () => {
  await using place = new Place();
  const { hash } = await exeFile(place.exe);
  const path = `${place.cache}/tine-${hash}`;
  await place.run(place.shell());
  for (
    const harm of [
      () => Deno.writeTextFileSync(path, PROGRAM.replace("cat", "rev")),
      () => Deno.writeTextFileSync(path, PROGRAM.slice(1)),
      () => Deno.writeTextFileSync(path, ""),
      () => Deno.chmodSync(path, 0o722),
      () => Deno.chmodSync(path, 0o600),
      () => {
        const { mtime } = Deno.statSync(path);
        Deno.writeTextFileSync(path, PROGRAM.replace("cat", "rev"));
        Deno.utimeSync(path, mtime!, mtime!);
      },
    ]
  ) {
    place.lines.length = 0;
    harm();
    assertMatch(await place.run(place.shell()), /hello/);
    assertEquals(place.lines.length, 2);
    assertEquals([Deno.readTextFileSync(path), Deno.statSync(path).mode! & 0o777], [PROGRAM, 0o700]);
  }
});

Deno.test("FarShell hashes what lies there once, and again when it was touched", async () => {
  await using place = new Place();
  const { hash } = await exeFile(place.exe);
  const path = `${place.cache}/tine-${hash}`;
  await place.run(place.shell());
  const hashed = () => Deno.statSync(`${path}.checked`).mtime!.getTime();
  const first = hashed();
  await place.run(place.shell());
  assertEquals(hashed(), first);
  for (const touch of [() => Deno.chmodSync(path, 0o500), () => Deno.removeSync(`${path}.checked`)]) {
    const before = Date.now() - 10; // what the kernel's clock lags behind
    touch();
    await place.run(place.shell());
    assert(hashed() >= before);
  }
  assertEquals(place.lines.length, 2);
});

// Permissions do not keep root from writing.
testAsOrdinaryUser(
  import.meta.filename!,
  "FarShell uses a cache that cannot be written, if the executable is there",
  async () => {
    await using place = new Place();
    await place.run(place.shell());
    Deno.removeSync(`${place.cache}/tine-${(await exeFile(place.exe)).hash}.checked`);
    Deno.chmodSync(place.cache, 0o500);
    assertMatch(await place.run(place.shell()), new RegExp(`^${place.cache}/tine-`));
    Deno.chmodSync(place.cache, 0o700);
    assertEquals(place.lines.length, 2);
  },
);

Deno.test("FarShell uses a folder of its own where the cache cannot be used, and removes it", async () => {
  const cases: [string, (place: Place) => Record<string, string>][] = [
    ["no home", () => ({ HOME: "" })],
    ["a home that is a file", (place) => {
      Deno.removeSync(place.home);
      Deno.writeTextFileSync(place.home, "");
      return {};
    }],
    ["a cache that others can write to", (place) => {
      Deno.mkdirSync(place.cache, { recursive: true });
      Deno.chmodSync(place.cache, 0o777);
      return {};
    }],
  ];
  for (const [what, prepare] of cases) {
    await using place = new Place();
    const env = prepare(place);
    for (let i = 0; i < 2; i++) {
      assertMatch(await place.run(place.shell({ env })), new RegExp(`^${place.folder}/tmp/tine-\\w+/tine-\\w+ `), what);
    }
    assertEquals(place.left(), [], what);
    assertEquals(place.lines.length, 4, what);
  }
});

Deno.test("FarShell says when there is no place at all", async () => {
  await using place = new Place();
  await using shell = place.shell({ env: { HOME: "", TMPDIR: `${place.folder}/nowhere` } });
  const error = await assertRejects(
    () => place.deploy(shell),
    TineError,
    "there is no place for the executable on far",
  );
  assertEquals(error.code, "no-folder");
});

Deno.test("FarShell leaves nothing of an upload that is cut", async () => {
  await using place = new Place();
  const control = new AbortController();
  await using shell = place.shell({ signal: control.signal });
  await shell.login();
  const { hash } = await exeFile(place.exe);
  await shell.ask(`file ${hash} 1000000`, "need");
  void shell.send("blocks raw own\n1000000", new Uint8Array(500_000), 10_000, "next").catch(() => {}); // it is cut
  await eventually("the upload begins", () => place.left().some((name) => name.startsWith(".new")));
  await shell[Symbol.asyncDispose]();
  await eventually("it is removed", () => place.left().length === 0);
});

Deno.test("FarShell refuses what did not arrive as it was sent", async () => {
  await using place = new Place();
  await using shell = place.shell();
  await shell.login();
  await shell.ask(`file ${"0".repeat(64)} 4`, "need");
  await shell.send("blocks raw own\n4", new TextEncoder().encode("abcd"), 10_000, "next");
  const error = await assertRejects(() => shell.ask("0", "have"), TineError, "arrived damaged on far");
  assertEquals(error.code, "damaged");
  await shell[Symbol.asyncDispose]();
  assertEquals(place.left(), []);
});

Deno.test("FarShell says when the executable does not run there, and does not try one that is to be handed on", async () => {
  await using place = new Place("#!/bin/sh\necho no such library >&2\nexit 127\n");
  await using shell = place.shell();
  const error = await assertRejects(() => place.deploy(shell), TineError, "tine does not run on far");
  assertEquals([error.code, /\(no such library\)$/.test(error.message)], ["not-runnable", true]);
  await using another = place.shell({ env: { XDG_CACHE_HOME: `${place.folder}/other` } });
  await another.login();
  const options = { to: "another", own: false, onLine() {} };
  const path = await place.deployer.deploy(another, await exeFile(place.exe), options);
  assertEquals(Deno.readTextFileSync(path), Deno.readTextFileSync(place.exe));
});

Deno.test("FarShell never takes requests for code", async () => {
  const hash = "0".repeat(64);
  for (
    const request of [
      "file $(touch pwned) 4",
      `file ${hash} 4;touch`,
      "start ../x " + hash,
      "start -x " + hash,
      "start a `id`",
      "rm -rf",
    ]
  ) {
    await using place = new Place();
    await using shell = place.shell();
    await shell.login();
    const error = await assertRejects(() => shell.ask(request, "have", "start"), TineError, "what is");
    assertEquals(error.code, "bad-request");
  }
});

Deno.test("FarShell removes the cache", async () => {
  await using place = new Place();
  await place.run(place.shell());
  for (const word of ["cleaned", "clean"]) {
    await using shell = place.shell();
    await shell.login();
    assertEquals(await shell.ask("clean", "cleaned", "clean"), { word, text: place.cache });
  }
  assertEquals(place.left(), []);
});

Deno.test("FarShell ends when it is canceled", async () => {
  await using place = new Place();
  const control = new AbortController();
  await using shell = place.shell({ script: "exec sleep 1000", signal: control.signal });
  const login = shell.login();
  const reason = new Error("enough");
  control.abort(reason);
  assertEquals(await assertRejects(() => login), reason);
});

Deno.test("Deployer sends once what goes to one place at the same time", async () => {
  await using place = new Place();
  const texts = await Promise.all([1, 2, 3, 4].map(async () => {
    await using shell = place.shell();
    return await place.run(shell);
  }));
  for (const text of texts) assertMatch(text, /hello/);
  assertEquals(place.lines.length, 2);
});

Deno.test("Deployer goes on when the first one fails", async () => {
  await using place = new Place();
  await using broken = place.shell({ script: "sh & sleep 0.3; kill $!; wait" });
  const results = await Promise.allSettled([place.deploy(broken), place.run(place.shell())]);
  assertEquals(results[1].status, "fulfilled");
});

Deno.test("platformOf() knows the names of uname", () => {
  assertEquals(platformOf("Linux", "aarch64"), "linux-arm64");
  assertEquals(platformOf("Darwin", "x86_64"), "macos-x64");
  const error = assertRejects(() => Promise.resolve().then(() => platformOf("Linux", "riscv64")), TineError);
  return error.then(({ message }) => assert(message.includes("Linux on riscv64")));
});
