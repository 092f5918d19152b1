export { type KeyStroke, keyUsages, qcodeOf, qcodesOf } from "./hid/usb-keys.ts";
export * from "./lines.ts";
export * from "./qmp/index.ts";
export { escapeAttribute, escapeText } from "./soap/escape.ts";
export { parseXml, REQUEST_LIMITS, type XmlElement, type XmlLimits } from "./soap/xml.ts";
export * from "./vim25/index.ts";
export * from "./vmdk/index.ts";
export * from "./vmx/index.ts";
