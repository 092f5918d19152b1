/** Text as XML carries it. Pure. Source: XML 1.0 §2.2 and §2.4. */

/** What XML 1.0 has no way to say, escaped or not: most control characters, halves of a surrogate pair, U+FFFE and U+FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being looked for
const UNSPEAKABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu; // with u, a whole pair is no half
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being looked for
const SPECIAL_IN_TEXT = /[&<>\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being looked for
const SPECIAL_IN_ATTRIBUTE = /[&<>"\t\n\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/;

const REFERENCES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;", // bare, a reader would turn it into a line feed
};

/** For between two tags. */
export function escapeText(text: string): string {
  return SPECIAL_IN_TEXT.test(text) ? speakable(text).replace(/[&<>\r]/g, reference) : text;
}

/** For between double quotes. */
export function escapeAttribute(text: string): string {
  return SPECIAL_IN_ATTRIBUTE.test(text) ? speakable(text).replace(/[&<>"\t\n\r]/g, reference) : text;
}

const reference = (character: string): string => REFERENCES[character] ?? character;

function speakable(text: string): string {
  return text.replace(UNSPEAKABLE, "\ufffd");
}
