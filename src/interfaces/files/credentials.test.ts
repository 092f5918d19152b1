import { expect, test } from "vitest";
import { readCredentials } from "./credentials.ts";

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

test.each([
  ["a name and a password", basic("root:secret"), { userName: "root", password: "secret" }],
  ["a password with colons in it", basic("root:a:b:"), { userName: "root", password: "a:b:" }],
  ["a password in another script", basic("root:пароль"), { userName: "root", password: "пароль" }],
  ["no password", basic("root:"), { userName: "root", password: "" }],
  ["no colon", basic("root"), undefined],
  ["another scheme", "Bearer abc", undefined],
  ["no base64", "Basic !!", undefined],
  ["nothing", "Basic ", undefined],
  ["no header", undefined, undefined],
])("Basic with %s", (_, authorization, password) => {
  expect(readCredentials({ authorization }).password).toEqual(password);
});

test("a session and a ticket stand side by side in one cookie header", () => {
  const cookie = 'vmware_soap_session="abc"; Path=/; vmware_cgi_ticket=def';
  expect(readCredentials({ cookie })).toEqual({ sessionSecret: "abc", ticket: "def", password: undefined });
});
