/** Tries on this machine each thing that isolation needs, in the way in which it will be used. */
import { existingPaths, filesOfPrograms, tryBpf, tryCgroup, tryCommand, tryPacketFilter, trySeccomp, tryTap } from "../system/index.ts";
import { describeProbe, FULL_ISOLATION, type Isolation, type IsolationFeature, type IsolationProbe } from "./isolation.ts";
import { planSandbox, SETPRIV } from "./vmm/sandbox.ts";

/** Ends at once with 0. */
const PROGRAM = "/usr/bin/true";
/** Nobody: what can be done as it, any monitor's user can do. */
const UID = 65_534;

type Failures = Partial<Record<IsolationFeature, string>>;

/** @param name of a cgroup that may be made and removed for it, below the host's own */
export async function probeIsolation(name: string): Promise<IsolationProbe> {
  const [namespaces, memoryCgroup, pidsCgroup, packetFilter] = await Promise.all([
    probeNamespaces(),
    tryCgroup(`${name}/probe-memory`, "memory"),
    tryCgroup(`${name}/probe-pids`, "pids"),
    tryPacketFilter(),
  ]);
  const failures: { [Feature in IsolationFeature]?: string | undefined } = {
    memoryCgroup,
    pidsCgroup,
    seccomp: trySeccomp(),
    bpf: tryBpf(),
    packetFilter,
    taps: tryTap(),
  };
  const failed = Object.entries(failures).filter(([, because]) => because !== undefined);
  return describeProbe({ ...namespaces, ...Object.fromEntries(failed) });
}

const EACH_NAMESPACE = ["pidNamespace", "networkNamespace", "ipcNamespace", "utsNamespace"] as const satisfies IsolationFeature[];
const NO_NAMESPACE: Isolation = { ...FULL_ISOLATION, ...all(EACH_NAMESPACE, false), seccomp: false };
const BY_ROOT = { userNamespace: false } as const;

function all<Feature extends IsolationFeature>(features: readonly Feature[], value: boolean): Record<Feature, boolean> {
  return Object.fromEntries(features.map((feature) => [feature, value])) as Record<Feature, boolean>;
}

/** Builds the sandbox itself, whole and around a program that does nothing; only where that fails, piece by piece. */
async function probeNamespaces(): Promise<Failures> {
  const readOnlyPaths = existingPaths(await filesOfPrograms([PROGRAM, SETPRIV]));
  const build = (have: Partial<Isolation>) => {
    const request = { uid: UID, program: PROGRAM, args: [], readOnlyPaths, devicePaths: [], descriptorCount: 0 };
    return tryCommand(planSandbox({ ...request, isolation: { ...NO_NAMESPACE, ...have } }).argv);
  };
  const everything = all(EACH_NAMESPACE, true);
  const [byUser, byRoot] = await Promise.all([build(everything), build({ ...everything, ...BY_ROOT })]);
  if (byUser === undefined && byRoot === undefined) return {};

  const failures: Failures = {};
  const userNamespace = byUser === undefined ? undefined : await build({});
  if (userNamespace !== undefined) failures.userNamespace = userNamespace;
  const rootMountNamespace = byRoot === undefined ? undefined : await build(BY_ROOT);
  if (rootMountNamespace !== undefined) failures.rootMountNamespace = rootMountNamespace;
  if (userNamespace !== undefined && rootMountNamespace !== undefined) {
    // Without a mount namespace no sandbox is built, and so none of the others is made.
    return { ...failures, mountNamespace: userNamespace, ...Object.fromEntries(EACH_NAMESPACE.map((each) => [each, userNamespace])) };
  }
  const way = userNamespace === undefined ? {} : BY_ROOT;
  for (const each of EACH_NAMESPACE) {
    const because = await build({ ...way, [each]: true });
    if (because !== undefined) failures[each] = because;
  }
  return failures;
}
