/** Scripts that carry a file's contents into a guest and out of it, piece by piece. Pure. Source: POSIX.1-2017 utilities. */
import { type AttributeChanges, planAttributes } from "./plan-files.ts";
import { EXIT, GIVE_UP, quote } from "./shell.ts";

/** Of a file, at a time: as base64 it fits into one line of the agent's, either way. */
export const PIECE_BYTES = 512 * 1024;

/** Says what the file is, as planListFiles does. A link is followed: what is read is what it leads to. */
export function planDescribeFile(path: string): string {
  return `${GIVE_UP}p=${quote(path)}
[ -e "$p" ] || exit ${EXIT.notFound}
[ -f "$p" ] || exit ${EXIT.notFile}
[ -r "$p" ] || exit ${EXIT.denied}
echo total 1
LC_ALL=C stat -L -c 's %f %s %Y %X %u %g %n' "$p" 2> /dev/null`;
}

export function planReadPiece(path: string, piece: number): string {
  return `dd if=${quote(path)} bs=${PIECE_BYTES} skip=${piece} count=1 2> /dev/null`;
}

export interface Upload {
  readonly path: string;
  /** Where the contents are gathered: beside the file, so that they get its name in one step. */
  readonly gatheredAt: string;
  readonly overwrite: boolean;
}

function check({ path, overwrite }: Omit<Upload, "gatheredAt">): string {
  return `${GIVE_UP}p=${quote(path)}
[ -d "$p" ] && exit ${EXIT.notFile}
${overwrite ? "" : `there "$p" && exit ${EXIT.exists}\n`}d=$(dirname "$p")
there "$d" || exit ${EXIT.notFound}
[ -d "$d" ] || exit ${EXIT.notDirectory}
[ -w "$d" ] || exit ${EXIT.denied}
`;
}

/** Whether the file could be written. */
export function planCheckUpload(upload: Omit<Upload, "gatheredAt">): string {
  return `${check(upload)}exit 0`;
}

export function planBeginUpload(upload: Upload): string {
  return `${check(upload)}umask 077
g=${quote(upload.gatheredAt)}
( set -C; : > "$g" ) 2> /dev/null || exit ${EXIT.denied}`;
}

export function planWritePiece({ gatheredAt }: Upload, piece: Buffer): string {
  return `base64 -d >> ${quote(gatheredAt)} 2> /dev/null <<'END'
${piece.toString("base64")}
END`;
}

export function planEndUpload(upload: Upload, attributes: AttributeChanges): string {
  const { permissions = FILE_MODE, ...others } = attributes;
  return `${check(upload)}to=$p
p=${quote(upload.gatheredAt)}
${planAttributes({ ...others, permissions })}mv -f "$p" "$to" 2> /dev/null || exit ${EXIT.denied}`;
}

const FILE_MODE = 0o644;

export function planGiveUpUpload({ gatheredAt }: Upload): string {
  return `rm -f ${quote(gatheredAt)}`;
}
