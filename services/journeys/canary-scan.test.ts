// The looking itself: in each kind of place a canary is planted, in each form, and found; and nothing else is.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { freshName, useTestPostgres } from "@webstore/kit/testing";
import { createTransport } from "nodemailer";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { openCollector } from "./canary-collector.ts";
import { openScan, scanDatabase, scanFiles } from "./canary-scan.ts";
import { canaryOf, canaryOfJwt, card, knownCanaries, passwords, sent } from "./canary-secrets.ts";
import { openMailServer } from "./mail-server.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const planted = Object.entries(sent);

const found = (text: string) => {
  const scan = openScan({ canaries: knownCanaries() });
  scan.text("here", text);
  return scan.finds().map(({ canary }) => canary);
};

describe("in a text", () => {
  test.each(planted)(
    "%s is found as it is, in any case, quoted, in base64, in hexadecimal and in a URL",
    (_, canary) => {
      const forms = [
        canary,
        canary.toUpperCase(),
        JSON.stringify({ a: canary }),
        base64(canary),
        base64(`x${canary}y`),
        base64(`xy${canary}`),
        Buffer.from(`<${canary}>`).toString("base64url"),
        Buffer.from(canary).toString("hex"),
        encodeURIComponent(canary),
        `?q=${new URLSearchParams({ canary })}`,
      ];
      expect(forms.filter((form) => found(`before ${form} behind`).length !== 1)).toEqual([]);
    },
  );

  test.each([
    "4000.0566.5566.5556",
    "4000\t0566\t5566\t5556",
    "4000%200566%205566%205556",
    '["4000","0566","5566","5556"]',
    "40000566-5566 5556",
  ])("a card number is found as %s", (text) => {
    expect(found(text)).toEqual(["card number"]);
  });

  test.each([`"cvc":"${card.cvc}"`, `cvv = ${card.cvc}`, `security_code=${card.cvc}&`])(
    "a CVV is found by its name: %s",
    (text) => {
      expect(found(text)).toEqual(["CVV"]);
    },
  );

  test.each([
    `ends in 5556, first 400005, took ${card.cvc} ms`,
    "4000056655665557 is another card, pm_card_visa another token",
    "00000000-0000-4000-8000-056655665556",
    `"cvc_check":"pass","number":${card.cvc}`,
  ])("nothing is found in: %s", (text) => {
    expect(found(text)).toEqual([]);
  });

  test("of a JWT its signature is enough, and the middle of its claims", () => {
    const [head, claims, signature] = ["a", "b", "c"].map((letter) => letter.repeat(80));
    const scan = openScan({ canaries: [] });
    scan.learn(canaryOfJwt("token", `${head}.${claims}.${signature}`));
    for (const [where, text] of Object.entries({ signature, claims, head })) scan.text(where, `x${text}x`);
    expect(scan.finds().map(({ where }) => where)).toEqual(["signature", "claims"]);
  });
});

test("in a log line that a file has, and nowhere in a file that is skipped", () => {
  const folder = mkdtempSync(join(tmpdir(), "webstore-canary-"));
  try {
    writeFileSync(join(folder, "errors.log"), `{"msg":"no such card: ${card.spaced}"}\n`);
    writeFileSync(join(folder, "other.sqlite"), card.plain);
    const scan = openScan({ canaries: knownCanaries() });
    scanFiles(scan, folder, /\.sqlite$/);
    expect(scan.finds()).toMatchObject([{ where: "file errors.log", canary: "card number" }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ["as it is", (bytes: Uint8Array) => bytes, {}],
  ["compressed", (bytes: Uint8Array) => gzipSync(bytes), { "content-encoding": "gzip" }],
] as const)("in an attribute of a span, sent %s", async (_, encode, headers) => {
  const collector = await openCollector();
  try {
    // ResourceSpans.scope_spans.spans.attributes: KeyValue { key = 1, value = 2 { string_value = 1 } }
    const value = new BinaryWriter().tag(1, 2).string(passwords.wrong).finish();
    const pair = new BinaryWriter().tag(1, 2).string("url.path").tag(2, 2).bytes(value).finish();
    const body = [9, 2, 2, 1].reduce(
      (inner, field) => new BinaryWriter().tag(field, 2).bytes(inner).finish(),
      pair,
    );
    const answer = await fetch(`${collector.url}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf", ...headers },
      body: Buffer.from(encode(body)),
    });
    expect(answer.status).toBe(200);
    const scan = openScan({ canaries: knownCanaries() });
    for (const text of collector.received("traces")) scan.text("otlp-traces", text);
    expect(scan.finds()).toMatchObject([{ canary: "wrong password" }]);
    expect(collector.received("logs")).toEqual([]);
  } finally {
    collector.close();
  }
});

test("in a row: a text, a document, a list, bytes; each with its table and column", async () => {
  const { url } = await useTestPostgres();
  const schema = freshName();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create schema ${schema}`);
    await client.query(
      `create table ${schema}.places (plain text, document jsonb, list text[], bytes bytea, amount bigint, nothing text)`,
    );
    // More rows than are fetched at once, so that the last ones count, too.
    await client.query(`insert into ${schema}.places (plain) select 'good' from generate_series(1, 1200)`);
    await client.query(`insert into ${schema}.places values ($1, $2, $3, $4, $5)`, [
      passwords.wrong,
      { deep: [{ card: card.dashed }] },
      [sent["payment token"]],
      Buffer.concat([Buffer.from([0, 255, 254]), Buffer.from(sent["bearer token"])]),
      card.plain,
    ]);
    const scan = openScan({ canaries: knownCanaries() });
    await scanDatabase(scan, url);
    const finds = scan.finds().filter(({ where }) => where.includes(schema));
    expect(finds.map(({ where, canary }) => `${where.split(".").at(-1)} ${canary}`).sort()).toEqual([
      "amount card number",
      "bytes opaque bearer token",
      "document card number",
      "list unknown payment token",
      "plain wrong password",
    ]);
  } finally {
    await client.query(`drop schema ${schema} cascade`);
    await client.end();
  }
});

test.each(["quoted-printable", "base64"] as const)("in a mail whose text is %s", async (textEncoding) => {
  const server = await openMailServer();
  const transport = createTransport({ url: server.url });
  try {
    const text = `Dear customer with “${card.spaced}”,\nyour password is ${passwords.registered} – good bye`;
    const [from, to] = ["store@example.com", "ada@example.com"];
    await transport.sendMail({ from, to, subject: "Paid", text, textEncoding });
    const scan = openScan({ canaries: knownCanaries() });
    scan.text("mail raw", server.raw());
    for (const mail of server.mails()) scan.text("mail read", JSON.stringify(mail));
    const canaries = scan.finds().filter(({ where }) => where === "mail read");
    expect(canaries.map(({ canary }) => canary).sort()).toEqual(["card number", "registered password"]);
  } finally {
    transport.close();
    await server.close();
  }
});

test("what is exempt is not told, and an exemption that excuses nothing is", () => {
  const exemption = { where: /^row a$/, canary: /password/, reason: "it is its place" };
  const scan = openScan({
    canaries: knownCanaries(),
    exemptions: [exemption, { ...exemption, where: /^row z$/, reason: "it is nobody's place" }],
  });
  for (const where of ["row a", "row b"]) scan.text(where, passwords.wrong);
  scan.learn(canaryOf("late one", "learned-at-last"));
  scan.text("row a", "learned-at-last");
  expect(scan.finds().map(({ where, canary }) => `${where} ${canary}`)).toEqual([
    "row b wrong password",
    "row a late one",
  ]);
  expect(scan.unused()).toEqual(["it is nobody's place"]);
});
