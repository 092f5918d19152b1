/** `bulkhead evidence`: every isolation claim, looked at on the live host. */
import type { HostPaths } from "../base/index.ts";
import { type Evidence, gatherEvidence } from "../evidence/index.ts";
import { networkNamespace, VmkernelClient } from "../vmkernel/index.ts";
import type { RunFile } from "./run-file.ts";

export async function lookAtEvidence(
  paths: HostPaths,
  { hostdPid, vmkernelPid, url, thumbprint, lockdown }: RunFile,
): Promise<readonly Evidence[]> {
  const vmkernel = await VmkernelClient.connect(paths.vmkernelSocket);
  try {
    const isUp = hostdPid !== undefined && thumbprint !== undefined && lockdown !== undefined;
    const door = isUp ? { url, thumbprint: thumbprint.sha256, lockdown } : undefined;
    const pids = { hostd: hostdPid, vmkernel: vmkernelPid };
    return await gatherEvidence(vmkernel, pids, {
      network: networkNamespace(paths.network),
      door,
      database: `${paths.hostdState}/hostd.db`,
    });
  } finally {
    vmkernel.close();
  }
}

/** 1 when a claim failed. "not shown" is no failure, and never counts as passed. Pure. */
export function exitCodeOf(evidence: readonly Evidence[]): number {
  return evidence.some(({ verdict }) => verdict === "fail") ? 1 : 0;
}
