import { expect, test } from "vitest";
import { refusePassword } from "./password-quality.ts";

test.each([
  ["three kinds and eight characters", "xQaTEhb!", undefined],
  ["four kinds and seven characters", "xQaT3#A", undefined],
  ["a capital that only begins it", "Xqat3hi", "kinds"],
  ["a digit that only ends it", "xQaTEh2", "kinds"],
  ["six characters", "xQ3#a!", "shorter"],
  ["forty-one characters", "xQ3#".repeat(11), "longer"],
  ["one kind", "abcdefghijk", "kinds"],
  ["nothing", "", "shorter"],
  ["its user's name", "xQ3#-Alice-", "name"],
])("a password with %s", (_, password, refusal) => {
  const answer = refusePassword(password, "alice");
  if (refusal === undefined) expect(answer).toBeUndefined();
  else expect(answer).toContain(refusal);
});
