/** `esxcli system settings advanced`: the host's options. "/Config/HostAgent/x" is what vim25 calls Config.HostAgent.x. */
import type { AnyValue, MoRef, OptionDef, OptionValue } from "../../../wire/index.ts";
import { ADVANCED_OPTIONS } from "../../inventory-tree.ts";
import { blocks, bool, CommandFailed, command, flag, long, nothing, required, struct, table, text } from "../command.ts";
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
    "Host Specific": false,
    Impact: "none", // each holds without a reboot
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
  "Host Specific": "boolean",
  Impact: "string",
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

/** Options of the kernel itself, which esxcli keeps apart from the others. */
const KERNEL = "VMkernel.Boot.";
const isOfKernel = ({ def }: Option): boolean => def.key.startsWith(KERNEL);

const kernelSetting = struct("SettingsKernelOption", {
  Name: "string",
  Type: "string",
  Configured: "string",
  Runtime: "string",
  Default: "string",
  Description: "string",
});
const written = (value: unknown): string => (value === true ? "TRUE" : "FALSE");

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
        .filter((option) => !isOfKernel(option))
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
  command("system settings kernel list", {
    help: "List the options of the host's kernel.",
    params: {
      delta: flag("-d", "--delta", "Only those that are not as by default."),
      option: text("-o", "--option", "Only this one: hyperthreadingMitigation."),
    },
    result: table(kernelSetting),
    async run(host, { delta, option: asked }) {
      const options = (await readOptions(host)).filter(isOfKernel);
      const rows = options.map(({ def, value }) => ({
        ...{ Name: def.key.slice(KERNEL.length), Type: "Bool", Configured: written(value?.value), Runtime: written(value?.value) },
        ...{ Default: written((def.optionType as Bounds).defaultValue), Description: def.summary },
      }));
      const found = rows.filter(({ Name }) => asked === undefined || Name === asked);
      if (found.length === 0) throw new CommandFailed(`Unable to find option ${asked?.slice(0, 256)}`);
      return found.filter(({ Configured, Default }) => delta !== true || Configured !== Default);
    },
  }),
  command("system settings kernel set", {
    help: "Set an option of the host's kernel; it holds from then on.",
    privilege: "Host.Config.AdvancedConfig",
    params: {
      setting: required(text("-s", "--setting", "The name of the option.")),
      value: required(bool("-v", "--value", "To this.")),
    },
    result: nothing,
    async run(host, { setting: name, value }) {
      const option = (await readOptions(host)).find((one) => one.def.key === KERNEL + name);
      if (option === undefined) throw new CommandFailed(`Unable to find option ${name.slice(0, 256)}`);
      await host.call(OPTIONS, "UpdateOptions", { changedValue: [{ key: option.def.key, value: { anyType: "boolean", value } }] });
    },
  }),
];
