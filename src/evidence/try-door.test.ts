import { expect, test } from "vitest";
import type { LockdownMode } from "../access/index.ts";
import { accessClaims } from "./claims/access.ts";
import type { Observation } from "./observe.ts";
import { type DoorTry, type ObservedDoor, tryDoor, whomToTry } from "./try-door.ts";

test.each<[LockdownMode, readonly string[], readonly string[]]>([
  ["lockdownDisabled", [], ["stranger"]],
  ["lockdownNormal", [], ["stranger", "root"]],
  ["lockdownStrict", ["backup"], ["stranger", "root"]],
  ["lockdownNormal", ["root"], ["stranger"]], // a wrong password would be counted against root
])("in %s with %j excepted, %j are tried", (mode, exceptions, tried) => {
  expect(whomToTry({ mode, exceptions }, "stranger")).toEqual(tried);
});

const verdict = (mode: LockdownMode, tries: readonly DoorTry[]) => {
  const door: ObservedDoor = { url: "https://host", thumbprint: "", lockdown: { mode, exceptions: [] }, tries };
  return accessClaims.map(({ judge }) => judge({ door } as Observation).verdict);
};

test.each<[string, LockdownMode, readonly DoorTry[], string]>([
  ["keeps a stranger and root out", "lockdownNormal", [stranger("NoPermission"), root("NoPermission")], "pass"],
  ["looks at root's password", "lockdownNormal", [stranger("NoPermission"), root("InvalidLogin")], "fail"],
  ["lets root in", "lockdownStrict", [stranger("NoPermission"), root("let in")], "fail"],
  ["does not answer", "lockdownNormal", [stranger("connecting to the host")], "fail"],
  ["is open to whoever has a password", "lockdownDisabled", [stranger("InvalidLogin")], "pass"],
  ["lets a stranger in", "lockdownDisabled", [stranger("let in")], "fail"],
])("a door that %s: %s", (_, mode, tries, wanted) => expect(verdict(mode, tries)).toEqual([wanted]));

test("without a host agent there is no door to look at", () => {
  expect(accessClaims.map(({ judge }) => judge({ door: undefined } as Observation).verdict)).toEqual(["not shown"]);
});

test("a door where nobody answers is said so", async () => {
  const { tries } = await tryDoor({ url: "https://127.0.0.1:1", thumbprint: "", lockdown: { mode: "lockdownDisabled", exceptions: [] } });
  expect(tries.map(({ answer }) => answer)).not.toContain("InvalidLogin");
});

function stranger(answer: string): DoorTry {
  return { userName: "stranger", answer };
}
function root(answer: string): DoorTry {
  return { userName: "root", answer };
}
