import { expect, test } from "vitest";
import type { VirtualMachineBootOptionsBootableDevice } from "../../wire/index.ts";
import { create, read, reconfigure, refusal } from "./vm-config.fixture.ts";

const entry = (kind: string): VirtualMachineBootOptionsBootableDevice =>
  ({ $type: `VirtualMachineBootOptionsBootable${kind}Device` }) as never;
const cdFirst = { bootOptions: { bootOrder: [entry("Cdrom"), entry("Floppy")] } };

test("one entry of the base type, as govmomi sends it, clears the order", () => {
  const { vmx } = create(cdFirst);
  expect(read(vmx).bootOptions?.bootOrder).toHaveLength(2);
  const after = reconfigure(vmx, { bootOptions: { bootOrder: [entry("")] } }).vmx;
  expect(read(after).bootOptions?.bootOrder).toEqual([]);
});

test("an entry that names no device is refused beside others", () => {
  const { vmx } = create(cdFirst);
  const spec = { bootOptions: { bootOrder: [entry("Cdrom"), entry("")] } };
  expect(refusal(() => reconfigure(vmx, spec)).fields).toMatchObject({ invalidProperty: "configSpec.bootOptions.bootOrder[1]" });
});
