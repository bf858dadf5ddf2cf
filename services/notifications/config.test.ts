// Where mails go is read from one variable, whose problems are told without telling the variable.

import { readConfig } from "@webstore/kit";
import { describe, expect, test } from "vitest";
import { checkProduction, notificationsConfig } from "./config.ts";
import { program } from "./main.ts";

const read = (env: Record<string, string>) => readConfig(notificationsConfig, env);
const smtp = { kind: "smtp", secure: false, requireTls: false, login: undefined };
const login = { user: "shop", password: "p@ss/word" };

describe("MAIL_URL", () => {
  test.each([
    ["console:", { kind: "console" }],
    ["none:", { kind: "none" }],
    ["smtp://mail.example", { ...smtp, host: "mail.example", port: 587 }],
    ["smtp://127.0.0.1:1025/", { ...smtp, host: "127.0.0.1", port: 1025 }],
    ["smtps://mail.example", { ...smtp, host: "mail.example", port: 465, secure: true }],
    ["smtp://[::1]:25", { ...smtp, host: "::1", port: 25 }],
    // A password is not said to a server on the network that does not encrypt.
    [
      "smtp://shop:p%40ss%2Fword@mail.example",
      { ...smtp, host: "mail.example", port: 587, requireTls: true, login },
    ],
    ["smtp://shop:p%40ss%2Fword@localhost", { ...smtp, host: "localhost", port: 587, login }],
  ])("%s", (url, target) => {
    expect(read({ MAIL_URL: url }).MAIL_URL).toEqual(target);
  });

  test("prints by default", () => {
    expect(read({}).MAIL_URL).toEqual({ kind: "console" });
  });

  test.each([
    "console",
    "smtp:",
    "smtp://",
    "http://mail.example",
    "mail.example:25",
    "smtp://hunter2@mail.example",
    "smtp://:hunter2@mail.example",
    "smtp://shop:hunter2%zz@mail.example",
    "smtp://shop:hunter2%0d%0a@mail.example",
    "smtp://shop:hunter2@mail.example/path",
    "smtp://shop:hunter2@mail.example?pool=true",
    "smtp://shop:hunter2@mail.example:99999",
    `smtp://shop:hunter2@${"a".repeat(1_000)}.example`,
  ])("is refused when it is %s, and is not repeated", (url) => {
    const reading = () => read({ MAIL_URL: url });
    expect(reading).toThrow(/MAIL_URL: /);
    expect(reading).not.toThrow(/hunter2|shop/);
  });
});

describe("MAIL_FROM", () => {
  test.each([
    ["WebStore <orders@webstore.example>", { name: "WebStore", address: "orders@webstore.example" }],
    ["orders@shop.example", { name: "", address: "orders@shop.example" }],
    ["<orders@shop.example>", { name: "", address: "orders@shop.example" }],
  ])("%s", (text, mailbox) => {
    expect(read({ MAIL_FROM: text }).MAIL_FROM).toEqual(mailbox);
  });

  test.each([
    "nobody",
    "a@b.example, c@d.example",
    "Shop\r\nBcc: eve@evil.example <a@b.example>",
    "Shop <a@b.example> <c@d.example>",
  ])("is refused when it is %j", (text) => {
    expect(() => read({ MAIL_FROM: text })).toThrow("MAIL_FROM: ");
  });
});

test("production does not print its customers' mails", () => {
  const check = (PRODUCTION_ENV: boolean, env: Record<string, string>) => () =>
    checkProduction({ ...read(env), PRODUCTION_ENV });
  expect(check(true, {})).toThrow("MAIL_URL");
  expect(check(true, { MAIL_URL: "smtp://mail.example" })).not.toThrow();
  expect(check(true, { MAIL_URL: "none:" })).not.toThrow();
  expect(check(false, {})).not.toThrow();
});

test("a service that is set up wrongly does not start, and says all that is wrong", async () => {
  const env = { INTERNAL_API_KEY: "a test's internal key", MAIL_URL: "smtp://", MAIL_LEASE_MS: "1" };
  await expect(program.start(env)).rejects.toThrow(/2 problem\(s\)[\s\S]*MAIL_URL[\s\S]*MAIL_LEASE_MS/);
});
