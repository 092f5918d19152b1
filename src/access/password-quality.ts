/**
 * How good a password of a local account must be. Pure.
 * Source: pam_passwdqc «min=disabled,disabled,disabled,7,7 max=40», ESXi's own default: three or four kinds of character, seven long.
 */

const LENGTH_MIN = 7;
const LENGTH_MAX = 40;
const KINDS_MIN = 3;
const NAME_LENGTH_MIN = 3; // a shorter name is part of many good passwords

/** @returns a sentence that says what is wrong, or undefined when it is good enough */
export function refusePassword(password: string, userName: string): string | undefined {
  if (password.length < LENGTH_MIN) return `The password is shorter than ${LENGTH_MIN} characters.`;
  if (password.length > LENGTH_MAX) return `The password is longer than ${LENGTH_MAX} characters.`;
  if (kindsIn(password) < KINDS_MIN) {
    return `The password has fewer than ${KINDS_MIN} kinds of character (small, capital, digit, other), not counting a capital at its start and a digit at its end.`;
  }
  if (userName.length >= NAME_LENGTH_MIN && password.toLowerCase().includes(userName.toLowerCase())) {
    return "The password holds the name of its user.";
  }
  return undefined;
}

/** People put the capital first and the digit last: there they add nothing. */
function kindsIn(password: string): number {
  const counted = password.replace(/^\p{Lu}/u, "").replace(/\p{Nd}$/u, "");
  return [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{Ll}\p{Lu}\p{Nd}]/u].filter((kind) => kind.test(counted)).length;
}
