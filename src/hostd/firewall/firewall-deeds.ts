/** What a client does to the host's firewall, with the events that tell of it. Source: vim25 HostFirewallSystem. */
import type { HostFirewallDefaultPolicy, HostFirewallRulesetIpList } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import { disableRuleSet, enableRuleSet, updateDefaultPolicy, updateRuleSet } from "./plan-firewall.ts";

/** A service whose policy is that it runs while its ports are open follows. */
export async function enableRuleset(call: Call, id: string): Promise<void> {
  await call.agent.firewall.change((settings, facts) => enableRuleSet(settings, id, facts), call.client.address);
  post(call, `The firewall's rule set ${id} was enabled`);
  await call.agent.services.follow();
}

export async function disableRuleset(call: Call, id: string): Promise<void> {
  await call.agent.firewall.change((settings, facts) => disableRuleSet(settings, id, facts), call.client.address);
  post(call, `The firewall's rule set ${id} was disabled`);
  await call.agent.services.follow();
}

export async function changeRuleset(call: Call, id: string, allowedHosts: HostFirewallRulesetIpList): Promise<void> {
  await call.agent.firewall.change((settings, facts) => updateRuleSet(settings, { id, allowedHosts }, facts), call.client.address);
  post(call, `The addresses that the firewall's rule set ${id} is for were changed`);
}

export async function changeDefaultPolicy(call: Call, policy: HostFirewallDefaultPolicy): Promise<void> {
  await call.agent.firewall.change((settings, facts) => updateDefaultPolicy(settings, policy, facts), call.client.address);
  const { incomingBlocked, outgoingBlocked } = call.agent.firewall.settings;
  const said = (isBlocked: boolean) => (isBlocked ? "blocked" : "let through");
  post(
    call,
    `What no rule set names is ${said(incomingBlocked)} by the firewall when it comes in, ${said(outgoingBlocked)} when it goes out`,
  );
}

function post({ agent, session }: Call, message: string): void {
  agent.events.post("GeneralHostInfoEvent", message, { userName: session?.userName ?? "" }, { message });
}
