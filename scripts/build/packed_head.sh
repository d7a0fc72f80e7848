#!/bin/sh
# tine @VERSION@ for @PLATFORM@ in one file: this script, a deno binary and the program, both compressed.
# The first start unpacks them into the user's cache; later starts check that what lies there is whole, and exec it.

hash=@HASH@
head_bytes=@HEAD_BYTES@
deno_bytes=@DENO_BYTES@
program_bytes=@PROGRAM_BYTES@
# What an intact entry of the cache consists of: size:name.
files='@FILES@'

fail() {
  echo "tine: $*" >&2
  exit 1
}

case $0 in
  /*) packed=$0 ;;
  */*) packed=$PWD/$0 ;;
  *) if [ -f "./$0" ]; then packed=$PWD/$0; else packed=$(command -v -- "$0"); fi ;;
esac

# Where other users are kept out by file permissions only: root outside of a user namespace. Inside of one, root is an
# ordinary user, and the folders of the real root belong to nobody.
me=$(id -u)
real_root() {
  [ "$me" = 0 ] || return 1
  mapped=0
  { [ -r /proc/self/uid_map ] && read -r _ mapped _ </proc/self/uid_map; } 2>/dev/null
  [ "$mapped" = 0 ]
}

# No other user can put something else in the place of folder $1: it and all above it belong to root or this user, and
# only they can write there, or (as in /tmp) remove only what is theirs.
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
    [ "$uid" = 0 ] || [ "$uid" = "$me" ] || exit 1
    case $mode in d????-??-*|d????????[tT]*) ;; *) exit 1 ;; esac
  done
)

# The folder $1 belongs to this user, and only this user can write to it.
own() (
  [ ! -L "$1" ] && trusted "$1" || return 1
  # shellcheck disable=SC2046
  set -- $(LC_ALL=C ls -ldn -- "$1")
  [ "$3" = "$me" ] && case $1 in d????-??-*) ;; *) return 1 ;; esac
)

# The entry $1 is whole, belongs to this user, and nobody else can write to it. This takes part in each start, so it goes
# through the files once, in the order of their names, which ls and $files share.
intact() {
  [ -d "$1" ] || return 1
  if real_root; then trusted "${1%/*}" || return 1; fi
  names=
  for file in $files; do names="$names ${file#*:}"; done
  found=
  column=mode
  # Names of program files contain no spaces.
  # shellcheck disable=SC2086
  for word in $(cd -- "$1" && LC_ALL=C ls -ldn . program $names 2>/dev/null || echo missing); do
    case $column in
      mode)
        case $word in [d-]????-??-*) mode=$word ;; *) return 1 ;; esac
        column=links
        ;;
      links) column=owner ;;
      owner)
        [ "$word" = "$me" ] || return 1
        column=group
        ;;
      group) column=size ;;
      size)
        size=$word
        column=month
        ;;
      month) column=day ;;
      day) column=clock ;;
      clock) column=name ;;
      name)
        case $mode in -*) found="$found${found:+ }$size:$word" ;; esac
        column=mode
        ;;
    esac
  done
  [ "$found" = "$files" ]
}

# Goes on as the program in folder $1; the rest are its arguments.
start() {
  dir=$1
  shift
  export TINE_PACKED="$packed" DENO_NO_UPDATE_CHECK=1
  # Deno's own caches go where the program lies, not into the user's; the program hides this from its children.
  [ -n "${DENO_DIR:-}" ] || export DENO_DIR="$dir/tine-deno-dir"
  exec "$dir/deno" run -q -A --no-config --no-lock --no-prompt --no-remote --no-npm \
    @DENO_FLAGS@ --import-map "$dir/program/@IMPORT_MAP@" "$dir/program/@ENTRY@" "$@"
}

# Unpacks into the new folder $1; then, if $2 is given, makes it the entry $2 of the cache.
unpack() {
  (
    umask 077
    # A packed file that was cut short, or a full disk, fails here.
    tail -c "+$((head_bytes + 1))" "$packed" | head -c "$deno_bytes" | gzip -dc >"$1/deno" &&
      chmod 700 "$1/deno" &&
      tail -c "+$((head_bytes + deno_bytes + 1))" "$packed" | head -c "$program_bytes" | gzip -dc >"$1/install.js" &&
      DENO_DIR="$1/tine-deno-dir" DENO_NO_UPDATE_CHECK=1 \
        "$1/deno" run -q -A --no-config --no-lock --no-prompt "$1/install.js" "$@"
  ) 2>"$1/errors" </dev/null
}

case ${XDG_CACHE_HOME:-} in
  /*) cache=$XDG_CACHE_HOME/tine ;;
  *) cache=${HOME:+$HOME/.cache/tine} ;;
esac
# Where services have no home, or one that cannot be written: folders that others may have made before.
case ${XDG_RUNTIME_DIR:-} in
  /*) runtime=$XDG_RUNTIME_DIR/tine ;;
  *) runtime= ;;
esac
shared=/var/tmp/tine-$me

if [ -n "$cache" ]; then
  intact "$cache/$hash" && start "$cache/$hash" "$@"
fi

# Unpacks into folder $1 and goes on there, with the arguments behind; returns with the reason in $why where it cannot.
unpack_in() {
  place=$1
  shift
  why="$place cannot be written"
  new=$( (umask 077 && mkdir -p -- "$place" && mktemp -d "$place/.new.XXXXXX") 2>/dev/null) || new=
  [ -n "$new" ] || return 0
  trap 'rm -rf -- "$new"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  safe=1
  if real_root && ! trusted "$place" || [ "$place" != "$cache" ] && ! own "$place"; then
    why="another user can write to $place"
    safe=
  elif unpack "$new" "$place/$hash"; then
    why="$place/$hash belongs to another user"
  else
    why=$(tail -n 1 "$new/errors" 2>/dev/null)
  fi
  rm -rf -- "$new"
  trap - EXIT HUP INT TERM
  # What an earlier start has left there may have been replaced meanwhile.
  [ -n "$safe" ] && intact "$place/$hash" || return 0
  [ "$place" = "$cache" ] || echo "tine: $said: unpacked in $place, for later starts too" >&2
  start "$place/$hash" "$@"
}

why='HOME is not set'
[ -n "$cache" ] && unpack_in "$cache" "$@"
said=$why
for place in "$runtime" "$shared"; do
  [ -n "$place" ] || continue
  own "$place" && intact "$place/$hash" && start "$place/$hash" "$@"
done
for place in "$runtime" "$shared"; do
  [ -n "$place" ] && unpack_in "$place" "$@"
done
why=$said

# No usable cache: a private folder, for this run only.
new=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/tine.XXXXXX" 2>/dev/null) ||
  fail "cannot unpack: $why, and ${TMPDIR:-/tmp} cannot be written either (set XDG_CACHE_HOME or TMPDIR)"
trap 'rm -rf -- "$new"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if real_root && ! trusted "$new"; then
  fail "cannot unpack: $why, and another user can write to ${TMPDIR:-/tmp}"
fi
unpack "$new" || fail "cannot unpack $packed: $(tail -n 1 "$new/errors" 2>/dev/null)"
echo "tine: $why: unpacked for this run only; set XDG_CACHE_HOME to a folder that can be written" >&2
mkfifo "$new/alive" || fail "cannot make a pipe in $new"
# The program takes this process over, so that signals, the terminal and the exit code are its own. A process beside
# it holds the reading end of a pipe: when the program has ended in whatever way, it sees the end and removes the folder.
trap - EXIT
(
  trap '' HUP INT TERM
  exec </dev/null >/dev/null 2>&1
  cat "$new/alive"
  rm -rf -- "$new"
) &
trap - HUP INT TERM
exec 9>"$new/alive"
start "$new" "$@"
exit 1
