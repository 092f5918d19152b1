/** The question that a VM waits with, if it does: its halted guest's. */
import { formatDatastorePath } from "../../base/index.ts";
import type { Halt, MonitorDescription } from "../../vmkernel/index.ts";
import type { VirtualMachineQuestionInfo } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { EventContext } from "../events.ts";
import type { Vm } from "../vm.ts";
import { makeQuestion, outOfSpace } from "./questions.ts";

export function questionOf(vm: Pick<Vm, "monitor" | "files" | "vmxPath">): VirtualMachineQuestionInfo | undefined {
  const halt = vm.monitor?.halt;
  return halt === undefined ? undefined : askForSpace(halt, disksOf(vm, halt));
}

/** The event that tells of a question. */
export function postQuestion(agent: HostAgent, vm: Vm, context: EventContext): void {
  const question = questionOf(vm);
  if (question === undefined) return;
  const { message: messageInfo = [] } = question;
  const message = messageInfo[0]?.text ?? question.text;
  agent.events.post("VmMessageEvent", `Message on ${vm.name}: ${message}`, context, { template: false, message, messageInfo });
}

export function withHalt({ halt: _, ...monitor }: MonitorDescription, halt: Halt | undefined): MonitorDescription {
  return { ...monitor, ...(halt && { halt }) };
}

/** The same id as long as the guest stands, whichever host agent asks. */
function askForSpace({ sinceMs }: Halt, disks: readonly string[]): VirtualMachineQuestionInfo {
  const names = disks.join(", ");
  const text = `The datastore has no room for what the guest writes to ${names}. Make room and choose Retry: the guest goes on. Cancel powers the virtual machine off.`;
  return makeQuestion(outOfSpace, String(sinceMs), text, [names]);
}

function disksOf({ files, vmxPath }: Pick<Vm, "files" | "vmxPath">, { disks }: Halt): readonly string[] {
  const devices = files.kind === "readable" ? (files.config.hardware.device ?? []) : [];
  return disks.map((key) => {
    const backing = devices.find((device) => device.key === key)?.backing;
    const name = backing !== undefined && "fileName" in backing ? backing.fileName : undefined;
    return typeof name === "string" && name !== "" ? name : `disk ${key} of ${formatDatastorePath(vmxPath)}`;
  });
}
