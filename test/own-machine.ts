/**
 * A machine that is a host and nothing else, in namespaces of a test's own: its systemd starts the host with --dedicated on a root of its
 * own (an overlay over this machine's, thrown away at the end). It has no way to any network but what the host itself makes.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { COMMAND, PASSWORD, REPOSITORY, waitFor } from "./harness.ts";

const run = promisify(execFile);
const UP_MS = 120_000;
const COMMAND_MS = 60_000;
const CGROUP2_MAGIC = 0x63677270;
const PATH = `${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`;

const CHRONY = (program: string) => `[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=${program}\n`;
const HOST = `[Unit]
DefaultDependencies=no
[Service]
Environment=PATH=${PATH} BULKHEAD_ROOT_PASSWORD=${PASSWORD}
ExecStart=${process.execPath} ${COMMAND} host run --dedicated --degraded --listen 0.0.0.0:443
StandardOutput=file:/run/host.log
StandardError=file:/run/host.log
TimeoutStopSec=60
`;

/** $1: this repository; $2: a folder of the test's; $3: its cgroup. */
const MAKE_MACHINE = `set -e
echo $$ > "$3/cgroup.procs"
exec unshare --pid --fork --kill-child=KILL --mount --net --uts --ipc --cgroup bash -c '
set -e
mount --make-rprivate /
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mkdir -p ".$1" old
mount --rbind "$1" ".$1"
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
pivot_root . old
umount -l /old
mount -t tmpfs none /run
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /run/systemd/system
printf %s "$CHRONY_UNIT" > /run/systemd/system/chrony.service
printf %s "$HOST_UNIT" > /run/systemd/system/bulkhead.service
printf "[Unit]\\nDefaultDependencies=no\\nWants=bulkhead.service\\nAllowIsolate=yes\\n" > /run/systemd/system/machine.target
exec /lib/systemd/systemd --system --unit=machine.target --log-target=null --show-status=no
' bash "$1" "$2"
`;

/** Calls methods one after the other in one session, inside: prints what each answers, or its fault. */
const CALL = `
const { connectVim } = await import(process.argv[1]);
const client = await connectVim({ url: "https://127.0.0.1:443/sdk", insecure: true });
await client.call({ type: "SessionManager", value: "ha-sessionmgr" }, "Login", { userName: "root", password: process.argv[2] });
const answers = [];
for (const [type, value, method, args] of JSON.parse(process.argv[3]))
  answers.push(await client.call({ type, value }, method, args).then((result) => ({ result }), ({ fault, message }) => ({ fault, message })));
console.log(JSON.stringify(answers));
process.exit(0);
`;

export interface Answer {
  readonly result?: unknown;
  readonly fault?: string;
  readonly message?: string;
}

export type Call = readonly [type: string, value: string, method: string, args: object];

export class OwnMachine implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "bulkhead-machine-"));
  readonly #cgroup: string;
  readonly #process: ChildProcess;

  private constructor() {
    const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => isCgroup2(path));
    if (root === undefined) throw new Error("this machine has no cgroup2 hierarchy");
    this.#cgroup = mkdtempSync(join(root, "bulkhead-machine-"));
    const env = { ...process.env, CHRONY_UNIT: CHRONY("/usr/bin/sleep infinity"), HOST_UNIT: HOST, container: "other" };
    this.#process = spawn("bash", ["-c", MAKE_MACHINE, "bash", REPOSITORY, this.#folder, this.#cgroup], { env, stdio: "inherit" });
  }

  static async start(): Promise<OwnMachine> {
    const machine = new OwnMachine();
    try {
      await machine.waitForHost();
    } catch (error) {
      const log = await machine.run("cat", "/run/host.log").catch(() => "");
      await machine[Symbol.asyncDispose]();
      throw new Error(`the host did not come up:\n${log}`, { cause: error });
    }
    return machine;
  }

  async waitForHost(): Promise<void> {
    await waitFor(
      () =>
        this.run(COMMAND, "host", "status").then(
          () => true,
          () => false,
        ),
      UP_MS,
      500,
    );
  }

  /** Runs a command inside. @returns what it prints. @throws when it ends with another code than 0 */
  async run(...argv: readonly string[]): Promise<string> {
    return (await run("/usr/bin/nsenter", ["-t", String(this.#init()), "--all", ...argv], { timeout: COMMAND_MS, env: this.#env })).stdout;
  }

  /** Runs govc inside. @returns what it prints. @throws what it complains of, as the error's `stderr` */
  async govc(path: string, ...args: readonly string[]): Promise<string> {
    return this.run(path, ...args);
  }

  async call(...calls: readonly Call[]): Promise<readonly Answer[]> {
    const interfaces = join(REPOSITORY, "dist/interfaces/index.js");
    return JSON.parse(await this.run(process.execPath, "--input-type=module", "-e", CALL, interfaces, PASSWORD, JSON.stringify(calls)));
  }

  /** From now on the NTP daemon is that program. */
  async replaceNtpd(program: string): Promise<void> {
    await this.run("bash", "-c", 'printf %s "$0" > /run/systemd/system/chrony.service && systemctl daemon-reload', CHRONY(program));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    if (this.#process.exitCode === null && this.#process.kill("SIGKILL")) await ended;
    await waitFor(() => isEmptied(this.#cgroup), COMMAND_MS);
    removeCgroup(this.#cgroup);
    rmSync(this.#folder, { recursive: true });
  }

  get #env(): NodeJS.ProcessEnv {
    const govc = {
      GOVC_URL: "https://127.0.0.1:443",
      GOVC_USERNAME: "root",
      GOVC_PASSWORD: PASSWORD,
      GOVC_INSECURE: "1",
      GOVC_PERSIST_SESSION: "false",
    };
    return { ...process.env, PATH, ...govc };
  }

  /** The machine's first process: unshare's child. */
  #init(): number {
    const { pid } = this.#process;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
  }
}

export function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}

function isEmptied(cgroup: string): boolean {
  return readFileSync(join(cgroup, "cgroup.events"), "utf8").includes("populated 0");
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  rmdirSync(path);
}
