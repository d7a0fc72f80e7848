import { messageOf, TineError } from "../../base/errors.ts";
import { lines } from "../../base/lines.ts";
import { findTool, toolPath } from "./find_program.ts";
import { LINEAGE, type Lineage } from "./lineage.ts";
import { intoMounts } from "./namespaces.ts";

/** A line of its answers that is longer is cut. */
const LONGEST_ANSWER = 4096;

/** Where it runs. */
interface Place {
  /** A process in the mount namespace that it belongs into. */
  readonly mounts?: number;
  /** As root, by `sudo -n`. */
  readonly sudo?: boolean;
}

/** The process of a watchdog, and the pipes to it. The requests are those of {@linkcode WATCHDOG_SCRIPT}. */
export class WatchdogProcess {
  readonly #child: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncGenerator<string>;
  /** Whether it did its work, rather than being killed. */
  readonly #ended: Promise<boolean>;
  /** Answers come in the order of the questions. */
  #lastAnswer: Promise<unknown> = Promise.resolve();
  #asking = 0;
  #ending = false;
  /** Settled if it ends without being told. */
  readonly died: Promise<void>;

  constructor(lineage: Lineage, place: Place) {
    const [program, ...args] = watchdogCommand(lineage, place);
    try {
      this.#child = new Deno.Command(program, {
        args,
        // Without what nodes and commands carry in theirs, and in a group of its own: whoever kills these spares it.
        clearEnv: true,
        env: { PATH: toolPath(), LC_ALL: "C", [LINEAGE]: lineage.watchdog },
        detached: true,
        stdin: "piped",
        stdout: "piped",
        // Whoever waits for the end of the node's own standard error so waits for its watchdog as well.
        stderr: "inherit",
      }).spawn();
    } catch (error) {
      throw new TineError("no-watchdog", `cannot start ${program}, which cleans up after a node: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.#child.unref();
    this.#requests = this.#child.stdin.getWriter();
    // A write that fails is reported by it, and the end of the process by its status.
    this.#requests.closed.catch(() => {});
    this.#answers = lines(this.#child.stdout, LONGEST_ANSWER);
    const died = Promise.withResolvers<void>();
    this.died = died.promise;
    this.#ended = this.#child.status.then(({ success }) => {
      if (!this.#ending) died.resolve();
      return success;
    });
  }

  /** @returns once it has the request; it has it also if this process dies then */
  async tell(request: string): Promise<void> {
    try {
      await this.#requests.write(new TextEncoder().encode(`${request}\n`));
    } catch {
      // It was killed. The one that follows is told everything.
    }
  }

  /** @returns undefined if it was done, otherwise why not */
  ask(request: string): Promise<string | undefined> {
    const asked = this.tell(request);
    // A program goes on as long as an answer is awaited.
    if (this.#asking++ === 0) this.#child.ref();
    const answer = this.#lastAnswer.then(async () => {
      await asked;
      const { value } = await this.#answers.next();
      if (--this.#asking === 0 && !this.#ending) this.#child.unref();
      if (value === "ok") return undefined;
      return value?.startsWith("no ") ? value.slice(3) : "the watchdog of the node was killed";
    });
    this.#lastAnswer = answer;
    return answer;
  }

  /** @returns false if it was killed before it had done its work */
  async end(): Promise<boolean> {
    this.#ending = true;
    this.#child.ref();
    await this.#requests.close().catch(() => {}); // it was killed
    const success = await this.#ended;
    await this.#lastAnswer;
    for await (const _ of this.#answers); // closes the stream
    return success;
  }
}

function watchdogCommand(lineage: Lineage, { mounts, sudo }: Place): string[] {
  const script = ["sh", "-c", WATCHDOG_SCRIPT, "tine-watchdog", lineage.marker];
  if (sudo) {
    const path = findTool("sudo", "it runs commands as root; install it, or run tine as root");
    return [path, "-n", "--", "env", `${LINEAGE}=${lineage.watchdog}`, ...script];
  }
  return [...intoMounts(mounts), ...script];
}

/**
 * What the watchdog of a node runs: a script for any POSIX shell, dash and busybox among them, with the usual small
 * tools. `$1` is the marker of the node.
 *
 * It reads requests, one a line, until the end of its input: the node has ended, in order or not. Then it ends what the
 * node has started and left, waits for the nodes below and their watchdogs, deletes namespaces and removes paths. Input
 * never becomes code: it is read by `read -r`, and checked to be a number, a name or an absolute path.
 *
 * | request        | meaning                                                     | answer           |
 * | -------------- | ----------------------------------------------------------- | ---------------- |
 * | group N        | process group N is to be killed                             |                  |
 * | ungroup N      | it ended                                                    |                  |
 * | interrupt N    | SIGINT to the group                                         |                  |
 * | kill N         | SIGKILL to the group                                        |                  |
 * | path P         | file or folder P is to be removed                           |                  |
 * | unpath P       | it was                                                      |                  |
 * | namespace NAME | creates it; it is to be deleted                             | ok, or no REASON |
 * | adopt NAME     | it was created, by a watchdog that died                     |                  |
 * | release NAME   | deletes it now, after killing what runs in it               | ok, or no REASON |
 */
export const WATCHDOG_SCRIPT = String.raw`
trap '' HUP INT TERM PIPE
set -f
marker=$1
groups= namespaces= paths=
newline='
'

is_number() { case $1 in ''|0*|1|*[!0-9]*|????????????*) return 1 ;; esac; }
is_name() { case $1 in ''|.*|-*|*[!A-Za-z0-9_.-]*) return 1 ;; esac; }
# A folder of its own below some other, such as /tmp/x.
is_path() { case $1 in */../*|*/..|*/./*|*//*|*/) return 1 ;; /*/?*) ;; *) return 1 ;; esac; }
complain() { echo "tine watchdog: $*" >&2; }
pause() { sleep 0.1 2>/dev/null || sleep 1; }
first_line() { said=${"$"}{1%%"$newline"*}; }

# Sets rest to the words behind $1 without $1.
without() {
  gone=$1
  shift
  rest=
  for word; do [ "$word" = "$gone" ] || rest="$rest $word"; done
}

has() {
  wanted=$1
  shift
  for word; do [ "$word" = "$wanted" ] && return 0; done
  return 1
}

# Prints the processes that have $1 in their environment.
having() {
  set +f
  files=$(grep -lsF -e "$1" /proc/[0-9]*/environ)
  # A machine with so many processes that their names are too long for one command.
  [ $? -lt 126 ] || files=$(echo /proc/[0-9]*/environ | xargs grep -lsF -e "$1")
  set -f
  for file in $files; do
    file=${"$"}{file#/proc/}
    echo "${"$"}{file%/environ}"
  done
}

# Kills what the command $@ prints, until it prints nothing any more: meanwhile more may have been started.
destroy() {
  round=0
  while pids=$("$@") && [ -n "$pids" ]; do
    if [ $round = 60 ]; then
      complain "cannot end the processes" $pids
      return 1
    fi
    kill -KILL $pids 2>/dev/null
    [ $round -lt 3 ] || pause
    round=$((round + 1))
  done
}

# Waits until no process has $1 in its environment, at most $2 tenths of a second.
await() {
  round=0
  while [ -n "$(having "$1")" ]; do
    [ $round -lt "$2" ] || return 1
    pause
    round=$((round + 1))
  done
}

create_namespace() {
  said=$(ip netns add "$1" 2>&1) || return 1
  namespaces="$namespaces $1"
  said=$(ip -n "$1" link set lo up 2>&1) && return 0
  failed=$said
  delete_namespace "$1"
  said=$failed
  return 1
}

inside() { ip netns pids "$1" 2>/dev/null; }

delete_namespace() {
  without "$1" $namespaces
  namespaces=$rest
  destroy inside "$1"
  said=$(ip netns delete "$1" 2>&1)
}

answer() {
  if "$@"; then
    echo ok
  else
    first_line "$said"
    echo "no $said"
  fi
}

drop_path() {
  rest=
  IFS=$newline
  for path in $paths; do [ "$path" = "$1" ] || rest="$rest$path$newline"; done
  unset IFS
  paths=$rest
}

while read -r request subject; do
  case $request in
    group | ungroup | interrupt | kill) is_number "$subject" ;;
    namespace | adopt | release) is_name "$subject" ;;
    path | unpath) is_path "$subject" ;;
    *) false ;;
  esac || { complain "what is: $request $subject?"; continue; }
  case $request in
    group) groups="$groups $subject" ;;
    ungroup) without "$subject" $groups; groups=$rest ;;
    interrupt) has "$subject" $groups && { kill -INT "-$subject"; kill -CONT "-$subject"; } 2>/dev/null ;;
    kill) has "$subject" $groups && kill -KILL "-$subject" 2>/dev/null ;;
    path) paths="$paths$subject$newline" ;;
    unpath) drop_path "$subject" ;;
    namespace) answer create_namespace "$subject" ;;
    adopt) namespaces="$namespaces $subject" ;;
    release) if has "$subject" $namespaces; then answer delete_namespace "$subject"; else echo ok; fi ;;
  esac
done

for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
if [ -n "$(having "$marker")" ]; then
  destroy having "$marker!"
  # Nodes below end by themselves when they see the end of their input, and their watchdogs after them.
  await "$marker." 50 || destroy having "$marker."
  await "$marker~" 100 || destroy having "$marker~"
fi
for name in $namespaces; do delete_namespace "$name" || complain "cannot delete the namespace $name: $said"; done
IFS=$newline
for path in $paths; do rm -rf -- "$path" || complain "cannot remove $path"; done
exit 0
`;
