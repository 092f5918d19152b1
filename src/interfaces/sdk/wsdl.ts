/**
 * The WSDL of the vSphere API with all its types, in one document, from the schema: what SOAP toolkits make a client from. Pure.
 * Source: WSDL 1.1, XML Schema part 1; VimService, VimPortType and the elements' names are those of the published documents.
 */
import {
  dataObjectType,
  enumType,
  escapeAttribute,
  findMethod,
  itemElementOf,
  type Member,
  type Method,
  NEWEST_VERSION,
  PRIMITIVES,
  schemaRows,
  type TypeRef,
  typeOf,
  xsiArrayTypeOf,
} from "../../wire/index.ts";

/** Where a client that is made from the document alone would call: it is told the host's own address by its user. */
const ADDRESS = "https://localhost/sdk";
const REFERENCE = "ManagedObjectReference";

export function writeWsdl(): string {
  const methods = allMethods();
  const faults = [...new Set(methods.flatMap((method) => faultsOf(method)))].sort();
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n<definitions name="vim" targetNamespace="urn:vim25" xmlns="http://schemas.xmlsoap.org/wsdl/"',
    ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:vim25="urn:vim25" xmlns:xsd="http://www.w3.org/2001/XMLSchema">\n<types>\n',
    '<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:vim25" elementFormDefault="qualified">\n',
    writeReferenceType(),
    ...[...schemaRows().enums.keys()].map(writeEnum),
    ...[...schemaRows().dataObjects.keys()].map(writeDataObject),
    ...arrayItems().map(writeArray),
    ...methods.map(writeMethodTypes),
    ...faults.map((name) => `<element name="${name}Fault" type="vim25:${name}"/>\n`),
    "</schema>\n</types>\n",
    ...methods.flatMap(({ name }) => [writeMessage(`${name}RequestMsg`, name), writeMessage(`${name}ResponseMsg`, `${name}Response`)]),
    ...faults.map((name) => `<message name="${name}"><part name="fault" element="vim25:${name}Fault"/></message>\n`),
    '<portType name="VimPortType">\n',
    ...methods.map(writeOperation),
    '</portType>\n<binding name="VimBinding" type="vim25:VimPortType">\n',
    '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>\n',
    ...methods.map(writeBoundOperation),
    '</binding>\n<service name="VimService"><port name="VimPort" binding="vim25:VimBinding">',
    `<soap:address location="${ADDRESS}"/></port></service>\n</definitions>\n`,
  ].join("");
}

/** Each by its name, which no two types share. What clients call beyond the schema is in no published document. */
function allMethods(): readonly Method[] {
  const names = [...schemaRows().managedObjects.values()].flatMap(({ methods }) => Object.keys(methods));
  return [...new Set(names)].map((name) => findMethod(name)).filter((method) => method !== undefined);
}

/** Every method may raise RuntimeFault besides its own. */
function faultsOf({ faults }: Method): readonly string[] {
  return [...new Set([...faults, "RuntimeFault"])];
}

function writeReferenceType(): string {
  const type = '<attribute name="type" type="xsd:string"/>';
  return `<complexType name="${REFERENCE}"><simpleContent><extension base="xsd:string">${type}</extension></simpleContent></complexType>\n`;
}

function writeEnum(name: string): string {
  const values = [...enumType(name).values].map((value) => `<enumeration value="${escapeAttribute(value)}"/>`);
  return `<simpleType name="${name}"><restriction base="xsd:string">${values.join("")}</restriction></simpleType>\n`;
}

function writeDataObject(name: string): string {
  const { base, members } = dataObjectType(name);
  const inherited = base === undefined ? undefined : dataObjectType(base).members;
  const own = writeSequence([...members.values()].filter((member) => !inherited?.has(member.name)));
  const content = base === undefined ? own : `<complexContent><extension base="vim25:${base}">${own}</extension></complexContent>`;
  return `<complexType name="${name}">${content}</complexType>\n`;
}

function writeSequence(members: readonly Member[]): string {
  return `<sequence>${members.map(({ name, type, optional }) => writeElement(name, type, optional)).join("")}</sequence>`;
}

function writeElement(name: string, type: TypeRef, optional: boolean): string {
  const occurs = `${optional || type.array ? ' minOccurs="0"' : ""}${type.array ? ' maxOccurs="unbounded"' : ""}`;
  return `<element name="${name}" type="${xsdTypeOf(type)}"${occurs}/>`;
}

/** What an array can be of: whatever is a value. */
function arrayItems(): readonly TypeRef[] {
  const { enums, dataObjects } = schemaRows();
  const primitives = PRIMITIVES.filter((name) => !/^(Type|Method)Name$|^PropertyPath$/.test(name)); // strings to clients
  return [...primitives, "anyType", "ManagedObject", ...enums.keys(), ...dataObjects.keys()].map(typeOf);
}

function writeArray(item: TypeRef): string {
  const items = `<element name="${itemElementOf(item)}" type="${xsdTypeOf(item)}" minOccurs="0" maxOccurs="unbounded"/>`;
  return `<complexType name="${xsiArrayTypeOf(item)}"><sequence>${items}</sequence></complexType>\n`;
}

function writeMethodTypes(method: Method): string {
  const { name, params, result, resultOptional } = method;
  const self = `<element name="_this" type="vim25:${REFERENCE}"/>`;
  const args = [...params.values()].map((param) => writeElement(param.name, param.type, param.optional)).join("");
  const returned = result.kind === "void" ? "" : writeElement("returnval", result, resultOptional);
  return (
    `<element name="${name}"><complexType><sequence>${self}${args}</sequence></complexType></element>\n` +
    `<element name="${name}Response"><complexType><sequence>${returned}</sequence></complexType></element>\n`
  );
}

function writeMessage(name: string, element: string): string {
  return `<message name="${name}"><part name="parameters" element="vim25:${element}"/></message>\n`;
}

function writeOperation(method: Method): string {
  const { name } = method;
  const faults = faultsOf(method).map((fault) => `<fault name="${fault}" message="vim25:${fault}"/>`);
  const [input, output] = [`<input message="vim25:${name}RequestMsg"/>`, `<output message="vim25:${name}ResponseMsg"/>`];
  return `<operation name="${name}">${input}${output}${faults.join("")}</operation>\n`;
}

function writeBoundOperation(method: Method): string {
  const { name } = method;
  const faults = faultsOf(method).map((fault) => `<fault name="${fault}"><soap:fault name="${fault}" use="literal"/></fault>`);
  const literal = '<soap:body use="literal"/>';
  const action = `<soap:operation soapAction="urn:vim25/${NEWEST_VERSION}" style="document"/>`;
  return `<operation name="${name}">${action}<input>${literal}</input><output>${literal}</output>${faults.join("")}</operation>\n`;
}

function xsdTypeOf(type: TypeRef): string {
  switch (type.kind) {
    case "primitive":
      return `xsd:${itemElementOf(type)}`;
    case "anyType":
      return "xsd:anyType";
    case "reference":
      return `vim25:${REFERENCE}`;
    case "enum":
    case "dataObject":
      return `vim25:${type.item}`;
    case "void":
      throw new Error("void has no value");
  }
}
