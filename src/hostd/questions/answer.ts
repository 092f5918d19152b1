/** AnswerVM: what a halted guest waits for is told to it. */
import { fault } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { powerOff } from "../vm-deeds/power.ts";
import { questionOf } from "./question-of.ts";
import { outOfSpace, readAnswer } from "./questions.ts";

/** Both as a client sent them (untrusted). */
export interface Answer {
  readonly questionId: string;
  readonly answerChoice: string;
}

/** @throws {Fault} InvalidArgument when it asks nothing or has no such choice; ConcurrentAccess when it asks something else by now */
export async function answerVm(call: Call, vm: Vm, { questionId, answerChoice }: Answer): Promise<void> {
  const question = questionOf(vm);
  if (question === undefined) {
    throw fault("InvalidArgument", `A specified parameter was not correct: questionId: ${vm.name} asks nothing.`, {
      invalidProperty: "questionId",
    });
  }
  if (question.id !== questionId) throw fault("ConcurrentAccess", `The question of ${vm.name} has been answered, and it asks another.`, {});
  switch (readAnswer(outOfSpace, answerChoice)) {
    case "retry":
      await call.agent.vms.vmkernel.request({ kind: "retryWrite", vm: vm.id });
      return;
    case "cancel":
      await new Promise<void>((resolve) => powerOff(call, vm).onEnd(() => resolve()));
  }
}
