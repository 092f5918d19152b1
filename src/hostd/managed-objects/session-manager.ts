/** vim25 SessionManager: logging in and out. Source: the vSphere Web Services API. */
import type { Account } from "../../access/index.ts";
import { fault, type SessionManagerHttpServiceRequestSpec, type UserSession } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { checkPassword, reportBadLogin } from "../check-password.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { serviceRight, ticketUseOf } from "../service-tickets.ts";
import type { Session } from "../sessions.ts";

const LOCALE = "en"; // the only language that messages are in

export const sessionManager = {
  type: "SessionManager",
  properties: {
    sessionList: (agent) => agent.sessions.list().map(userSession),
    currentSession: (agent, { sessionKey }) =>
      agent.sessions
        .list()
        .filter(({ key }) => key === sessionKey)
        .map(userSession)[0],
    defaultLocale: () => LOCALE,
    messageLocaleList: () => [LOCALE],
    supportedLocaleList: () => [LOCALE],
  },
  methods: {
    async Login(agent, { userName, password }, call) {
      if (call.session !== undefined) throw invalidLogin();
      const account = await checkPassword(agent, { userName, password }, call.client);
      if (account === undefined) throw invalidLogin();
      return userSession(startSession(agent, account, call));
    },
    AcquireCloneTicket: (agent, _, call) => agent.cloneTickets.issue(sessionOf(call)),
    CloneSession(agent, { cloneTicket }, call) {
      if (call.session !== undefined) throw invalidLogin();
      const original = agent.cloneTickets.redeem(cloneTicket);
      const isAlive = original !== undefined && agent.sessions.list().includes(original);
      // An account that was removed since has no session to hand on.
      const account = isAlive ? agent.accounts.find(original.userName) : undefined;
      if (account === undefined) {
        reportBadLogin(agent, original?.userName ?? "", call.client);
        throw invalidLogin();
      }
      return userSession(startSession(agent, account, call));
    },
    AcquireGenericServiceTicket(agent, { spec }, call) {
      if (spec.$type !== "SessionManagerHttpServiceRequestSpec") throw onlyHttp();
      const id = agent.serviceTickets.issue(serviceRight(sessionOf(call), ticketUseOf(spec as SessionManagerHttpServiceRequestSpec)));
      const { hostName, thumbprint } = agent.identity;
      return { id, hostName, sslThumbprint: thumbprint, ticketType: "HostServiceTicket" };
    },
    AcquireLocalTicket() {
      // The password file that it would name is for who sits on the host, and this door is for who does not.
      throw fault("InvalidRequest", "Local tickets are not given to remote clients.", {});
    },
    SessionIsActive() {
      throw fault("NotImplemented", "The operation is not implemented on a standalone host.", {});
    },
    Logout(agent, _, call) {
      const session = sessionOf(call);
      endSession(agent, session);
    },
    SetLocale(_, { locale }, call) {
      sessionOf(call).locale = locale;
    },
    TerminateSession(agent, { sessionId }, call) {
      for (const key of sessionId) {
        const session = agent.sessions.list().find((candidate) => candidate.key === key);
        if (session === undefined) throw fault("NotFound", `There is no session ${key}.`, {});
        if (session === call.session)
          throw fault("InvalidArgument", "A session cannot terminate itself.", { invalidProperty: "sessionId" });
        endSession(agent, session);
      }
    },
  },
} as const satisfies ManagedObjectType<"SessionManager", HostAgent>;

function startSession(agent: HostAgent, account: Account, call: Call): Session {
  const session = agent.sessions.open(account, call.client);
  call.setSession(session.secret);
  const { address, userAgent } = call.client;
  agent.audit({ id: "vim.connect", subject: account.name, object: "SessionManager", result: "success", ip: address });
  const message = `User ${account.name}@${address} logged in as ${userAgent}`;
  const fields = { ipAddress: address, userAgent, locale: LOCALE, sessionId: session.key };
  agent.events.post("UserLoginSessionEvent", message, { userName: account.name }, fields);
  return session;
}

function onlyHttp() {
  return fault("InvalidArgument", "Tickets are given for HTTP requests only.", { invalidProperty: "spec" });
}

function invalidLogin() {
  return fault("InvalidLogin", "Cannot complete login due to an incorrect user name or password.", {});
}

function endSession(agent: HostAgent, session: Session): void {
  agent.sessions.close(session);
  const { userName, client, callCount, loginTimeMs, key } = session;
  agent.audit({ id: "vim.disconnect", subject: userName, object: "SessionManager", result: "success", ip: client.address });
  const loginTime = new Date(loginTimeMs);
  const message = `User ${userName}@${client.address} logged out (login time: ${loginTime.toISOString()}, number of API invocations: ${callCount}, user agent: ${client.userAgent})`;
  const fields = { ipAddress: client.address, userAgent: client.userAgent, callCount, sessionId: key, loginTime };
  agent.events.post("UserLogoutSessionEvent", message, { userName }, fields);
}

function userSession(session: Session): UserSession {
  return {
    key: session.key,
    userName: session.userName,
    fullName: session.fullName,
    loginTime: new Date(session.loginTimeMs),
    lastActiveTime: new Date(session.lastActiveMs),
    locale: session.locale,
    messageLocale: LOCALE,
    extensionSession: false,
    ipAddress: session.client.address,
    userAgent: session.client.userAgent,
    callCount: session.callCount,
  };
}
