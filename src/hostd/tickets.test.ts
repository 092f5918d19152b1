import { expect, test } from "vitest";
import { Tickets } from "./tickets.ts";

function ticketsAt(): { readonly tickets: Tickets<string>; later(ms: number): void } {
  let nowMs = 1000;
  const tickets = new Tickets<string>({ now: () => nowMs } as never, "t-");
  return {
    tickets,
    later(ms) {
      nowMs += ms;
    },
  };
}

test("a ticket lets in once, for what it was given for", () => {
  const { tickets } = ticketsAt();
  const [one, two] = [tickets.issue("one"), tickets.issue("two")];
  expect(one).toMatch(/^t-[0-9a-f]{40}$/);
  expect(tickets.redeem(two)).toBe("two");
  expect(tickets.redeem(two)).toBeUndefined();
  expect(tickets.redeem(one)).toBe("one");
});

test.each([
  ["", ""],
  ["t-", ""],
  ["made up", "0".repeat(42)],
  ["a name of every object", "constructor"],
])("%s is no ticket", (_, text) => {
  expect(ticketsAt().tickets.redeem(text)).toBeUndefined();
});

test("a ticket is good for a minute and not longer", () => {
  const { tickets, later } = ticketsAt();
  const [early, late] = [tickets.issue("early"), tickets.issue("late")];
  later(60_000);
  expect(tickets.redeem(early)).toBe("early");
  later(1);
  expect(tickets.redeem(late)).toBeUndefined();
});

test("who asks for tickets and uses none is refused, and not for longer than they last", () => {
  const { tickets, later } = ticketsAt();
  for (let count = 0; count < 1000; count++) tickets.issue("hoarded");
  expect(() => tickets.issue("one more")).toThrow(expect.objectContaining({ fault: "ResourceInUse" }));
  later(60_001);
  expect(tickets.redeem(tickets.issue("one more"))).toBe("one more");
});
