/**
 * A machine with Debian's stock kernel, for what the kernel of the machine under the tests has not: one cgroup v2 tree alone, bridges,
 * VLANs, zram, SCSI. A QEMU of the test's own, in software. Its root is this machine's, read-only and with a layer
 * of memory over it, so that everything here is there too, at the same paths: Node, the built product, its tests.
 */
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { DEFAULT_OUT } from "../guest/build.mjs";
import { packCpio } from "../guest/cpio.mjs";
import { filesOfModules, findKernel } from "../guest/parts.mjs";

const UP_MS = 300_000; // it takes four seconds; many times that while others have the processors
const COMMAND_MS = 300_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** To come by its root and its agent; everything else it loads by itself. */
const MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];
// Where its processor has to wait for long, its timer would look as if it did not work, and the kernel would give up.
const COMMAND_LINE = "console=ttyS0 quiet panic=-1 no_timer_check cryptomgr.notests";

const INIT = `#!/bin/busybox sh
PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
while read -r module; do busybox insmod "/modules/$module"; done < /modules.order
busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 root /lower
busybox mount -t tmpfs layer /layer
busybox mkdir /layer/upper /layer/work
busybox mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work,xino=off overlay /root
busybox mount -t sysfs sys /root/sys
busybox mount -t tmpfs run /root/run
busybox cp /agent /root/run/agent
busybox mount --move /dev /root/dev
busybox mount --move /proc /root/proc
exec busybox switch_root /root /bin/bash /run/agent
`;

/** $MODULES: where this kernel's modules are. Each line that comes is "<number> <script>", each that goes "<number> <exit code> <its output> <its complaints>". */
const AGENT = (
  modules: string,
) => `export PATH=${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run/tmp
mkdir -p /dev/pts /dev/shm /run/tmp # the layer over the root has no files without a name, which the product makes
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname stock
busybox ip link set lo up
release=$(uname -r)
[ -e "/lib/modules/$release" ] || { mkdir -p /lib/modules && ln -s '${modules}' "/lib/modules/$release"; }
for port in /sys/class/virtio-ports/*; do [ "$(cat "$port/name")" = agent ] && exec 3<> "/dev/\${port##*/}"; done
serve() {
  printf %s "$2" | base64 -d > "/run/$1.script"
  bash "/run/$1.script" > "/run/$1.out" 2> "/run/$1.err" < /dev/null 3>&-
  answer="$1 $? $(base64 -w0 "/run/$1.out") $(base64 -w0 "/run/$1.err")"
  flock 3
  printf '%s\\n' "$answer" >&3
}
echo up >&3
while read -r number script <&3; do serve "$number" "$script" & done
`;

export interface MachineKernel {
  readonly kernel: string;
  /** The folder "kernel" of its release, beside its modules.dep. */
  readonly modulesFolder: string;
}

export interface StockMachineParts {
  readonly processors?: number;
  /** Of each core; more than one makes hyperthreads of them. */
  readonly threads?: number;
  readonly memoryMiB?: number;
  /** Another than Debian's stock kernel. */
  readonly kernel?: MachineKernel;
  /** More of QEMU's arguments: disks, adapters. */
  readonly args?: readonly string[];
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class StockMachine implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "bulkhead-stock-"));
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<string, (outcome: Ended | Error) => void>();
  #commands = 0;
  #line = "";

  private constructor({ processors = 2, threads = 1, memoryMiB = 1536, args = [], ...parts }: StockMachineParts) {
    const { kernel, modulesFolder } = parts.kernel ?? findStockKernel();
    const initramfs = join(this.#folder, "initramfs");
    writeFileSync(initramfs, packInitramfs(modulesFolder));
    const qemu = [
      ...["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "pc,hpet=off"],
      ...["-accel", "tcg,tb-size=256", "-cpu", threads === 1 ? "max,la57=off" : "max,la57=off,vendor=GenuineIntel"], // a /dev/kvm that is there may not work
      ...[
        "-smp",
        `${processors},sockets=1,cores=${processors / threads},threads=${threads}`,
        "-m",
        String(memoryMiB),
        "-kernel",
        kernel,
        "-initrd",
        initramfs,
        "-append",
        COMMAND_LINE,
      ],
      ...["-serial", `file:${this.#log}`],
      ...["-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"],
      ...["-device", "virtio-9p-pci,fsdev=root,mount_tag=root", "-device", "virtio-serial-pci"],
      ...["-chardev", "stdio,id=agent,signal=off", "-device", "virtserialport,chardev=agent,name=agent"],
      ...args,
    ];
    this.#process = spawn("setpriv", ["--pdeathsig", "KILL", ...qemu], { stdio: ["pipe", "pipe", "inherit"] });
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#process.once("exit", () => this.#fail());
    this.#process.stdin.on("error", () => {}); // it has ended: what waits is told so
  }

  static async start(parts: StockMachineParts = {}): Promise<StockMachine> {
    const machine = new StockMachine(parts);
    try {
      await machine.#answer("up", UP_MS);
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
    return machine;
  }

  /** Runs a script of bash inside; several may run at once. @returns what it prints. @throws when it ends with another code than 0 */
  async run(script: string, timeoutMs = COMMAND_MS): Promise<string> {
    const number = String(++this.#commands);
    this.#process.stdin.write(`${number} ${Buffer.from(script).toString("base64")}\n`);
    const { code, stdout, stderr } = await this.#answer(number, timeoutMs);
    if (code !== 0) throw new Error(`it ended with ${code}: ${script}\n${stdout}${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    if (this.#process.exitCode === null && this.#process.signalCode === null && this.#process.kill("SIGKILL")) await ended;
    rmSync(this.#folder, { recursive: true });
  }

  get #log(): string {
    return join(this.#folder, "console.log");
  }

  async #answer(name: string, timeoutMs: number): Promise<Ended> {
    const outcome = await new Promise<Ended | Error>((resolve) => {
      const late = setTimeout(() => resolve(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      this.#waiting.set(name, (ended) => {
        clearTimeout(late);
        resolve(ended);
      });
    });
    this.#waiting.delete(name);
    if (outcome instanceof Error) throw new Error(`${outcome.message}; its console:\n${this.#console()}`);
    return outcome;
  }

  #read(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop() ?? "";
    if (this.#line.length > OUTPUT_BYTES_MAX) this.#process.kill("SIGKILL");
    for (const line of lines) {
      const [name = "", code, stdout = "", stderr = ""] = line.split(" ");
      const decode = (field: string) => Buffer.from(field, "base64").toString();
      this.#waiting.get(name)?.({ code: Number(code ?? 0), stdout: decode(stdout), stderr: decode(stderr) });
    }
  }

  #fail(): void {
    for (const answer of this.#waiting.values()) answer(new Error("the machine ended"));
  }

  #console(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, "utf8").slice(-4000) : "";
  }
}

/** Found, or downloaded and unpacked beside the guest's parts: never installed. */
function findStockKernel(): MachineKernel {
  const found = findKernel(join(DEFAULT_OUT, "packages"), () => {}, "usual");
  const release = dirname(found.modulesFolder);
  if (!existsSync(join(release, "modules.dep"))) execFileSync("depmod", ["-b", join(release, "../../.."), basename(release)]);
  return found;
}

function packInitramfs(modulesFolder: string): Buffer {
  const builtIn = readFileSync(join(dirname(modulesFolder), "modules.builtin"), "utf8");
  const wanted = MODULES.filter((name) => !builtIn.includes(`/${name}.ko`));
  const modules = filesOfModules(modulesFolder, wanted).map((path) => ({
    path: `modules/${basename(path)}`,
    content: readFileSync(path),
  }));
  return packCpio({
    folders: ["dev", "proc", "lower", "layer", "root"],
    files: [
      { path: "init", content: INIT },
      { path: "agent", content: AGENT(dirname(modulesFolder)) },
      { path: "bin/busybox", content: readFileSync("/bin/busybox") },
      { path: "modules.order", content: modules.map(({ path }) => `${basename(path)}\n`).join("") },
      ...modules,
    ],
  });
}
