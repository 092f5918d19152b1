/** What a client asks for at /screen: `/screen?id=<moid>`. Pure. Source: ESXi's /screen, as govc and libvirt ask it. */

export type ScreenTarget =
  | { readonly kind: "vm"; readonly id: string }
  | { readonly kind: "refused"; readonly status: 400; readonly text: string };

export const SCREEN_PATH = "/screen";
const ID_CHARACTERS_MAX = 80;

/** @param url as it stands in the request line, untrusted; its path is {@link SCREEN_PATH} */
export function parseScreenUrl(url: string): ScreenTarget {
  const parameters = new URLSearchParams(url.slice(SCREEN_PATH.length));
  // A part or another size of the picture is not what would come: it is refused rather than passed over.
  const unknown = [...parameters.keys()].find((name) => name !== "id");
  if (unknown !== undefined)
    return refused(`The parameter ${JSON.stringify(unknown.slice(0, ID_CHARACTERS_MAX))} is not known here: the screen is shown whole.`);
  const [id = "", ...more] = parameters.getAll("id");
  if (more.length > 0) return refused("The parameter id is there twice.");
  if (id === "" || id.length > ID_CHARACTERS_MAX) return refused("The parameter id must say which virtual machine's screen is meant.");
  return { kind: "vm", id };
}

function refused(text: string): ScreenTarget {
  return { kind: "refused", status: 400, text };
}
