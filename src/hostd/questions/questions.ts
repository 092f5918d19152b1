/**
 * The questions that a VM can ask: what they say, what can be answered, and what an answer means. Tables and text; pure.
 * Source: vim25 VirtualMachineQuestionInfo; ids of messages and buttons as ESXi has them, for scripts that answer by them.
 */
import { type ChoiceOption, type ElementDescription, fault, type VirtualMachineQuestionInfo } from "../../wire/index.ts";

interface Choice<Meaning extends string> {
  readonly means: Meaning;
  /** "button.retry" */
  readonly button: string;
  readonly summary: string;
}

interface Kind<Meaning extends string> {
  /** "msg.uuid.altered" */
  readonly message: string;
  readonly choices: readonly Choice<Meaning>[];
  /** Index of the choice that does no harm. */
  readonly default: number;
}

/** A disk's datastore is full, and the guest stands. */
export const outOfSpace: Kind<"retry" | "cancel"> = {
  message: "msg.hbacommon.outofspace",
  choices: [
    { means: "retry", button: "button.retry", summary: "Retry" },
    { means: "cancel", button: "button.abort", summary: "Cancel" },
  ],
  default: 0,
};

/** @param id tells the question from every other of the VM */
export function makeQuestion(kind: Kind<string>, id: string, text: string, argument: readonly string[]): VirtualMachineQuestionInfo {
  const choiceInfo = kind.choices.map(({ button, summary }, index): ElementDescription & { readonly $type: string } => ({
    $type: "ElementDescription",
    key: String(index),
    label: button,
    summary,
  }));
  const choice: ChoiceOption = { choiceInfo, defaultIndex: kind.default };
  const values = argument.map((value) => ({ anyType: "string", value }) as const);
  return { id, text: `${kind.message}:${text}`, choice, message: [{ id: kind.message, argument: values, text }] };
}

/** @param answer the key of a choice, as a client sent it (untrusted). @throws {Fault} InvalidArgument */
export function readAnswer<Meaning extends string>(kind: Kind<Meaning>, answer: string): Meaning {
  const choice = kind.choices.find((_, index) => String(index) === answer);
  if (choice !== undefined) return choice.means;
  const keys = kind.choices.map(({ summary }, index) => `${index} (${summary})`).join(", ");
  throw fault("InvalidArgument", `A specified parameter was not correct: answerChoice: it is one of ${keys}.`, {
    invalidProperty: "answerChoice",
  });
}
