import { expect, test } from "vitest";
import type { UsbScanCodeSpecKeyEvent } from "../../wire/index.ts";
import { planStrokes } from "./plan-strokes.ts";

test.each<[string, UsbScanCodeSpecKeyEvent, object]>([
  ["a key", { usbHidCode: 0x0004_0007 }, { usage: 0x04, modifiers: 0 }],
  ["a key with all modifiers off", { usbHidCode: 0x0028_0007, modifiers: { leftShift: false } }, { usage: 0x28, modifiers: 0 }],
  ["a capital", { usbHidCode: 0x0004_0007, modifiers: { leftShift: true } }, { usage: 0x04, modifiers: 0x02 }],
  ["control, alt, delete", { usbHidCode: 0x004c_0007, modifiers: { leftControl: true, leftAlt: true } }, { usage: 0x4c, modifiers: 0x05 }],
  [
    "the right-hand modifiers",
    { usbHidCode: 0x0004_0007, modifiers: { rightControl: true, rightGui: true } },
    { usage: 0x04, modifiers: 0x90 },
  ],
])("%s", (_, event, stroke) => {
  expect(planStrokes({ keyEvents: [event] })).toEqual([stroke]);
});

test("no keys are no keys", () => {
  expect(planStrokes({ keyEvents: [] })).toEqual([]);
});

const a = { usbHidCode: 0x0004_0007 };
test.each<[string, readonly UsbScanCodeSpecKeyEvent[], string]>([
  ["a usage that is no key", [a, { usbHidCode: 0x0003_0007 }], "spec.keyEvents[1].usbHidCode"],
  ["the code of a page that is not a keyboard's", [{ usbHidCode: 0x0004_0009 }], "spec.keyEvents[0].usbHidCode"],
  ["a usage without its page", [{ usbHidCode: 0x04 }], "spec.keyEvents[0].usbHidCode"],
  ["a negative code", [a, a, { usbHidCode: -1 }], "spec.keyEvents[2].usbHidCode"],
  ["a code past every table", [{ usbHidCode: 0x7fff_0007 }], "spec.keyEvents[0].usbHidCode"],
  ["more than a minute of typing", Array(1001).fill(a), "spec.keyEvents"],
])("%s is refused by name", (_, keyEvents, invalidProperty) => {
  expect(() => planStrokes({ keyEvents })).toThrow(expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty } }));
});
