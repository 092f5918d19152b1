import { expect, test } from "vitest";
import { udpFrame } from "../../bench/network/frames.ts";
import { makeFirewall, makeOwnSwitch, nicOf, type OwnSwitch } from "../../bench/network/own-switch.ts";
import { underLoad } from "../../bench/network/workers.ts";

/** Ports and switches are changed while a worker does nothing but send frames by one of the ports and count them at the other. */
const CHANGES = 10_000;
const SENDER = 1;
const NEIGHBOUR = 2;
const RECEIVER = 3;
/** Every tenth change is not of the first kind: the kernel takes longer for it. */
const OTHER_EVERY = 10;

/** Each kind takes another way through the network's programs and tables; the frames that pass are allowed all the time. */
const KINDS: readonly ((own: OwnSwitch, even: boolean) => Promise<void>)[] = [
  // The sender's program gives way to another, with other rules.
  ({ network }, even) => network.change(nicOf(SENDER, makeFirewall(10, even ? 1000 : 2000)), true),
  // One at the receiver's other hook comes and goes.
  ({ network }, even) =>
    network.change(nicOf(RECEIVER, even ? { rules: [{ direction: "in", action: "allow" }], otherwise: "deny" } : undefined), true),
  // All programs of the switch get another table; its port groups come and go, and every port sends copies to a mirror, or none.
  async ({ network }, even) => {
    const [first, ...others] = network.config.switches;
    if (first === undefined) throw new Error("there is a switch");
    const mirror = { name: "mirror", vlanId: 0, overrides: { security: { allowPromiscuous: true } } };
    const portGroups = first.portGroups.filter(({ name }) => name !== mirror.name);
    await network.configure({ switches: [{ ...first, portGroups: even ? [...portGroups, mirror] : portGroups }, ...others] });
  },
  // A neighbour in the table takes another address.
  ({ network }, even) =>
    network.change({ ...nicOf(NEIGHBOUR), initialMac: even ? "00:50:56:00:99:99" : nicOf(NEIGHBOUR).initialMac }, true),
];

test(`${CHANGES} changes of ports and switches under full load lose no frame`, { timeout: 2 * 3_600_000 }, async () => {
  const own = await makeOwnSwitch({ ports: 3, firewall: makeFirewall(10) });
  try {
    let changes = 0;
    const { sent, lost } = await underLoad(own, udpFrame({ from: SENDER, to: RECEIVER, bytes: 60 }), async () => {
      const turns = KINDS.map(() => 0);
      for (; changes < CHANGES; changes++) {
        const kind = changes % OTHER_EVERY === 0 ? 1 + ((changes / OTHER_EVERY) % (KINDS.length - 1)) : 0;
        const turn = turns[kind] ?? 0;
        turns[kind] = turn + 1;
        await KINDS[kind]?.(own, turn % 2 === 0);
      }
    });
    expect(changes).toBe(CHANGES);
    expect(sent).toBeGreaterThan(CHANGES * 100);
    expect(lost).toBe(0);
  } finally {
    await own.remove();
  }
});
