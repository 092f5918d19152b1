/** Reads the keys that a client wants pressed. Pure. Source: vim25 UsbScanCodeSpec; USB HID Usage Tables §10. */
import { fault, type KeyStroke, qcodeOf, type UsbScanCodeSpec, type UsbScanCodeSpecModifierType } from "../../wire/index.ts";

/** A usage stands in the high half, beside the page of keyboards in the low one. */
const KEYBOARD_PAGE = 0x07;
const STROKES_MAX = 1000; // as many as vmkernel takes at a time, for a minute of typing

/** From the lowest bit of the modifier byte. */
const MODIFIER_BITS = [
  "leftControl",
  "leftShift",
  "leftAlt",
  "leftGui",
  "rightControl",
  "rightShift",
  "rightAlt",
  "rightGui",
] as const satisfies readonly (keyof UsbScanCodeSpecModifierType)[];

/**
 * All of them or none: half a password that was typed is worse than none.
 * @throws {Fault} InvalidArgument, which names the key
 */
export function planStrokes({ keyEvents }: UsbScanCodeSpec): readonly KeyStroke[] {
  if (keyEvents.length > STROKES_MAX) throw invalid("spec.keyEvents", `has more than ${STROKES_MAX} keys`);
  return keyEvents.map(({ usbHidCode, modifiers }, index) => {
    const at = `spec.keyEvents[${index}].usbHidCode`;
    const usage = usbHidCode >>> 16;
    if ((usbHidCode & 0xffff) !== KEYBOARD_PAGE) throw invalid(at, `is not on page ${KEYBOARD_PAGE}, which keyboards are on`);
    if (qcodeOf(usage) === undefined) throw invalid(at, `is usage 0x${usage.toString(16)}, which is no key of the virtual keyboard`);
    return { usage, modifiers: MODIFIER_BITS.reduce((bits, name, bit) => (modifiers?.[name] === true ? bits | (1 << bit) : bits), 0) };
  });
}

function invalid(invalidProperty: string, problem: string) {
  return fault("InvalidArgument", `${invalidProperty} ${problem}.`, { invalidProperty });
}
