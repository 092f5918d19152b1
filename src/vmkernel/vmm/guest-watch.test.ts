/** Who is believed of whether a guest's agent is there. */
import { expect, test } from "vitest";
import { defer } from "../../base/index.ts";
import { GuestWatch } from "./guest-watch.ts";
import { AGENT_CHARDEV } from "./plan-devices.ts";

const chardevs = (isOpen: boolean) => [{ label: "qmp" }, { label: AGENT_CHARDEV, "frontend-open": isOpen }];
const NOBODY_LISTENS = "/nonexistent/agent";

const watch = (): GuestWatch => new GuestWatch(NOBODY_LISTENS, () => {});

test("an answer that a change of the channel has overtaken counts for nothing", async () => {
  const guest = watch();
  const answer = defer<unknown>();
  const looked = guest.lookAtChannel(() => answer.promise);
  answer.resolve(chardevs(false)); // on its way …
  guest.onChannelChange(true); // … when the event behind it is read
  await looked;
  expect(guest.isChannelOpen).toBe(true);
});

test("an answer that nothing has overtaken counts, whatever it is", async () => {
  const guest = watch();
  await guest.lookAtChannel(async () => chardevs(true));
  expect(guest.isChannelOpen).toBe(true);
  await guest.lookAtChannel(async () => chardevs(false));
  expect(guest.isChannelOpen).toBe(false);
  await guest.lookAtChannel(async () => "nonsense");
  expect(guest.isChannelOpen).toBe(false);
});
