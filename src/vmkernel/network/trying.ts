/** Deeds that stop nothing when they fail: the log says what did not come about. */
import { messageWithCauses } from "../../base/index.ts";

export type Trying = (what: string, deed: () => void) => void;

export function tryingWith(log: (line: string) => void): Trying {
  return (what, deed) => {
    try {
      deed();
    } catch (error) {
      log(`network: ${what}: ${messageWithCauses(error)}`);
    }
  };
}
