import { expect, test } from "vitest";
import { fault } from "../../wire/index.ts";
import { VM, watch } from "./collector.fixture.ts";
import { PropertyFilter } from "./filter.ts";
import { SourceInMemory, vmProperties } from "./source-in-memory.ts";

/** A source whose object is the same each time that it is found, as the inventory's VMs are. */
function stableSource() {
  const source = new SourceInMemory();
  source.put("VirtualMachine", "1", vmProperties("1"));
  const object = { ref: VM, read: (property: string) => source.find(VM)?.read(property, source.reader) };
  return { source, shared: Object.assign(Object.create(source) as SourceInMemory, sourceOver(source, object)) };
}
const sourceOver = (source: SourceInMemory, object: object) => ({
  find: () => object,
  refusal: source.refusal.bind(source),
  onChange: source.onChange.bind(source),
  reader: source.reader,
});
let made = 0;
const filterOn = (source: SourceInMemory, ...paths: readonly string[]) =>
  new PropertyFilter({ type: "PropertyFilter", value: `f${made++}` }, watch(VM, ...paths), { partialUpdates: false }, source);

test("filters that see the same hold one picture, also after a change", () => {
  const { source, shared } = stableSource();
  const [one, other] = [filterOn(shared, "name", "runtime.powerState"), filterOn(shared, "name", "runtime.powerState")];
  const before = one.look().objects.get("1");
  expect(other.look().objects.get("1")).toBe(before);
  source.put("VirtualMachine", "1", { ...vmProperties("1"), name: "renamed" });
  for (const filter of [one, other]) filter.noteChange(VM);
  const after = one.look().objects.get("1");
  expect(after).not.toBe(before);
  expect(after?.readings.get("name")).toMatchObject({ value: { value: "renamed" } });
  expect(other.look().objects.get("1")).toBe(after);
});

test("a filter that looks at other paths, or that may not read, holds its own", () => {
  const { source, shared } = stableSource();
  const picture = filterOn(shared, "name").look().objects.get("1");
  expect(filterOn(shared, "runtime.powerState").look().objects.get("1")).not.toBe(picture);
  source.refuse("1", fault("NoPermission", "denied", { object: VM, privilegeId: "System.Read" }));
  const refused = filterOn(shared, "name").look().objects.get("1");
  expect(refused?.readings.get("name")?.kind).toBe("refused");
});

test("a picture that is shared does not change when whoever owns the value changes it in place", () => {
  const { source, shared } = stableSource();
  const properties = vmProperties("1");
  source.put("VirtualMachine", "1", properties);
  const [one, other] = [filterOn(shared, "runtime"), filterOn(shared, "runtime")];
  const before = one.look().objects.get("1");
  properties.runtime.powerState = "poweredOn";
  expect(other.look().objects.get("1")).not.toBe(before);
  expect(before?.readings.get("runtime")).toMatchObject({ value: { value: { powerState: "poweredOff" } } });
});
