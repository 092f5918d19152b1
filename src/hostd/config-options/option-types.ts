/** Options as vim25 describes them: a range, a switch, a choice. Pure. */
import type { BoolOption, ChoiceOption, IntOption, SharesOption } from "../../wire/index.ts";

/** Of whole numbers: vim25 IntOption and LongOption are alike. */
export function range(min: number, max: number, defaultValue = min): IntOption {
  return { min, max, defaultValue };
}

/** Exactly so many. */
export const fixed = (number: number): IntOption => range(number, number);

export function choices(keys: readonly string[], defaultIndex = 0): ChoiceOption {
  return { choiceInfo: keys.map((key) => ({ $type: "ElementDescription", key, label: key, summary: key })), defaultIndex };
}

export const either = (defaultValue: boolean): BoolOption => ({ supported: true, defaultValue });
/** It has that value, and a client can't change it. */
export const always = (defaultValue: boolean): BoolOption => ({ supported: false, defaultValue });

export function sharesOption(custom: { readonly min: number; readonly max: number }, normal: number): SharesOption {
  return { sharesOption: range(custom.min, custom.max, normal), defaultLevel: "normal" };
}
