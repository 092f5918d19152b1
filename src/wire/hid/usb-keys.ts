/**
 * Keys of a keyboard: their USB usages, as PutUsbScanCodes names them, and QEMU's names for the same keys. Pure.
 * Source: USB HID Usage Tables 1.4 §10 (page 07), HID 1.11 §8.3 (modifier byte); QEMU qapi/ui.json QKeyCode.
 */

/** A key, with the modifiers held down while it is pressed. */
export interface KeyStroke {
  /** On page 07. */
  readonly usage: number;
  /** | right: gui:1 alt:1 shift:1 control:1 | left: gui:1 alt:1 shift:1 control:1 |, as in the first byte of a boot keyboard's report. */
  readonly modifiers: number;
}

/** Runs of usages that follow one another, each from its first. */
const RUNS: readonly (readonly [first: number, names: string])[] = [
  [0x04, "a b c d e f g h i j k l m n o p q r s t u v w x y z"],
  [0x1e, "1 2 3 4 5 6 7 8 9 0"],
  [0x28, "ret esc backspace tab spc minus equal bracket_left bracket_right backslash"],
  // What European keyboards have in the place of the backslash; Linux reads it as that, too.
  [0x32, "backslash semicolon apostrophe grave_accent comma dot slash caps_lock"],
  [0x3a, "f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12"],
  [0x46, "print scroll_lock pause insert home pgup delete end pgdn right left down up"],
  [0x53, "num_lock kp_divide kp_multiply kp_subtract kp_add kp_enter"],
  [0x59, "kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 kp_0 kp_decimal"],
  [0x64, "less compose power kp_equals"],
  [0x85, "kp_comma"],
  [0x87, "ro katakanahiragana yen henkan muhenkan"],
  [0xe0, "ctrl shift alt meta_l ctrl_r shift_r alt_r meta_r"],
];

const qcodes: ReadonlyMap<number, string> = new Map(
  RUNS.flatMap(([first, names]) => names.split(" ").map((name, index) => [first + index, name] as const)),
);

/** The usage of the modifier that bit 0 stands for; the others follow in the order of their bits. */
const FIRST_MODIFIER = 0xe0;
const MODIFIERS = 8;

/** Every usage that a virtual keyboard has a key for. */
export const keyUsages: readonly number[] = [...qcodes.keys()];

/** @returns QEMU's name of the key, or undefined when its keyboard has no such key */
export function qcodeOf(usage: number): string | undefined {
  return qcodes.get(usage);
}

/** The keys to press for a stroke, modifiers first; undefined when the keyboard does not have its key. */
export function qcodesOf({ usage, modifiers }: KeyStroke): readonly string[] | undefined {
  const key = qcodeOf(usage);
  if (key === undefined) return undefined;
  const held = Array.from({ length: MODIFIERS }, (_, bit) => bit)
    .filter((bit) => (modifiers & (1 << bit)) !== 0)
    .flatMap((bit) => qcodeOf(FIRST_MODIFIER + bit) ?? []);
  return [...held.filter((name) => name !== key), key];
}
