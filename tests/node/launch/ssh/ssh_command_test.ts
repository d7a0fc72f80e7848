import { assert, assertEquals, assertThrows } from "@std/assert";
import { hostNetwork } from "../../../../src/node/launch/ssh/ssh.ts";
import { sshCommand } from "../../../../src/node/launch/ssh/ssh_command.ts";
import { farFailure, sshFailure } from "../../../../src/node/launch/ssh/ssh_failure.ts";
import { TineError } from "../../../../src/base/errors.ts";
import { unless, whyNotInstalled } from "../../../support/unless.ts";

const noSsh = whyNotInstalled("ssh");

Deno.test({
  ...unless(noSsh, "sshCommand() asks nothing, forwards nothing, and runs a shell"),
  fn() {
    const words = sshCommand("me@host");
    for (const option of ["-T", "-a", "-x", "-oBatchMode=yes", "-oControlMaster=no", "-oClearAllForwardings=yes"]) {
      assert(words.includes(option), option);
    }
    assertEquals(words.slice(-4), ["--", "me@host", "exec", "sh"]);
    // ssh knows all of its options.
    const [program, ...args] = [...words.slice(0, words.indexOf("--")), "-G", "--", "me@host"];
    const { success, stdout } = new Deno.Command(program, { args }).outputSync();
    assert(success);
    for (const line of ["batchmode yes", "connecttimeout 10", "serveraliveinterval 2", "user me", "hostname host"]) {
      assert(new TextDecoder().decode(stdout).split("\n").includes(line), line);
    }
  },
});

Deno.test({
  ...unless(noSsh, "sshCommand() takes what is no option for a destination"),
  fn() {
    for (const destination of ["host", "a@b", "ssh://a@b:22", "fe80::1%eth0", "a;b"]) {
      assertEquals(sshCommand(destination).at(-3), destination);
    }
    for (const destination of ["-oProxyCommand=x", "", "a b", "a\nb", "x".repeat(256)]) {
      const error = assertThrows(() => sshCommand(destination), TineError, "is no destination for ssh");
      assertEquals(error.code, "bad-destination");
    }
  },
});

Deno.test("sshFailure() reports cause and remedy, and what ssh printed", () => {
  const cases: [string, string][] = [
    ["ssh: Could not resolve hostname x: Name or service not known", "no-such-host"],
    ["ssh: connect to host x port 22: Connection refused", "refused"],
    ["ssh: connect to host x port 22: Connection timed out", "unreachable"],
    ["ssh: connect to host x port 22: No route to host", "unreachable"],
    ["Timeout, server x not responding.", "unreachable"],
    ["@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.", "host-key-changed"],
    ["No ED25519 host key is known for x and you have requested strict checking.", "host-key-unknown"],
    ["me@x: Permission denied (publickey,password).", "not-permitted"],
    ["Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures", "not-permitted"],
    ["sudo: a password is required", "no-sudo"],
    ["sh: 1: exec: sudo: not found", "no-sudo"],
    ["me is not in the sudoers file.", "no-sudo"],
    ["This account is currently not available.", "no-login"],
    ["Connection to x closed by remote host.", "connection-cut"],
    ["client_loop: send disconnect: Broken pipe", "connection-cut"],
    ["kex_exchange_identification: Connection closed by remote host", "refused"],
    ["something new", "ssh-failed"],
  ];
  for (const [said, code] of cases) {
    const error = sshFailure("x", "exited with status 255", said.split("\n"));
    assertEquals(error.code, code, said);
    assert(error.message.endsWith(`(${said.split("\n").at(-1)})`), error.message);
    assert(error.message.includes("x"), error.message);
  }
  const silent = sshFailure("x", "was killed by SIGKILL", []).message;
  assertEquals(silent, 'ssh to x was killed by SIGKILL before the node was started: see what "ssh x true" says');
});

Deno.test("farFailure() reports what can be done", () => {
  const error = farFailure("x", "disk-full", "No space left");
  assertEquals([error.code, error.message.includes("tine node clean x")], ["disk-full", true]);
  assertEquals(farFailure("x", "other", "why").message, "x cannot go on (why)");
});

Deno.test({
  ...unless(whyNotInstalled("nsenter"), "hostNetwork() leaves namespaces, and says when it cannot"),
  fn() {
    assertEquals(hostNetwork({ mounts: Deno.pid }), []);
    const held = assertThrows(() => hostNetwork({ mounts: 1, inside: "holder" }), TineError, "without root");
    assertEquals(held.code, "no-network");
    if (Deno.uid() === 0) {
      const words = hostNetwork({ mounts: 42, inside: "namespace" });
      assertEquals(words.slice(1), ["--target", "42", "--net", "--mount", "--"]);
    } else {
      assertThrows(() => hostNetwork({ mounts: 42, inside: "namespace" }), TineError, "it takes root to leave it");
    }
  },
});
