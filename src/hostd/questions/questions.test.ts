import { expect, test } from "vitest";
import { makeQuestion, outOfSpace, readAnswer } from "./questions.ts";

test("a question has a key, a button and a default for each choice, and its id in its message", () => {
  expect(makeQuestion(outOfSpace, "7", "No room.", ["[d] a.vmdk"])).toMatchObject({
    id: "7",
    text: "msg.hbacommon.outofspace:No room.",
    choice: {
      choiceInfo: [
        { key: "0", label: "button.retry" },
        { key: "1", label: "button.abort" },
      ],
      defaultIndex: 0,
    },
    message: [{ id: "msg.hbacommon.outofspace", argument: [{ value: "[d] a.vmdk" }], text: "No room." }],
  });
});

test("each key means its choice", () => expect(["0", "1"].map((key) => readAnswer(outOfSpace, key))).toEqual(["retry", "cancel"]));

test.each(["", "2", "-1", "00", "0 ", "retry", "constructor"])("%j is no answer", (key) => {
  expect(() => readAnswer(outOfSpace, key)).toThrow(
    expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty: "answerChoice" } }),
  );
});
