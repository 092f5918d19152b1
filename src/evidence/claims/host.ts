/** The host's own processes. Pure. Paper «Host Agent» and «Limit Root Access». */
import { type Claim, judgeLooks } from "../claim.ts";

const hostdHasNoPrivilege: Claim = {
  claim: "The host agent, which parses what clients send, is not root and holds no capability.",
  heading: "Host Agent",
  judge: ({ hostd }) => {
    if (hostd === undefined) return { verdict: "not shown", facts: ["hostd is not running."] };
    const held = Object.entries(hostd.capabilities).filter(([, set]) => !/^0+$/.test(set));
    const fact = `hostd, pid ${hostd.pid}: uid ${hostd.uids.real}/${hostd.uids.effective}; capabilities ${held.map(([name, set]) => `${name} ${set}`).join(", ") || "none"}; no_new_privs ${hostd.noNewPrivileges ? 1 : 0}`;
    const uids = Object.values(hostd.uids);
    return judgeLooks([{ fact, holds: held.length === 0 && hostd.noNewPrivileges && !uids.includes(0) }], "");
  },
};

const hostdHasNoNetwork: Claim = {
  claim: "The host agent can answer on the socket that it was given and reach no network itself.",
  heading: "Host Agent",
  judge: ({ hostd, hostNamespaces, withheld, weaknesses }) => {
    if (hostd === undefined) return { verdict: "not shown", facts: ["hostd is not running."] };
    const fact = `hostd, pid ${hostd.pid}: net:[${hostd.namespaces.net}], the host's is net:[${hostNamespaces.net}]`;
    const isWithheld = withheld.includes("rootMountNamespace") || withheld.includes("networkNamespace");
    return judgeLooks([{ fact, holds: hostd.namespaces.net !== hostNamespaces.net, isWithheld }], "", weaknesses);
  },
};

const hostdHasNoDatastore: Claim = {
  claim:
    "No path leads the host agent to a datastore, and it holds no folder of one: it has the files that it was passed, while it has them.",
  heading: "Host Agent",
  judge: ({ hostd, datastoresOfHostd, withheld, weaknesses }) => {
    if (hostd === undefined) return { verdict: "not shown", facts: ["hostd is not running."] };
    const looks = datastoresOfHostd.map(({ root, isReachable }) => {
      const open = hostd.descriptors.filter(({ target }) => target === root || target.startsWith(`${root}/`));
      const folders = open.filter(({ kind }) => kind === "folder").length;
      const fact = `hostd, pid ${hostd.pid}: ${root} is ${isReachable ? "there" : "not there"} for it; of it open: files ${open.length - folders}, folders ${folders}`;
      return { fact, holds: !isReachable && folders === 0, isWithheld: isReachable && withheld.includes("rootMountNamespace") };
    });
    return judgeLooks(looks, "The host has no datastore.", weaknesses);
  },
};

export const hostClaims: readonly Claim[] = [hostdHasNoPrivilege, hostdHasNoNetwork, hostdHasNoDatastore];
