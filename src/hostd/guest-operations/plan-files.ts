/** Scripts that work on a guest's files. Pure. Source: vim25 GuestFileManager; POSIX.1-2017 utilities. */
import { EXIT, GIVE_UP, quote } from "./shell.ts";

export function planMakeDirectory(path: string, withParents: boolean): string {
  return `${GIVE_UP}p=${quote(path)}
there "$p" && exit ${EXIT.exists}
mkdir ${withParents ? "-p " : ""}"$p" 2> /dev/null && exit
there "$p" && exit ${EXIT.exists}
give_up "$(dirname "$p")"`;
}

export function planDeleteDirectory(path: string, recursive: boolean): string {
  const remove = recursive
    ? `rm -rf "$p" 2> /dev/null`
    : `rmdir "$p" 2> /dev/null && exit
[ -n "$(ls -A "$p" 2> /dev/null)" ] && exit ${EXIT.notEmpty}`;
  return `${GIVE_UP}p=${quote(path)}
there "$p" || exit ${EXIT.notFound}
{ [ -d "$p" ] && [ ! -L "$p" ]; } || exit ${EXIT.notDirectory}
${remove}
there "$p" || exit 0
exit ${EXIT.denied}`;
}

/** A symbolic link is deleted itself, also one to a folder. */
export function planDeleteFile(path: string): string {
  return `${GIVE_UP}p=${quote(path)}
[ -d "$p" ] && [ ! -L "$p" ] && exit ${EXIT.notFile}
there "$p" || exit ${EXIT.notFound}
rm -f "$p" 2> /dev/null || exit ${EXIT.denied}`;
}

export function planMoveFile({ from, to, overwrite }: { readonly from: string; readonly to: string; readonly overwrite: boolean }): string {
  return `${GIVE_UP}from=${quote(from)}
to=${quote(to)}
there "$from" || exit ${EXIT.notFound}
[ -d "$from" ] && [ ! -L "$from" ] && exit ${EXIT.notFile}
[ -d "$to" ] && exit ${EXIT.notFile}
${overwrite ? "" : `there "$to" && exit ${EXIT.exists}\n`}mv -f "$from" "$to" 2> /dev/null || give_up "$(dirname "$to")"`;
}

export function planMoveDirectory({ from, to }: { readonly from: string; readonly to: string }): string {
  return `${GIVE_UP}from=${quote(from)}
to=${quote(to)}
there "$from" || exit ${EXIT.notFound}
{ [ -d "$from" ] && [ ! -L "$from" ]; } || exit ${EXIT.notDirectory}
there "$to" && exit ${EXIT.exists}
mv "$from" "$to" 2> /dev/null || give_up "$(dirname "$to")"`;
}

/** For its user alone, and new: a name that somebody else made first is not taken. */
export function planCreateTemporary(path: string, kind: "file" | "directory"): string {
  const make = kind === "file" ? `{ set -C; : > "$p"; } 2> /dev/null` : `mkdir "$p" 2> /dev/null`;
  return `${GIVE_UP}umask 077
p=${quote(path)}
there "$p" && exit ${EXIT.exists}
d=$(dirname "$p")
there "$d" || exit ${EXIT.notFound}
[ -d "$d" ] || exit ${EXIT.notDirectory}
(${make}) || exit ${EXIT.denied}`;
}

export interface AttributeChanges {
  readonly ownerId: number | undefined;
  readonly groupId: number | undefined;
  readonly permissions: number | undefined;
  readonly modifiedAtSeconds: number | undefined;
  readonly accessedAtSeconds: number | undefined;
}

/** What changes attributes of the file in the shell's variable p; each step ends the script when it fails. */
export function planAttributes(changes: AttributeChanges): string {
  const { ownerId, groupId, permissions, modifiedAtSeconds, accessedAtSeconds } = changes;
  const commands = [
    ...(ownerId === undefined ? [] : [`chown ${ownerId}`]),
    ...(groupId === undefined ? [] : [`chgrp ${groupId}`]),
    ...(permissions === undefined ? [] : [`chmod ${permissions.toString(8).padStart(4, "0")}`]),
    ...(accessedAtSeconds === undefined ? [] : [`touch -c -a -d @${accessedAtSeconds}`]),
    ...(modifiedAtSeconds === undefined ? [] : [`touch -c -m -d @${modifiedAtSeconds}`]),
  ];
  return commands.map((command) => `${command} "$p" 2> /dev/null || exit ${EXIT.denied}\n`).join("");
}

export function planChangeAttributes(path: string, changes: AttributeChanges): string {
  return `${GIVE_UP}p=${quote(path)}
there "$p" || exit ${EXIT.notFound}
${planAttributes(changes)}`;
}

export interface ListQuestion {
  readonly path: string;
  readonly index: number;
  readonly countMax: number;
  /** An extended regular expression, for the guest's own grep. */
  readonly pattern: string | undefined;
}

/**
 * Lists a folder, or one file. Names with a line end in them are left out. Says, a line each: `total N`; `s MODE SIZE MTIME ATIME UID
 * GID NAME` for each of the page; then for each symbolic link of the page `l NAME` and `t TARGET`. parse-files.ts reads it.
 */
export function planListFiles({ path, index, countMax, pattern }: ListQuestion): string {
  const filter = pattern === undefined ? "cat" : `grep -E -e ${quote(pattern)}`;
  return `${GIVE_UP}LC_ALL=C
export LC_ALL
p=${quote(path)}
${pattern === undefined ? "" : `echo | ${filter} > /dev/null 2>&1\n[ $? -gt 1 ] && exit ${EXIT.badPattern}\n`}there "$p" || exit ${EXIT.notFound}
lines='
'
show() {
  [ $# -gt 0 ] || return 0
  stat -c 's %f %s %Y %X %u %g %n' "$@" 2> /dev/null
  for f do
    [ -L "$f" ] && printf 'l %s\\nt %s\\n' "$f" "$(printf %s "$(readlink "$f")" | tr '\\n' '?' | head -c 1024)"
  done
}
[ -d "$p" ] || { echo total 1; show "$p"; exit 0; }
{ [ -r "$p" ] && cd "$p" 2> /dev/null; } || exit ${EXIT.denied}
for f in . .. .[!.]* ..?* *; do
  there "$f" || continue
  case $f in *"$lines"*) ;; *) printf '%s\\n' "$f" ;; esac
done | ${filter} | {
  total=0
  set --
  while IFS= read -r f; do
    total=$((total + 1))
    [ $total -gt ${index} ] && [ $total -le ${index + countMax} ] && set -- "$@" "./$f"
  done
  echo "total $total"
  show "$@"
}
exit 0`;
}
