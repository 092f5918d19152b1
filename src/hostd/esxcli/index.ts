/**
 * What commands there are, for who asks the host for them and prints what it answers. Apart from the layer's own index, because it
 * declares and does nothing: whoever needs that much gets no host agent, and no database, with it.
 */
export { commands as esxcliCommands, handlerOf, pathOf } from "./catalogue.ts";
export { formatterOf } from "./cli-info.ts";
export {
  type Command,
  CommandFailed,
  elementName,
  type FieldType,
  type Param,
  type Result,
  type ScalarType,
  type Struct,
} from "./command.ts";
export { vmodlNameOf } from "./encode-result.ts";
export { apiName, namesOf, parseValues, type Words } from "./parse-values.ts";
