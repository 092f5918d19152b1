import { expect, test } from "vitest";
import { keyUsages, qcodeOf, qcodesOf } from "./usb-keys.ts";

test.each([
  ["a", 0x04, "a"],
  ["z", 0x1d, "z"],
  ["1", 0x1e, "1"],
  ["0", 0x27, "0"],
  ["Return", 0x28, "ret"],
  ["Escape", 0x29, "esc"],
  ["Backspace", 0x2a, "backspace"],
  ["Tab", 0x2b, "tab"],
  ["space", 0x2c, "spc"],
  ["\\", 0x31, "backslash"],
  ["; after the European backslash", 0x33, "semicolon"],
  ["/", 0x38, "slash"],
  ["Caps Lock", 0x39, "caps_lock"],
  ["F1", 0x3a, "f1"],
  ["F12", 0x45, "f12"],
  ["Print Screen", 0x46, "print"],
  ["Delete", 0x4c, "delete"],
  ["Right", 0x4f, "right"],
  ["Up", 0x52, "up"],
  ["keypad Enter", 0x58, "kp_enter"],
  ["keypad 1", 0x59, "kp_1"],
  ["keypad .", 0x63, "kp_decimal"],
  ["< beside the left shift", 0x64, "less"],
  ["the menu key", 0x65, "compose"],
  ["left control by itself", 0xe0, "ctrl"],
  ["right GUI by itself", 0xe7, "meta_r"],
])("%s is usage 0x%x", (_, usage, name) => {
  expect(qcodeOf(usage)).toBe(name);
});

test.each([[0x00], [0x01], [0x03], [0x68], [0xdf], [0xe8], [0x100], [-1], [1.5]])("usage %s is no key", (usage) => {
  expect(qcodeOf(usage)).toBeUndefined();
  expect(qcodesOf({ usage, modifiers: 0xff })).toBeUndefined();
});

test("no usage stands for two keys, and every modifier is a key of its own", () => {
  expect(new Set(keyUsages).size).toBe(keyUsages.length);
  expect(Array.from({ length: 8 }, (_, bit) => qcodesOf({ usage: 0x04, modifiers: 1 << bit })?.[0])).toEqual(
    Array.from({ length: 8 }, (_, bit) => qcodeOf(0xe0 + bit)),
  );
});

test("modifiers are pressed before the key, and one that is the key itself is pressed once", () => {
  expect(qcodesOf({ usage: 0x04, modifiers: 0 })).toEqual(["a"]);
  expect(qcodesOf({ usage: 0x4c, modifiers: 0b0000_0101 })).toEqual(["ctrl", "alt", "delete"]);
  expect(qcodesOf({ usage: 0xe1, modifiers: 0b0000_0010 })).toEqual(["shift"]);
});
