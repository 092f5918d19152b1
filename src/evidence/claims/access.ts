/** Who comes in at the host's door. Pure. Paper «Administrative User Access». */
import { type Claim, judgeLooks } from "../claim.ts";

const lockdownHolds: Claim = {
  claim: "No stranger is let in; and in lockdown mode nobody who is not excepted, whose password is not even looked at.",
  heading: "Administrative User Access",
  judge: ({ door }) => {
    if (door === undefined) return { verdict: "not shown", facts: ["hostd is not running."] };
    const { mode, exceptions } = door.lockdown;
    const state = mode === "lockdownDisabled" ? "lockdown mode is off" : `${mode}, except ${exceptions.join(", ") || "nobody"}`;
    // That it is the mode that refuses, the fault tells: a password that is looked at and is wrong is InvalidLogin.
    const expected = mode === "lockdownDisabled" ? "InvalidLogin" : "NoPermission";
    const looks = door.tries.map(({ userName, answer }) => ({
      fact: `${door.url}: ${state}; ${userName}, with a random password: ${answer}`,
      holds: answer === expected,
    }));
    return judgeLooks(looks, "Nobody was tried.");
  },
};

export const accessClaims: readonly Claim[] = [lockdownHolds];
