/** `esxcli system settings advanced`: the host's options. "/Config/HostAgent/x" is what vim25 calls Config.HostAgent.x. */
import type { AnyValue, MoRef, OptionDef, OptionValue } from "../../../wire/index.ts";
import { ADVANCED_OPTIONS } from "../../inventory-tree.ts";
import { blocks, CommandFailed, command, flag, long, nothing, required, struct, text } from "../command.ts";
import type { Host } from "../host.ts";

const OPTIONS = ADVANCED_OPTIONS as MoRef<"OptionManager">;

interface Option {
  readonly def: OptionDef;
  readonly value: AnyValue | undefined;
}

async function readOptions(host: Host): Promise<readonly Option[]> {
  const [defs, values] = await Promise.all([host.read(OPTIONS, "supportedOption"), host.read(OPTIONS, "setting")]);
  const setTo = (key: string) => ((values ?? []) as readonly OptionValue[]).find((one) => one.key === key)?.value;
  return (defs ?? []).map((def) => ({ def, value: setTo(def.key) }));
}

const pathOf = ({ def }: Option): string => `/${def.key.replaceAll(".", "/")}`;

/** @throws {CommandFailed} */
function findOption(options: readonly Option[], path: string): Option {
  const found = options.find((option) => pathOf(option) === path);
  if (found === undefined) throw new CommandFailed(`Unable to find option ${path.slice(0, 256)}`);
  return found;
}

/** Of a vim25 OptionType: each kind has its own bounds. */
interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly defaultValue?: number | string | boolean;
  readonly validCharacters?: string;
}

const isNumber = ({ value }: Option): boolean => ["byte", "short", "int", "long", "boolean"].includes(value?.anyType ?? "");

/** A string has no bounds, and a number no characters. */
function show(option: Option) {
  const { def, value } = option;
  const { min, max, defaultValue, validCharacters = "*" } = def.optionType as Bounds;
  const isInteger = isNumber(option);
  const integer = (one: unknown) => (one === undefined || !isInteger ? undefined : Number(one));
  const string = (one: unknown) => (one === undefined || isInteger ? undefined : String(one));
  return {
    Path: pathOf(option),
    Type: isInteger ? "integer" : "string",
    "Int Value": integer(value?.value),
    "Default Int Value": integer(defaultValue),
    "Min Value": integer(min),
    "Max Value": integer(max),
    "String Value": string(value?.value),
    "Default String Value": string(defaultValue),
    "Valid Characters": isInteger ? undefined : validCharacters,
    Description: def.summary,
  };
}

const setting = struct("SettingsAdvancedOption", {
  Path: "string",
  Type: "string",
  "Int Value": "long",
  "Default Int Value": "long",
  "Min Value": "long",
  "Max Value": "long",
  "String Value": "string",
  "Default String Value": "string",
  "Valid Characters": "string",
  Description: "string",
});

interface NewValue {
  readonly default: boolean | undefined;
  readonly intvalue: number | undefined;
  readonly stringvalue: string | undefined;
}

/** Of the type that the option has. @throws {CommandFailed} when not just one value is said, or one of the other type */
function valueFor(option: Option, { default: toDefault, intvalue, stringvalue }: NewValue): AnyValue {
  const said = [toDefault === true || undefined, intvalue, stringvalue].filter((one) => one !== undefined);
  if (said.length !== 1) throw new CommandFailed("Just one of --default, --int-value and --string-value is needed.");
  const { defaultValue } = option.def.optionType as Bounds;
  const wanted = toDefault === true ? defaultValue : isNumber(option) ? intvalue : stringvalue;
  if (wanted === undefined) throw new CommandFailed(`The type of ${pathOf(option)} is ${isNumber(option) ? "integer" : "string"}.`);
  const anyType = option.value?.anyType ?? "string";
  return { anyType, value: anyType === "boolean" ? Number(wanted) !== 0 : wanted };
}

const named = text("-o", "--option", "The path of the option: /Config/HostAgent/vmacore/soap/sessionTimeout.");

export const settingsCommands = [
  command("system settings advanced list", {
    help: "List the advanced options of the host.",
    params: {
      delta: flag("-d", "--delta", "Only those that are not as by default."),
      option: named,
      tree: text("-t", "--tree", "Only those beneath this path."),
    },
    result: blocks(setting),
    async run(host, args) {
      const options = await readOptions(host);
      const asked = args.option === undefined ? options : [findOption(options, args.option)];
      const beneath = `${(args.tree ?? "").replace(/\/$/, "")}/`;
      return asked
        .filter((option) => pathOf(option).startsWith(beneath))
        .filter(({ def, value }) => args.delta !== true || value?.value !== (def.optionType as Bounds).defaultValue)
        .map(show);
    },
  }),
  command("system settings advanced set", {
    help: "Set an advanced option of the host.",
    privilege: "Host.Config.AdvancedConfig",
    params: {
      default: flag("-d", "--default", "To what it is by default."),
      intvalue: long("-i", "--int-value", "To this, when it is an integer."),
      option: required(named),
      stringvalue: text("-s", "--string-value", "To this, when it is a string."),
    },
    result: nothing,
    async run(host, args) {
      const option = findOption(await readOptions(host), args.option);
      const changed: OptionValue = { key: option.def.key, value: valueFor(option, args) };
      await host.call(OPTIONS, "UpdateOptions", { changedValue: [changed] });
    },
  }),
];
