/** What a package asks for and this host has not, as the faults that OVF's readers know. Pure. Source: vim25 OvfFault. */
import type { Fault } from "../../base/index.ts";
import { fault, type OvfItem } from "../../wire/index.ts";

export const say = (item: OvfItem): string => `The OVF descriptor, line ${item.line}: the device '${item.elementName || item.instanceId}'`;

export function unsupported(item: OvfItem, why: string): Fault {
  const { instanceId, resourceType: deviceType, line: lineNumber } = item;
  return fault("OvfUnsupportedType", `${say(item)} is not supported: ${why}.`, {
    name: item.elementName,
    instanceId,
    deviceType,
    lineNumber,
  });
}

export function badResource(item: OvfItem, value: string, problem: string): Fault {
  return fault("OvfInvalidValueReference", `${say(item)} names '${value}', which ${problem}.`, {
    elementName: "Item",
    attributeName: "HostResource",
    value,
    lineNumber: item.line,
  });
}
