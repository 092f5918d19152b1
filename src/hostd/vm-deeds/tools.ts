/**
 * VMware Tools, as a host answers that has no images of them: what a guest runs here is the agent that its own distribution has.
 * Source: vim25 VirtualMachine.MountToolsInstaller, UpgradeTools_Task; ESXi images without tools.
 */
import { fault } from "../../wire/index.ts";
import type { Vm } from "../vm.ts";

/** @throws {Fault} ToolsImageNotAvailable */
export function refuseToolsImage(vm: Vm): never {
  throw fault(
    "ToolsImageNotAvailable",
    `This host has no image of tools for ${vm.name}: the guest agent (qemu-guest-agent) comes with the guest's own system.`,
    {},
  );
}
