import { TineError } from "../../../base/errors.ts";

/** Messages of ssh and sudo, their meaning and the remedy. The first match counts. */
const CAUSES: readonly [pattern: RegExp, code: string, message: (destination: string) => string][] = [
  [
    /Could not resolve hostname/i,
    "no-such-host",
    (to) => `there is no host ${to}: correct the name, or define it in ~/.ssh/config`,
  ],
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|offending .* key|host key .*has changed/i,
    "host-key-changed",
    (to) =>
      `the host key of ${to} has changed: if there is a good reason for that, remove the old one (ssh-keygen -R) and ` +
      "connect once by hand; otherwise somebody may be listening in",
  ],
  [
    /Host key verification failed|No .* host key is known/i,
    "host-key-unknown",
    (to) => `the host key of ${to} is not known: connect once by hand (ssh ${to}) and confirm it`,
  ],
  [
    /Permission denied|Too many authentication failures|No supported authentication methods/i,
    "not-permitted",
    (to) =>
      `${to} does not let us in without a password: set up a key (ssh-copy-id ${to}), and load it into the agent if ` +
      "it has a passphrase (ssh-add)",
  ],
  [
    /Connection refused/i,
    "refused",
    (to) => `${to} refuses the connection: start sshd there, or correct the port`,
  ],
  [
    /timed out|Timeout, server|No route to host|is unreachable|Connection timeout/i,
    "unreachable",
    (to) => `${to} does not answer: see whether it is up, and whether a firewall drops ssh`,
  ],
  [
    /sudo: .*(password is required|terminal is required)|sudo: no tty/i,
    "no-sudo",
    (to) => `sudo on ${to} wants a password: allow the user to run it without (NOPASSWD), or log in as root`,
  ],
  [
    /is not in the sudoers|may not run sudo|not allowed to (execute|run)/i,
    "no-sudo",
    (to) => `the user may not run sudo on ${to}: allow it in its sudoers, or log in as root`,
  ],
  [
    /sudo: (command )?not found|sudo: No such file/i,
    "no-sudo",
    (to) => `there is no sudo on ${to}: install it, or log in as root`,
  ],
  [
    /This account is currently not available|account has expired|account is locked/i,
    "no-login",
    (to) => `the user cannot log in on ${to}: give it a shell, or take another user`,
  ],
  [
    /Connection to .* closed|send disconnect|Broken pipe/i,
    "connection-cut",
    (to) => `the connection to ${to} was cut: try again, and if it happens again, see the log of sshd there`,
  ],
  [
    /kex_exchange_identification|Connection (closed|reset) by/i,
    "refused",
    (to) =>
      `${to} closes the connection before the login: see its log for the reason, such as too many logins at a time ` +
      "(MaxStartups), or an address that it does not allow",
  ],
];

/**
 * Why there was no answer from a shell on another machine.
 *
 * @param destination as for ssh
 * @param how how ssh ended, in words
 * @param lastLines the last lines of standard error
 */
export function sshFailure(destination: string, how: string, lastLines: readonly string[]): TineError {
  const text = lastLines.join("\n");
  for (const [pattern, code, message] of CAUSES) {
    if (pattern.test(text)) return new TineError(code, withLast(message(destination), lastLines));
  }
  return new TineError(
    "ssh-failed",
    withLast(
      `ssh to ${destination} ${how} before the node was started: see what "ssh ${destination} true" says`,
      lastLines,
    ),
  );
}

/** Returns the error of a far script that cannot go on. */
export function farFailure(destination: string, code: string, text: string): TineError {
  const remedies: Readonly<Record<string, string>> = {
    "disk-full": `there is no space for the executable on ${destination}: make room, or clean up by ` +
      `tine node clean ${destination}`,
    "no-folder": `there is no place for the executable on ${destination}: set XDG_CACHE_HOME or TMPDIR there`,
    "damaged": `the executable arrived damaged on ${destination}: try again`,
    "not-runnable": `tine does not run on ${destination}: it needs Linux with glibc, or macOS, of that platform`,
    "not-written": `the executable cannot be written on ${destination}: correct its cache folder, or remove it by ` +
      `tine node clean ${destination}`,
  };
  return new TineError(code, `${remedies[code] ?? `${destination} cannot go on`} (${text})`);
}

function withLast(sentence: string, lastLines: readonly string[]): string {
  const last = lastLines.findLast((line) => !line.startsWith("@@@"));
  return last === undefined ? sentence : `${sentence} (${last})`;
}
