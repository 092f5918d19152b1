/** vim25 HostConfigInfo: all that the host's managers tell, in one; clients that want the whole configuration read it here. */
import type { HostConfigInfo } from "../../wire/index.ts";
import { aboutInfo } from "../about.ts";
import type { HostAgent } from "../agent.ts";
import { HOST } from "../inventory-tree.ts";
import { authenticationManagerInfo } from "./host-access.ts";
import { dateTimeInfo } from "./host-date-time.ts";
import { powerSystemCapability, powerSystemInfo } from "./host-facilities.ts";
import { hyperThread, pciPassthruInfo } from "./host-hardware.ts";
import { networkCapabilities, networkInfo, virtualNicManagerInfo } from "./host-network.ts";
import { datastoreCapabilities, fileSystemVolume, storageDevice } from "./host-storage.ts";

export function config(agent: HostAgent): HostConfigInfo {
  const { identity, host, autoStart, services, firewall } = agent;
  return {
    host: HOST,
    product: aboutInfo(identity.instanceUuid),
    hyperThread: hyperThread(agent),
    storageDevice: storageDevice(agent),
    fileSystemVolume: fileSystemVolume(agent),
    systemFile: [],
    network: networkInfo(agent),
    virtualNicManagerInfo: virtualNicManagerInfo(agent),
    capabilities: networkCapabilities,
    datastoreCapabilities,
    service: services.info,
    firewall: firewall.info,
    autoStart: autoStart.config,
    dateTimeInfo: dateTimeInfo(agent),
    flags: { backgroundSnapshotsEnabled: false },
    lockdownMode: agent.lockdown.current.mode,
    adminDisabled: agent.lockdown.current.mode !== "lockdownDisabled", // as clients of before the modes know it
    certificate: [...identity.certificate].map((byte) => (byte << 24) >> 24), // vim25 byte is signed
    pciPassthruInfo: pciPassthruInfo(agent),
    authenticationManagerInfo: authenticationManagerInfo(),
    powerSystemCapability: powerSystemCapability(),
    powerSystemInfo: powerSystemInfo(),
    vsanHostConfig: { enabled: false },
    // How instructions are run and why; and what is weaker than the design, if anything is.
    option: [
      { key: "Bulkhead.accelerator", value: { anyType: "string", value: host.accelerator.kind } },
      { key: "Bulkhead.acceleratorBecause", value: { anyType: "string", value: host.accelerator.because } },
      { key: "Bulkhead.weaknesses", value: { anyType: "string[]", value: host.weaknesses } },
    ],
  };
}
