import { expect, test } from "vitest";
import { firstState, HELP, parseKeys, press, type TopState } from "./keys.ts";
import { views } from "./views.ts";

const state = (changes: Partial<TopState> = {}): TopState => ({ ...firstState(5), ...changes });
/** What comes of keys, one after another. */
const pressAll = (keys: readonly string[], from = state()) => keys.reduce((before, key) => press(before, key).state, from);

test.each([
  ["m", { view: "m" }],
  ["n", { view: "n" }],
  ["h", { isHelp: true }],
  ["R", { sortedBy: "%RDY" }],
  ["N", { sortedBy: "ID" }],
  ["-", { columnsLess: 1 }],
  ["+", { columnsLess: 0 }],
  ["down", { firstRow: 1 }],
  ["up", { firstRow: 0 }],
  ["s", { typedDelay: "" }],
] as const)("%s makes it %j", (key, changes) => {
  expect(press(state(), key)).toEqual({ state: state(changes) });
});

test.each(["q", "ctrl-c"])("%s ends it, also while help is shown", (key) => {
  expect(press(state(), key).effect).toBe("quit");
  expect(press(state({ isHelp: true }), key).effect).toBe("quit");
});

test("another view begins at its first row, with all of its columns, sorted its own way", () => {
  expect(pressAll(["down", "-", "R", "v"])).toEqual(state({ view: "v" }));
});

test("a letter sorts where there is such a column, and is no key where there is none", () => {
  expect(press(state({ view: "v" }), "R").state.sortedBy).toBe("READS/s");
  expect(press(state({ view: "m" }), "w").state).toEqual(state({ view: "m", message: "w is no key here: h tells which are" }));
});

test("two columns stay, however often fewer are asked for", () => {
  const [cpu] = views;
  expect(pressAll(Array.from({ length: 40 }, () => "-")).columnsLess).toBe(cpu.columns.length - 2);
});

test.each([
  [["s", "1", "x", "2", "enter"], { delayS: 12 }],
  [["s", "7", "backspace", "9", "enter"], { delayS: 9 }],
  [["s", "9", "escape"], {}],
  [["s", "enter"], {}],
  [["s", "1", "enter"], { message: "seconds are from 2 to 86400" }],
  [["s", "9", "9", "9", "9", "9", "9", "enter"], { message: "seconds are from 2 to 86400" }],
] as const)("%j sets seconds: %j", (keys, changes) => {
  expect(pressAll(keys)).toEqual(state(changes));
});

test("q while seconds are typed is no number and ends nothing, and ctrl-c ends it", () => {
  expect(press(state({ typedDelay: "1" }), "q")).toEqual({ state: state({ typedDelay: "1" }) });
  expect(press(state({ typedDelay: "1" }), "ctrl-c").effect).toBe("quit");
});

test.each([
  ["cm", ["c", "m"]],
  ["\u001b[A\u001bOBq", ["up", "down", "q"]],
  ["\u001b[6~\u001b[1;5C", ["pageDown", "\u001b[1;5C"]],
  ["\u0003\r\u007f", ["ctrl-c", "enter", "backspace"]],
  ["\u001b", ["escape"]],
  ["ü語", ["ü", "語"]],
  ["", []],
])("a terminal's %j are the keys %j", (bytes, keys) => {
  expect(parseKeys(bytes)).toEqual(keys);
});

test("help names every view", () => {
  for (const { key, title } of views) expect(HELP).toContain(`${key}  ${title}`);
});
