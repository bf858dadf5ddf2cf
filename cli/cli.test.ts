// The command line as an operator has it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { bookedOrder, deadLetter, doneSaga, sentMail, stuckSaga } from "../services/gateway/testing-desk.ts";
import { nothing } from "../services/gateway/testing-store.ts";
import { desk, ended, fails, json, start, useCli, webstore, works } from "./testing-cli.ts";

useCli();

test("dead letters are listed in 100 columns, and nothing in them reaches the terminal as it came", async () => {
  const lines = (await works("dlq list")).trimEnd().split("\n");
  expect(lines[0]).toMatch(/^ID +AGE +EVENT +STATUS +GROUP +ERROR$/);
  expect(lines).toHaveLength(5);
  for (const line of lines) expect([...line].length).toBeLessThanOrEqual(100);
  expect(lines[1]).toMatch(/dead +- +price_mismatch/);
  expect(lines[2]).toMatch(/dead +order-proces… +price_mismatch/);
  expect(lines[3]).toMatch(/dead ×3 +- +\ufffd\[31mevil price/);
  expect(lines[4]).toMatch("(order-events)");
});

test("dead letters are filtered, and that there is none is said in words", async () => {
  expect(
    (await json("dlq list --event OrderCreated --topic order-events --status dead --error 19.99"))
      .dead_letters,
  ).toHaveLength(2);
  expect((await json("dlq list --error evil")).dead_letters).toHaveLength(1);
  expect((await json(`dlq list --id ${deadLetter}`)).dead_letters).toMatchObject([
    { dead_letter_id: deadLetter, source_offset: "1", status: "DEAD_LETTER_STATUS_DEAD", attempts: 4 },
  ]);
  expect(await works("dlq list --since 2026-01-02T03:04:06Z --before 2027-01-01")).toBe(
    "No dead letter matches.\n",
  );
  expect(await json("dlq list --event Nothing")).toEqual({ dead_letters: [], more: false });
});

test("a long list is asked for page by page, and says when there is more", async () => {
  const [first] = desk().letters;
  if (first === undefined) throw new Error("there is none");
  for (let i = 0; i < 250; i += 1) desk().letters.push({ ...first });
  const all = await json("dlq list --limit 230");
  expect(all).toMatchObject({ more: true });
  expect(all.dead_letters).toHaveLength(230);
  expect(await works("dlq list --limit 2")).toMatch("There are more than 2; --limit shows more of them.");
});

test("a dead letter is shown with its message, laid out", async () => {
  const out = await works(`dlq show ${deadLetter}`);
  expect(out).toMatch(/^id +bbbbbbbb-0000/);
  expect(out).toMatch(/from +order-events 0\/1/);
  expect(out).toMatch('{\n  "name": "OrderCreated"');
  expect(await works(`dlq show ${deadLetter.replace(/1$/, "4")}`)).toMatch("\n\ufffd[31mred\n");
  expect((await json(`dlq show ${deadLetter}`)).value).toMatch(/^[A-Za-z0-9+/=]+$/);
});

test("a dry run counts and changes nothing", async () => {
  const out = await works("dlq redrive --event OrderCreated --dry-run");
  expect(out).toBe("3 dead letters match; 2 would go. 1 came back 3 times and would only come back again.\n");
  expect(await works("dlq redrive --event Nothing --dry-run")).toBe(
    "No dead letter matches that was not redriven already.\n",
  );
  expect(desk().letters.every(({ status }) => status === "DEAD_LETTER_STATUS_DEAD")).toBe(true);
  expect(desk().audit).toEqual([]);
});

test("a redrive is watched until all are out, and stands in the audit log", async () => {
  const out = await works(
    "dlq redrive --topic order-events --event OrderCreated --rate 5 --max 50 --reason fixed",
  );
  expect(out.split("\n")).toEqual([
    "2 of 3 will go, 5 a second. 1 came back 3 times and would only come back again.",
    "0 out, 2 to go",
    "1 out, 1 to go",
    "All 2 are out.",
    "None has come back so far; `webstore dlq list --status dead` shows whether one does.",
    "",
  ]);
  expect(await works("audit")).toMatch(
    /RedriveDeadLetters\n {2}by grace \(00000000-0000-4000-8000-000000000002\): fixed\n/,
  );
});

test("a redrive counts only what is still dead, and says how many came back", async () => {
  desk().state.comesBack = true;
  const [first, second, third] = desk().letters;
  if (first === undefined || second === undefined || third === undefined) throw new Error("there are none");
  first.status = "DEAD_LETTER_STATUS_REDRIVEN";
  // One that has come back before is not one that comes back now.
  third.redrives = 1;
  const ids = [first, second].map(({ deadLetterId }) => `--id ${deadLetterId}`).join(" ");
  expect((await works(`dlq redrive ${ids}`)).split("\n")).toEqual([
    "1 of 1 will go, 10 a second.",
    "0 out, 1 to go",
    "All 1 are out.",
    "1 came back since; `webstore dlq list --status dead` shows why.",
    "",
  ]);
  expect(await works(`dlq redrive ${ids}`)).toBe("No dead letter matches that was not redriven already.\n");
});

test("who has seen enough of a redrive may leave; it goes on", async () => {
  const [first] = desk().letters;
  if (first === undefined) throw new Error("there is none");
  for (let i = 0; i < 90; i += 1) desk().letters.push({ ...first });
  const running = start(["dlq", "redrive", "--event", "OrderCreated"]);
  const end = ended(running);
  await expect.poll(() => running.said.out, { timeout: 60_000 }).toMatch("to go");
  running.child.kill("SIGINT");
  expect(await end).toMatchObject({ status: 0, err: "", out: expect.stringMatching("It goes on by itself") });
});

test("with --json or --no-wait a redrive is not watched", async () => {
  expect(await json(`dlq redrive --id ${deadLetter}`)).toEqual({ matched: 1, scheduled: 1, looping: 0 });
  desk().reset();
  expect(await works(`dlq redrive --id ${deadLetter} --no-wait`)).toBe("1 of 1 will go, 10 a second.\n");
});

test("sagas are listed and shown", async () => {
  const lines = (await works("sagas list")).trimEnd().split("\n");
  expect(lines[0]).toMatch(/^ID +NAME +STATUS +IDLE +TRIES +STEP$/);
  expect(lines[1]).toMatch(/place-order +stuck +\d+d +10 +capture$/);
  for (const line of lines) expect([...line].length).toBeLessThanOrEqual(100);
  expect(
    (await json(`sagas list --status done --name place-order --order ${doneSaga} --idle 5m`)).sagas,
  ).toMatchObject([{ saga_id: doneSaga, status: "SAGA_STATUS_DONE" }]);
  expect(await works("sagas list --name nothing")).toBe("No saga matches.\n");
  const shown = await works(`sagas show ${stuckSaga}`);
  expect(shown).toMatch(/step +capture, tried 10 times/);
  expect(shown).toMatch(/capture +do failed +payments: UNAVAILABLE/);
});

test("a stuck saga goes on, or back, and who asked why is written down", async () => {
  // The shell's quotes are not ours, so a reason of one word.
  expect(await works(`sagas retry ${stuckSaga} --reason back`)).toMatch(/status +running/);
  expect((await json(`sagas compensate ${stuckSaga} --reason gone`)).status).toBe("SAGA_STATUS_COMPENSATING");
  expect((await json(`audit --subject ${stuckSaga}`)).entries).toMatchObject([
    { action: "CompensateSaga", detail: "gone" },
    { action: "RetrySaga", detail: "back" },
  ]);
  expect(await works(`audit --actor ${nothing}`)).toBe("Nothing was done that matches.\n");
  await fails(`sagas retry ${stuckSaga}`, 2, "required option '--reason <why>' not specified");
  await fails(
    `sagas retry ${doneSaga} --reason x`,
    1,
    "saga_ended: The saga has ended; there is nothing left",
  );
  await fails(`sagas compensate ${doneSaga} --reason x`, 1, "saga_ended: Cancel the order instead.");
  for (const command of ["retry", "compensate"]) {
    const help = await works(`sagas ${command} --help`);
    expect(help).toMatch(`Usage: webstore sagas ${command} --reason <why> [options] <id>`);
    expect(help).toMatch("required: why");
  }
});

test("what cannot be written down is not done, and says so", async () => {
  desk().state.auditUp = false;
  await fails(`sagas retry ${stuckSaga} --reason x`, 1, "unavailable: a part of the store does not answer");
});

test("books that agree are said to agree; each difference is a line, and the exit status 1", async () => {
  expect(await works("reconcile --since 7d --before 2027-01-01")).toMatch(
    /^13 orders, 12 payments and 12 of the provider's, created from \S+Z until 2027-01-01T00:00:00.000Z, were compared at 2026-01-02T03:04:05.678Z: they agree.\n$/,
  );
  const [asked] = desk().compared;
  expect(asked?.createdBefore).toEqual(new Date("2027-01-01T00:00:00Z"));
  expect(Date.now() - Number(asked?.createdSince)).toBeGreaterThanOrEqual(7 * 86_400_000);

  const difference = {
    kind: "DIFFERENCE_KIND_AMOUNT",
    orderId: bookedOrder,
    paymentId: "",
    providerReference: "pi_1",
    ledgerAmount: { amountMinor: 24_98n, currency: "USD" },
    paymentsAmount: { amountMinor: -5n, currency: "USD" },
    providerAmount: { amountMinor: 2498n, currency: "JPY" },
    ordersAmount: undefined,
    detail: "They differ\u001b[2J.",
  } as const;
  const detail = "They differ: the books 24.98 USD, payments -0.05 USD, the provider 2498 JPY.";
  desk().differences.push(
    difference,
    { ...difference, kind: "DIFFERENCE_KIND_MISSING_IN_LEDGER" },
    { ...difference, detail },
  );
  const { status, out } = await webstore("reconcile");
  expect(status).toBe(1);
  expect(out.split("\n")).toEqual([
    `amount: order ${bookedOrder}, provider pi_1: orders -, payments -0.05 USD, books 24.98 USD, provider 2498 JPY: They differ\ufffd[2J.`,
    expect.stringMatching(/^missing_in_ledger: /),
    `amount: order ${bookedOrder}, provider pi_1: ${detail}`,
    "13 orders, 12 payments and 12 of the provider's, created until a minute before, were compared at 2026-01-02T03:04:05.678Z: 3 differences.",
    "",
  ]);
  const inJson = await webstore("reconcile --json");
  expect(inJson.status).toBe(1);
  expect(JSON.parse(inJson.out).differences).toHaveLength(3);
});

test("what a comparison cannot have is said by the options", async () => {
  const later = "--before must be later than --since";
  await fails("reconcile --since 2026-01-02 --before 2026-01-02", 2, later);
  await fails("reconcile --since 30s", 2, "--since must be more than a minute ago, or --before be given");
  desk().state.wrongWindow = true;
  await fails("reconcile --since 1h", 1, `invalid_request: The request is not valid: ${later}.`);
  expect(desk().compared).toEqual([]);
});

test("the books are listed by order and account, and their balances", async () => {
  const out = await works(`ledger entries --order ${bookedOrder}`);
  expect(out).toMatch(/revenue +-19\.99 USD +OrderCreated/);
  for (const line of out.split("\n")) expect([...line].length).toBeLessThanOrEqual(100);
  expect((await json("ledger entries --account shipping")).entries).toMatchObject([{ account: "shipping" }]);
  expect(await works(`ledger entries --order ${nothing}`)).toBe("No entry matches.\n");
  expect(await works("ledger balances")).toMatch(/customer_receivable +24\.98 USD[\s\S]*The books balance\./);
});

test("mails are listed and sent again", async () => {
  expect(await works("notifications list --status sent")).toMatch(/order_paid +sent +a\*\*\*@example\.com/);
  expect(await works(`notifications list --customer ${nothing}`)).toBe("No mail matches.\n");
  expect(await works(`notifications resend ${sentMail}`)).toMatch(/^It will be sent as [0-9a-f-]{36}\.\n$/);
  expect(desk().mails).toHaveLength(2);
  await fails(`notifications resend ${nothing}`, 1, "notification_not_found");
});

test("a payment that is not there is said so", async () => {
  await fails(`payments resolve ${nothing}`, 1, "payment_not_found");
});

test.each([
  ["nonsense", "unknown command 'nonsense'"],
  ["dlq", "Usage: webstore dlq"],
  ["dlq list --nonsense", "unknown option '--nonsense'"],
  ["dlq list --status asleep", "Allowed choices are dead, scheduled, redriven"],
  ["dlq list --since yesterday", "It must be a time such as"],
  ["dlq list --reason evil", "unknown option '--reason'"],
  ["dlq list --limit 0", "It must be a whole number from 1 to 1000"],
  ["dlq show 12345", "It must be a UUID"],
  ["dlq redrive", "say which: --id, --topic or --event"],
  ["dlq redrive --id x --rate 5", "It must be a UUID"],
  ["dlq redrive --event A --rate 101", "It must be a whole number from 1 to 100"],
  ["sagas list --idle soon", "It must be a time span"],
  ["ledger entries --account cash", "Allowed choices are"],
  ["reconcile --url ftp://example.com", "the URL of the store must be such as"],
  ["reconcile --url http://me:secret@example.com", "the URL of the store must be such as"],
])("`webstore %s` is not understood, and says why", async (args, words) => {
  await fails(args, 2, words);
});

test("npx finds it, and its help fits the screen", async () => {
  const bin = join(import.meta.dirname, "..", "node_modules", ".bin");
  const path = `${bin}:${dirname(process.execPath)}:${process.env.PATH ?? ""}`;
  for (const args of [["--help"], ["dlq", "redrive", "--help"], ["sagas", "list", "--help"]]) {
    const child = spawn(join(bin, "webstore"), args, { env: { PATH: path } });
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    const [status] = await once(child, "close");
    expect([status, out]).toEqual([0, expect.stringMatching("Usage: webstore")]);
    expect(out).toMatch("WEBSTORE_URL");
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
  }
});
