/**
 * The file door beside nginx: the same file, by the same curl, with the same certificate and the same cipher, on the same file system,
 * in turns. `npm run bench`; nothing is asserted.
 * An upload counts until the file is on the disk: the host says so with its answer, and of nginx's file it is asked for.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { PASSWORD, startHost } from "../test/harness.ts";
import { median, print } from "./figures.ts";
import { NGINX, startNginx } from "./nginx.ts";

const run = promisify(execFile);
const ROUNDS = 7;
const MIB = 1024 * 1024;
const FILE_MIB = 256;
const CIPHER = "TLS_AES_256_GCM_SHA384"; // what curl and Node agree on by themselves

interface Side {
  readonly url: string;
  readonly headers: readonly string[];
  readonly pid: number;
  /** What makes an upload lie on the disk, where the answer does not say so. */
  readonly sync: string | undefined;
}

interface Measured {
  readonly mibPerSecond: number;
  /** Of the serving process, for a GiB: what the other work of the machine changes least. */
  readonly cpuSecondsPerGib: number;
}

test.skipIf(!existsSync(NGINX))("files over HTTPS, beside nginx", { timeout: 1_200_000 }, async () => {
  const host = await startHost();
  const local = join(host.root, "file");
  try {
    makeFile(local);
    const tls = { key: join(hostPaths(host.root).hostdState, "rui.key"), cert: join(hostPaths(host.root).hostdState, "rui.crt") };
    const nginx = await startNginx(host.root, tls);
    const own = `https://127.0.0.1:${host.port}`;
    const ours: Side = {
      url: `${own}/folder/file?dsName=datastore1`,
      headers: ["-H", `Cookie: ${await sessionOf(own)}`],
      pid: (await host.pids()).hostd,
      sync: undefined,
    };
    const theirs: Side = { url: `https://127.0.0.1:${nginx.port}/file`, headers: [], pid: nginx.pid, sync: join(nginx.files, "file") };
    try {
      const [up, down]: [Measured[][], Measured[][]] = [
        [[], []],
        [[], []],
      ];
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [index, side] of [ours, theirs].entries()) {
          const uploaded = await measure(side, ["-T", local]);
          const downloaded = await measure(side, ["-o", "/dev/null"]);
          if (round === 0) continue; // into caches
          up[index]?.push(uploaded);
          down[index]?.push(downloaded);
        }
      }
      report("download", down);
      report("upload, until it is on the disk", up);
    } finally {
      await nginx.stop();
    }
  } finally {
    rmSync(local, { force: true });
    await host.stop();
  }
});

function makeFile(path: string): void {
  const fd = openSync(path, "w");
  for (let n = 0; n < FILE_MIB; n++) writeSync(fd, randomBytes(MIB));
  closeSync(fd);
}

async function measure({ url, headers, pid, sync }: Side, args: readonly string[]): Promise<Measured> {
  const [cpu, started] = [cpuSeconds(pid), performance.now()];
  await run("curl", ["-sSfk", "--tlsv1.3", "--tls13-ciphers", CIPHER, "-H", "Expect:", ...headers, ...args, url]);
  if (sync !== undefined && args.includes("-T")) await run("sync", [sync]);
  const seconds = (performance.now() - started) / 1000;
  return { mibPerSecond: FILE_MIB / seconds, cpuSecondsPerGib: ((cpuSeconds(pid) - cpu) * 1024) / FILE_MIB };
}

/** Source: proc(5), utime and stime of /proc/pid/stat in hundredths of a second. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** A login costs the time that a password check takes: that is not what is measured here. */
async function sessionOf(url: string): Promise<string> {
  const login = `<Login xmlns="urn:vim25"><_this type="SessionManager">ha-sessionmgr</_this><userName>root</userName><password>${PASSWORD}</password></Login>`;
  const body = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>${login}</Body></Envelope>`;
  const { stdout } = await run("curl", ["-sSki", "-H", "Content-Type: text/xml", "-d", body, `${url}/sdk`]);
  return /^set-cookie: ([^;\r]*)/im.exec(stdout)?.[1] ?? "";
}

function report(what: string, [ours = [], theirs = []]: readonly (readonly Measured[])[]): void {
  const of = (side: readonly Measured[], figure: keyof Measured) => median(side.map((one) => one[figure]));
  const [a, b] = [of(ours, "mibPerSecond"), of(theirs, "mibPerSecond")];
  const [x, y] = [of(ours, "cpuSecondsPerGib"), of(theirs, "cpuSecondsPerGib")];
  print(`${what}, host : nginx (limit 0.90)`, `${(a / b).toFixed(2)}  (${a.toFixed(0)} : ${b.toFixed(0)} MiB/s, median of ${ROUNDS})`);
  print(`${what}, processor time`, `${(x / y).toFixed(2)}  (${x.toFixed(2)} : ${y.toFixed(2)} s a GiB)`);
}
