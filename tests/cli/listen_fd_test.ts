import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextReader, TINE, tine } from "../support/tine.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

/** Runs a command with a socket that listens as its file descriptor 3, as sd_listen_fds(3) describes it. */
const LAUNCHER = `
import os, socket, sys
place, command = sys.argv[1], sys.argv[2:]
if place.startswith("/"):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
else:
    host, port = place.split(":")
    listener = socket.socket()
    listener.bind((host, int(port)))
listener.listen(8)
fd = os.dup(listener.fileno())
os.dup2(fd, 9)
os.dup2(9, 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(command[0], command)
`;

const launchers: [program: string, args: (place: string) => string[]][] = [
  ["systemd-socket-activate", (place) => ["-l", place, "-E", "HOME", "-E", "DENO_DIR", "-E", "NO_COLOR=1"]],
  ["python3", (place) => ["-c", LAUNCHER, place]],
];

for (const [program, args] of launchers) {
  Deno.test({
    ...unless(whyNotInstalled(program), `tine agent --listen-fd 3 serves the sockets that ${program} passes`),
    async fn() {
      const folder = await Deno.makeTempDir();
      const path = `${folder}/udf.sock`;
      const child = new Deno.Command(program, {
        args: [...args(path), ...TINE, "agent", "mirror", "--listen-fd", "3"],
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      await using log = new TextReader(child.stderr);
      // systemd-socket-activate starts it at the first connection.
      if (program === "python3") await log.until(/listening on the file descriptor 3\n/);
      else await log.until(/Listening on/);
      for (const value of [1, 2]) {
        const host = await tine(["host", "--socket", path, "--format", "line"], `cpu v=${value} 1\n`);
        assertEquals([host.code, host.stdout], [0, `cpu v=${value} 1\n`], host.stderr);
      }
      child.kill("SIGTERM");
      assertEquals((await child.status).code, 0);
      assertMatch(await log.rest(), /tine agent: listening on the file descriptor 3\n$/);
      assertEquals(Deno.lstatSync(path).isSocket, true, "the socket belongs to who made it");
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test({
  ...unless(
    whyNotInstalled("python3"),
    "tine agent --listen-fd names the address of TCP, and warns where others reach it",
  ),
  async fn() {
    const child = new Deno.Command("python3", {
      args: ["-c", LAUNCHER, "0.0.0.0:0", ...TINE, "agent", "moving-avg", "--listen-fd", "3"],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    await using log = new TextReader(child.stderr);
    const [, port] = await log.until(/listening on the file descriptor 3, 0\.0\.0\.0:(\d+)\n/);
    assertStringIncludes(log.text, "warning: 0.0.0.0 may be reached by other machines");
    const options = ["--set", "field=v", "--set", "size=2", "--format", "line"];
    const host = await tine(["host", "--connect", port, ...options], "cpu v=1 1\ncpu v=2 2\n");
    assertEquals([host.code, host.stdout], [0, "cpu avg=1 1\ncpu avg=1.5 2\n"], host.stderr);
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 0);
  },
});

Deno.test("tine agent --listen-fd explains a file descriptor that cannot be used, in one sentence", async () => {
  const cases: [env: Record<string, string>, args: string[], code: number, message: RegExp][] = [
    [
      {},
      ["--listen-fd", "33"],
      1,
      /^tine agent: cannot listen on the file descriptor 33: it is no socket that listens$/,
    ],
    [
      { LISTEN_PID: "1", LISTEN_FDS: "1" },
      ["--listen-fd", "3"],
      1,
      /LISTEN_PID=1 passes it to another process, and this is/,
    ],
    [{}, ["--listen-fd", "three"], 2, /--listen-fd FD: expected a whole number.*, not "three"/],
    [{}, ["--listen-fd", "3", "--socket", "/tmp/x"], 2, /--socket and --listen-fd exclude each other/],
  ];
  for (const [env, args, code, message] of cases) {
    const child = new Deno.Command(TINE[0], {
      args: [...TINE.slice(1), "agent", "mirror", ...args],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
    });
    const result = await child.output();
    const stderr = new TextDecoder().decode(result.stderr).trimEnd();
    assertMatch(stderr, message);
    assertEquals([result.code, stderr.includes("\n")], [code, code === 2 && stderr.includes("\n")], stderr);
  }
});

Deno.test({
  ...unless(whyNotInstalled("sh"), "tine agent --listen-fd takes only what LISTEN_FDS passes"),
  async fn() {
    // The shell becomes tine, so that its process id is that of tine.
    const script = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`;
    const child = new Deno.Command("sh", {
      args: ["-c", script, "sh", ...TINE, "agent", "mirror", "--listen-fd", "4"],
      env: { NO_COLOR: "1" },
      stdin: "null",
    });
    const { code, stderr } = await child.output();
    assertEquals(
      [code, new TextDecoder().decode(stderr)],
      [1, "tine agent: cannot listen on the file descriptor 4: LISTEN_FDS=1 passes 3 alone\n"],
    );
  },
});
