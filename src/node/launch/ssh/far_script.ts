/**
 * What runs on the far side of an ssh connection until the node takes over: a script for any POSIX shell, with gzip and
 * the small tools that come with the system.
 *
 * It answers requests, one a line, that come over its standard input. Input never becomes code: it is read by `read -r`
 * and checked. Each answer begins with the marker, `$1`, so that what start-up files of shells print is told from it.
 *
 * | request               | meaning                                                      | answers                          |
 * | --------------------- | ------------------------------------------------------------ | -------------------------------- |
 * |                       | it is there                                                  | hello OS MACHINE UID             |
 * | file HASH SIZE        | is there this executable?                                    | have PATH, need                  |
 * | blocks KIND FOR       | it follows, gzip or raw: a line with a length, so many       | next after each block, have PATH |
 * |                       | bytes, ..., a 0; `own`: it is for this machine               |                                  |
 * | start ID HASH         | goes on as `tine node serve ID`, by that executable          | start                            |
 * | clean                 | removes the cache                                            | cleaned PATH, clean PATH         |
 * |                       | it cannot go on                                              | fail CODE TEXT                   |
 *
 * An executable lies in the user's cache folder under its hash, complete or not at all; beside it, a file whose time says
 * when it was last hashed. Where that folder cannot be
 * used, it goes to a folder of its own that is removed when the node has ended.
 */
const FAR_SCRIPT = String.raw`
mark=$1
umask 077
set -f
me=$(id -u)
new= private= file=
newline='
'

say() { printf '%s %s\n' "$mark" "$*"; }
one_line() { printf '%s' "$1" | tr '\n\r' '  '; }
fail() {
  code=$1
  shift
  say fail "$code" "$(one_line "$*")"
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

is_hash() { case $1 in *[!0-9a-f]*) return 1 ;; esac; [ "${"$"}{#1}" = 64 ]; }
is_number() { case $1 in ''|*[!0-9]*|?????????????*) return 1 ;; esac; }

case ${"$"}{XDG_CACHE_HOME:-} in
  /*) cache=$XDG_CACHE_HOME/tine ;;
  *) case ${"$"}{HOME:-} in /?*) cache=$HOME/.cache/tine ;; *) cache= ;; esac ;;
esac

# Where other users are kept out by file permissions only: root outside of a user namespace.
real_root() {
  [ "$me" = 0 ] || return 1
  mapped=0
  { [ -r /proc/self/uid_map ] && read -r _ mapped _ </proc/self/uid_map; } 2>/dev/null
  [ "$mapped" = 0 ]
}

# No other user can put something else in the place of folder $1: all above it belong to root, and only root can write
# there, or (as in /tmp) remove only what is theirs.
trusted() (
  cd -P -- "$1" 2>/dev/null || return 1
  rest=${"$"}{PWD#/}
  path=/
  set -- /
  while [ -n "$rest" ]; do
    path=$path${"$"}{rest%%/*}
    set -- "$@" "$path"
    path=$path/
    case $rest in */*) rest=${"$"}{rest#*/} ;; *) rest= ;; esac
  done
  LC_ALL=C ls -ldn -- "$@" | while read -r mode _ uid _; do
    [ "$uid" = 0 ] || exit 1
    case $mode in d????-??-*|d????????[tT]*) ;; *) exit 1 ;; esac
  done
)

# $1 belongs to this user, and nobody else can write to it.
owned() {
  set -- $(LC_ALL=C ls -ldn -- "$1" 2>/dev/null)
  [ "${"$"}{3:-}" = "$me" ] || return 1
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

# Prints the hash of file $1, or nothing where no tool can tell it.
sum() {
  for tool in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r'; do
    command -v "${"$"}{tool%% *}" >/dev/null 2>&1 || continue
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

# File $1 is what was asked for: that was found out before, or is now. Hashing takes as long as a login.
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
  folder=${"$"}{TMPDIR:-/tmp}/tine-$mark
  said=$(mkdir -- "$folder" 2>&1) || fail no-folder "neither ${"$"}{cache:-a cache folder} nor ${"$"}{TMPDIR:-/tmp} can be used: $said"
  private=$folder
  safe "$folder" || fail no-folder "another user can write to ${"$"}{TMPDIR:-/tmp}"
  executes "$folder" || fail no-folder "no programs can be run in ${"$"}{cache:-a cache folder} or ${"$"}{TMPDIR:-/tmp}"
}

blocks() {
  while read -r length && is_number "$length" && [ "$length" != 0 ]; do
    head -c "$length" || return 1
    say next >&3
  done
}

receive() {
  case $1 in gzip) unpack='gzip -dc' ;; raw) unpack=cat ;; *) fail bad-request "what is blocks $1?" ;; esac
  new=$folder/.new.$mark
  exec 3>&1
  if said=$( { blocks | $unpack >"$new"; } 2>&1 ); then
    exec 3>&-
    chmod 700 "$new" && whole "$new" || fail damaged "what arrived is not what was sent"
    said=$(mv -f -- "$new" "$folder/tine-$hash" 2>&1) || fail not-written "$said"
    # The clock of files goes on in steps of some milliseconds.
    for _ in 1 2 3 4 5 6 7 8 9; do
      { printf '' >"$folder/tine-$hash.checked"; } 2>/dev/null
      if unchanged "$folder/tine-$hash"; then break; fi
    done
    new=
    # The first start may unpack it: once, before several nodes do.
    [ "$2" != own ] || said=$("$file" --version 2>&1 </dev/null) || fail not-runnable "$said"
    return
  fi
  case $said in
    *[Nn]o\ space*|*[Qq]uota*) fail disk-full "$folder: $said" ;;
    *) fail not-written "$folder: $said" ;;
  esac
}

say hello "$(uname -s)" "$(uname -m)" "$me"
hash= size=
while read -r request subject more; do
  case $request in
    file)
      hash=$subject size=$more
      is_hash "$hash" && is_number "$size" || fail bad-request "what is $request $subject $more?"
      file=$private/tine-$hash
      if [ -n "$private" ] && [ -f "$file" ]; then
        say have "$file"
      elif file=$cache/tine-$hash && [ -n "$cache" ] && safe "$cache" && intact "$file"; then
        say have "$file"
      else
        choose_folder
        file=$folder/tine-$hash
        say need
      fi
      ;;
    blocks)
      receive "$subject" "$more"
      say have "$file"
      ;;
    start)
      case $subject in ''|-*|*[!A-Za-z0-9_.-]*) fail bad-request "what is the node $subject?" ;; esac
      is_hash "$more" || fail bad-request "what is $more?"
      file=$cache/tine-$more
      [ -z "$private" ] || [ ! -f "$private/tine-$more" ] || file=$private/tine-$more
      say start
      [ -n "$private" ] || exec "$file" node serve "$subject" --far
      # What exec would replace has to remove the folder.
      "$file" node serve "$subject" --far
      exit
      ;;
    clean)
      [ -n "$cache" ] || fail no-folder "there is no home"
      if [ -d "$cache" ]; then
        said=$(rm -rf -- "$cache" 2>&1) || fail not-removed "$said"
        say cleaned "$cache"
      else
        say clean "$cache"
      fi
      ;;
    *) fail bad-request "what is $request?" ;;
  esac
done
`;

/** How the script is started: by a shell that reads this from its standard input, up to its end. */
const START = String.raw`
if [ "$root" = 0 ] || [ "$(id -u)" = 0 ]; then exec sh -c "$script" tine-ssh "$mark"
else exec sudo -n -H -- sh -c "$script" tine-ssh "$mark"; fi
`;

/**
 * What is written to `sh` on the far side, which then answers requests.
 *
 * @param marker in front of its answers: hexadecimal digits that nobody can guess
 * @param root become root, by sudo that must not ask
 */
export function farScript(marker: string, root: boolean): string {
  if (!/^[0-9a-f]+$/.test(marker)) throw new TypeError(`${marker} is no marker`);
  const quoted = FAR_SCRIPT.replaceAll("'", `'\\''`);
  // The shell may read ahead, so nothing may follow before its first answer.
  return `mark=${marker} root=${root ? 1 : 0} script='${quoted}'\n${START.trim()}\n`;
}
