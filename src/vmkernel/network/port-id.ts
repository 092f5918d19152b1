/** Numbers of ports, 32 bits as ESXi has them:  | uplink:1 | switch:7 | port:24 |.  Pure. */
import { assert } from "../../base/index.ts";

export interface PortNumber {
  /** 1–127. */
  readonly switchNumber: number;
  /** Of the port on its switch. */
  readonly number: number;
  readonly isUplink: boolean;
}

export const SWITCH_NUMBER_MAX = 0x7f;
export const PORT_NUMBER_MAX = 0xff_ffff;
const UPLINK_BIT = 0x80;

export function portId({ switchNumber, number, isUplink }: PortNumber): number {
  assert(switchNumber >= 1 && switchNumber <= SWITCH_NUMBER_MAX, `${switchNumber} is the number of a switch`);
  assert(number >= 0 && number <= PORT_NUMBER_MAX, `${number} is the number of a port`);
  return (switchNumber | (isUplink ? UPLINK_BIT : 0)) * (PORT_NUMBER_MAX + 1) + number;
}

/** The lowest that nobody has. */
export function freeNumber(taken: ReadonlySet<number>, first: number): number {
  let number = first;
  while (taken.has(number)) number += 1;
  return number;
}
