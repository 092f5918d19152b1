/**
 * Name patterns of a datastore search: `*` is any text, `?` any one character. Pure.
 * Written out, because a client's pattern as a regular expression could keep the host agent busy for hours.
 */

/** Whether the whole of `name` matches; the time is at most the product of both lengths. */
export function matchesGlob(name: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  // Where to go on when what follows the last star did not fit: the star then takes one character more.
  let star: { readonly pattern: number; name: number } | undefined;
  while (at < name.length) {
    if (pattern[next] === "*") {
      star = { pattern: ++next, name: at };
    } else if (next < pattern.length && (pattern[next] === "?" || pattern[next] === name[at])) {
      at++;
      next++;
    } else if (star !== undefined) {
      next = star.pattern;
      at = ++star.name;
    } else {
      return false;
    }
  }
  while (pattern[next] === "*") next++;
  return next === pattern.length;
}
