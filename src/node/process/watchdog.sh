#!/bin/sh
# The watchdog of a node, for any POSIX shell (dash and busybox among them) with the usual small tools.
# $1 is the marker of the node, see lineage.ts.
#
# Reads requests, one a line, until the end of its input: then the node has ended, in order or not. Kills what the node
# started and left, waits for the nodes below and their watchdogs, deletes namespaces and removes paths. Input never
# becomes code: `read -r` reads it, and each subject is checked to be a number, a name or an absolute path.
#
#   request         meaning                                                       answer
#   group N         process group N is to be killed
#   ungroup N       the group has ended
#   interrupt N     sends SIGINT to the group
#   kill N          sends SIGKILL to the group
#   path P          file or folder P is to be removed
#   unpath P        P is removed
#   namespace NAME  creates the network namespace, which is to be deleted         ok, or no REASON
#   adopt NAME      another watchdog created the namespace, and died
#   release NAME    kills what runs in the namespace, and deletes it now          ok, or no REASON
#
# Lists are words in a variable, and `set -f` keeps words from being patterns; functions are passed by name:
# shellcheck disable=SC2086,SC2317

trap '' HUP INT TERM PIPE
set -f
marker=$1
groups='' namespaces='' paths=''
newline='
'

is_number() { case $1 in ''|0*|1|*[!0-9]*|????????????*) return 1 ;; esac; }
is_name() { case $1 in ''|.*|-*|*[!A-Za-z0-9_.-]*) return 1 ;; esac; }
# A folder of its own below some other, such as /tmp/x.
is_path() { case $1 in */../*|*/..|*/./*|*//*|*/) return 1 ;; /*/?*) ;; *) return 1 ;; esac; }
complain() { echo "tine watchdog: $*" >&2; }
pause() { sleep 0.1 2>/dev/null || sleep 1; }

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
  # Their names may be too long for one command.
  [ $? -lt 126 ] || files=$(echo /proc/[0-9]*/environ | xargs grep -lsF -e "$1")
  set -f
  for file in $files; do
    file=${file#/proc/}
    echo "${file%/environ}"
  done
}

# Kills the processes that the command $@ prints, until it prints nothing: they may start others meanwhile.
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
  output=$(ip netns add "$1" 2>&1) || return 1
  namespaces="$namespaces $1"
  output=$(ip -n "$1" link set lo up 2>&1) && return 0
  failed=$output
  delete_namespace "$1"
  output=$failed
  return 1
}

inside() { ip netns pids "$1" 2>/dev/null; }

delete_namespace() {
  without "$1" $namespaces
  namespaces=$rest
  destroy inside "$1"
  output=$(ip netns delete "$1" 2>&1)
}

answer() {
  if "$@"; then
    echo ok
  else
    echo "no ${output%%"$newline"*}"
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
  # Nodes below end at the end of their input, and their watchdogs after them.
  await "$marker." 50 || destroy having "$marker."
  await "$marker~" 100 || destroy having "$marker~"
fi
for name in $namespaces; do delete_namespace "$name" || complain "cannot delete the namespace $name: $output"; done
IFS=$newline
for path in $paths; do rm -rf -- "$path" || complain "cannot remove $path"; done
exit 0
