#!/bin/sh
# What runs on the far side of an ssh connection until the node takes over: for any POSIX shell, with gzip and the small
# tools that come with the system. $1 is the marker that each answer begins with, so that answers stand out from what
# start-up files of shells print.
#
# Answers requests, one a line, from its standard input. Input never becomes code: `read -r` reads it, and it is checked.
#
#   request          meaning                                                      answers
#                    it is there                                                  hello OS MACHINE UID
#   file HASH SIZE   is this executable there?                                    have PATH, need
#   blocks KIND FOR  the executable follows, as gzip or raw: a line with a        next after each block, have PATH
#                    length, as many bytes, ..., 0; FOR `own`: this machine's
#   start ID HASH    goes on as `tine node serve ID`, by that executable          start
#   clean            removes the cache                                            cleaned PATH, clean PATH
#                    it cannot go on                                              fail CODE TEXT
#
# An executable lies in the user's cache folder under its hash, complete or not at all; the time of a file beside it
# is that of its last hashing. Where that folder cannot be used, the executable goes to a folder of its own that is
# removed when the node has ended.

mark=$1
umask 077
set -f
me=$(id -u)
new='' private='' file=''

reply() { printf '%s %s\n' "$mark" "$*"; }
one_line() { printf '%s' "$1" | tr '\n\r' '  '; }
fail() {
  code=$1
  shift
  reply fail "$code" "$(one_line "$*")"
  exit 1
}
tidy() {
  [ -z "$new" ] || rm -f -- "$new"
  [ -z "$private" ] || rm -rf -- "$private"
}
trap tidy EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

is_hash() { case $1 in *[!0-9a-f]*) return 1 ;; esac; [ "${#1}" = 64 ]; }
is_number() { case $1 in ''|*[!0-9]*|?????????????*) return 1 ;; esac; }

case ${XDG_CACHE_HOME:-} in
  /*) cache=$XDG_CACHE_HOME/tine ;;
  *) case ${HOME:-} in /?*) cache=$HOME/.cache/tine ;; *) cache= ;; esac ;;
esac

# Where other users are kept out by file permissions only: root outside of a user namespace.
real_root() {
  [ "$me" = 0 ] || return 1
  mapped=0
  { [ -r /proc/self/uid_map ] && read -r _ mapped _ </proc/self/uid_map; } 2>/dev/null
  [ "$mapped" = 0 ]
}

# No other user can replace folder $1: all above it belong to root, and others cannot write there, or (as in /tmp)
# remove only what is theirs.
trusted() (
  cd -P -- "$1" 2>/dev/null || return 1
  rest=${PWD#/}
  path=/
  set -- /
  while [ -n "$rest" ]; do
    path=$path${rest%%/*}
    set -- "$@" "$path"
    path=$path/
    case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
  done
  # shellcheck disable=SC2012
  LC_ALL=C ls -ldn -- "$@" | while read -r mode _ uid _; do
    [ "$uid" = 0 ] || exit 1
    case $mode in d????-??-*|d????????[tT]*) ;; *) exit 1 ;; esac
  done
)

# $1 belongs to this user, and no other user can write to it.
owned() {
  # shellcheck disable=SC2046
  set -- $(LC_ALL=C ls -ldn -- "$1" 2>/dev/null)
  [ "${3:-}" = "$me" ] || return 1
  case $1 in [d-]????-??-*) ;; *) return 1 ;; esac
}

safe() { [ -d "$1" ] && owned "$1" && { ! real_root || trusted "$1"; }; }

# Programs in folder $1 can be executed.
executes() {
  probe=$1/.new.$mark.probe
  { printf '#!/bin/sh\nexit 0\n' >"$probe" && chmod 700 "$probe" && "$probe"; } 2>/dev/null
  works=$?
  rm -f -- "$probe"
  return $works
}

# Prints the hash of file $1, or nothing without a tool for it.
sum() {
  for tool in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r'; do
    command -v "${tool%% *}" >/dev/null 2>&1 || continue
    $tool <"$1" 2>/dev/null | { read -r found _; echo "$found"; }
    return
  done
}

# File $1 is what was asked for.
whole() {
  [ "$(($(wc -c <"$1")))" = "$size" ] || return 1
  found=$(sum "$1")
  [ "$found" = "$hash" ] || [ -z "$found" ]
}

# File $1 has not changed in any way since it was hashed; where find cannot tell, it may have.
unchanged() { [ -n "$(find "$1.checked" -newermc "$1" 2>/dev/null)" ]; }

# File $1 is what was asked for: by an earlier hashing, or by one now, which takes as long as a login.
intact() {
  [ -f "$1" ] && [ -x "$1" ] && owned "$1" && [ "$(($(wc -c <"$1")))" = "$size" ] || return 1
  if unchanged "$1"; then return; fi
  # Its time is that before the hash was taken. A cache that cannot be written is hashed each time.
  new=$cache/.new.$mark
  { printf '' >"$new"; } 2>/dev/null
  whole "$1" || return 1
  mv -f -- "$new" "$1.checked" 2>/dev/null
  new=
}

# Sets folder to where an executable can be put.
choose_folder() {
  folder=$private
  [ -z "$folder" ] || return 0
  folder=$cache
  if [ -n "$cache" ] && mkdir -p -- "$cache" 2>/dev/null && safe "$cache" && executes "$cache"; then return; fi
  folder=${TMPDIR:-/tmp}/tine-$mark
  output=$(mkdir -- "$folder" 2>&1) || fail no-folder "neither ${cache:-a cache folder} nor ${TMPDIR:-/tmp} can be used: $output"
  private=$folder
  safe "$folder" || fail no-folder "another user can write to ${TMPDIR:-/tmp}"
  executes "$folder" || fail no-folder "no programs can be run in ${cache:-a cache folder} or ${TMPDIR:-/tmp}"
}

blocks() {
  while read -r length && is_number "$length" && [ "$length" != 0 ]; do
    head -c "$length" || return 1
    reply next >&3
  done
}

receive() {
  case $1 in gzip) unpack='gzip -dc' ;; raw) unpack='cat' ;; *) fail bad-request "what is blocks $1?" ;; esac
  new=$folder/.new.$mark
  exec 3>&1
  if output=$( { blocks | $unpack >"$new"; } 2>&1 ); then
    exec 3>&-
    { chmod 700 "$new" && whole "$new"; } || fail damaged "what arrived is not what was sent"
    output=$(mv -f -- "$new" "$folder/tine-$hash" 2>&1) || fail not-written "$output"
    # The clock of files goes on in steps of some milliseconds.
    for _ in 1 2 3 4 5 6 7 8 9; do
      { printf '' >"$folder/tine-$hash.checked"; } 2>/dev/null
      if unchanged "$folder/tine-$hash"; then break; fi
    done
    new=
    # The first start may unpack it: once, before several nodes do.
    [ "$2" != own ] || output=$("$file" --version 2>&1 </dev/null) || fail not-runnable "$output"
    return
  fi
  case $output in
    *[Nn]o\ space*|*[Qq]uota*) fail disk-full "$folder: $output" ;;
    *) fail not-written "$folder: $output" ;;
  esac
}

reply hello "$(uname -s)" "$(uname -m)" "$me"
hash='' size=''
while read -r request subject more; do
  case $request in
    file)
      hash=$subject size=$more
      { is_hash "$hash" && is_number "$size"; } || fail bad-request "what is $request $subject $more?"
      file=$private/tine-$hash
      if [ -n "$private" ] && [ -f "$file" ]; then
        reply have "$file"
      elif file=$cache/tine-$hash && [ -n "$cache" ] && safe "$cache" && intact "$file"; then
        reply have "$file"
      else
        choose_folder
        file=$folder/tine-$hash
        reply need
      fi
      ;;
    blocks)
      receive "$subject" "$more"
      reply have "$file"
      ;;
    start)
      case $subject in ''|-*|*[!A-Za-z0-9_.-]*) fail bad-request "what is the node $subject?" ;; esac
      is_hash "$more" || fail bad-request "what is $more?"
      file=$cache/tine-$more
      [ -z "$private" ] || [ ! -f "$private/tine-$more" ] || file=$private/tine-$more
      reply start
      [ -n "$private" ] || exec "$file" node serve "$subject" --far
      # What exec would replace has to remove the folder.
      "$file" node serve "$subject" --far
      exit
      ;;
    clean)
      [ -n "$cache" ] || fail no-folder "there is no home"
      if [ -d "$cache" ]; then
        output=$(rm -rf -- "$cache" 2>&1) || fail not-removed "$output"
        reply cleaned "$cache"
      else
        reply clean "$cache"
      fi
      ;;
    *) fail bad-request "what is $request?" ;;
  esac
done
