// What stands behind the operator's desk, for the tests of the gateway and of the CLI: a few sagas, dead letters, mails,
// entries and what staff did, in memory, that change as the contracts say. Who calls is not checked here: the kit does.

import { randomUUID } from "node:crypto";
import { defineRefusals, type HandlersOf, invalidRequest, Outage } from "@webstore/kit";
import type { Difference, LedgerEntry, LedgerServiceDefinition } from "@webstore/proto/ledger/v1";
import type { Notification, NotificationServiceDefinition } from "@webstore/proto/notifications/v1";
import type { OrderServiceDefinition } from "@webstore/proto/orders/v1";
import type { Saga } from "@webstore/proto/orders/v1/sagas";
import type {
  AuditEntry,
  DeadLetter,
  DeadLetterFilter,
  ProcessingServiceDefinition,
} from "@webstore/proto/processing/v1";

export const stuckSaga = "aaaaaaaa-0000-4000-8000-000000000001";
export const doneSaga = "aaaaaaaa-0000-4000-8000-000000000002";
export const deadLetter = "bbbbbbbb-0000-4000-8000-000000000001";
export const sentMail = "cccccccc-0000-4000-8000-000000000001";
export const bookedOrder = "dddddddd-0000-4000-8000-000000000001";

const refusals = defineRefusals("testing-desk", {
  saga_not_found: { code: "NOT_FOUND", caller: "There is no such saga.", operator: "" },
  saga_ended: { code: "FAILED_PRECONDITION", caller: "Cancel the order instead.", operator: "" },
  dead_letter_not_found: { code: "NOT_FOUND", caller: "There is no such dead letter.", operator: "" },
  notification_not_found: { code: "NOT_FOUND", caller: "There is no such notification.", operator: "" },
});

type SagaRpcs = Pick<
  HandlersOf<typeof OrderServiceDefinition>,
  "listSagas" | "getSaga" | "retrySaga" | "compensateSaga"
>;

type DeskState = { auditUp: boolean; comesBack: boolean; wrongWindow: boolean };

export type TestingDesk = {
  readonly sagas: SagaRpcs;
  readonly ledger: HandlersOf<typeof LedgerServiceDefinition>;
  readonly notifications: HandlersOf<typeof NotificationServiceDefinition>;
  readonly orderProcessor: HandlersOf<typeof ProcessingServiceDefinition>;
  /** What was written to the audit log, the oldest first. */
  readonly audit: AuditEntry[];
  readonly letters: DeadLetter[];
  readonly mails: Notification[];
  /** What a comparison finds. */
  readonly differences: Difference[];
  /** What comparisons were asked for. */
  readonly compared: { createdSince: Date | undefined; createdBefore: Date | undefined }[];
  /** Whether the audit log can be written to, whether what is redriven comes back, and whether a comparison is refused. */
  readonly state: DeskState;
  /** Everything as it was at first. */
  reset(): void;
};

const at = new Date("2026-01-02T03:04:05.678Z");
const usd = (amountMinor: bigint) => ({ amountMinor, currency: "USD" });

export function testingDesk(): TestingDesk {
  const state: DeskState = { auditUp: true, comesBack: false, wrongWindow: false };
  const audit: AuditEntry[] = [];
  const differences: Difference[] = [];
  const compared: TestingDesk["compared"] = [];
  const sagas = new Map<string, Saga>();
  const letters: DeadLetter[] = [];
  const mails: Notification[] = [];
  const reset = () => {
    state.auditUp = true;
    state.comesBack = false;
    state.wrongWindow = false;
    for (const list of [audit, differences, compared, letters, mails]) list.length = 0;
    for (const saga of firstSagas()) sagas.set(saga.sagaId, saga);
    letters.push(...firstLetters());
    mails.push(mail(sentMail));
  };
  reset();
  return {
    sagas: sagaRpcs(sagas),
    ledger: ledgerRpcs(differences, compared, state),
    notifications: notificationRpcs(mails),
    orderProcessor: processingRpcs(letters, audit, state),
    audit,
    letters,
    mails,
    differences,
    compared,
    state,
    reset,
  };
}

function sagaRpcs(sagas: Map<string, Saga>): SagaRpcs {
  const find = (sagaId: string) => {
    const saga = sagas.get(sagaId);
    if (saga === undefined) throw refusals.refuse("saga_not_found");
    return saga;
  };
  const change = (sagaId: string, status: Saga["status"]) => {
    const saga = find(sagaId);
    if (saga.status === "SAGA_STATUS_DONE") throw refusals.refuse("saga_ended");
    saga.status = status;
    return { saga };
  };
  return {
    listSagas: async ({ status, name, orderId, pageSize, pageToken }) => {
      const all = [...sagas.values()].filter(
        (saga) =>
          (status === "SAGA_STATUS_UNSPECIFIED" || saga.status === status) &&
          (name === "" || saga.name === name) &&
          (orderId === "" || saga.orderId === orderId),
      );
      const { items, nextPageToken } = paged(all, pageSize, pageToken);
      return { sagas: items, nextPageToken };
    },
    getSaga: async ({ sagaId }) => ({
      saga: find(sagaId),
      journal: [
        { step: "reservation", kind: "JOURNAL_KIND_DO_FINISHED", at, errorReason: "" },
        { step: "capture", kind: "JOURNAL_KIND_DO_FAILED", at, errorReason: "payments: UNAVAILABLE" },
      ],
    }),
    retrySaga: async ({ sagaId }) => change(sagaId, "SAGA_STATUS_RUNNING"),
    compensateSaga: async ({ sagaId }) => change(sagaId, "SAGA_STATUS_COMPENSATING"),
  };
}

function ledgerRpcs(differences: readonly Difference[], compared: TestingDesk["compared"], state: DeskState) {
  const entries: LedgerEntry[] = (
    [
      ["ACCOUNT_CUSTOMER_RECEIVABLE", 24_98n],
      ["ACCOUNT_REVENUE", -19_99n],
      ["ACCOUNT_SHIPPING", -4_99n],
    ] as const
  ).map(([account, amountMinor], index) => ({
    entryId: `eeeeeeee-0000-4000-8000-00000000000${index}`,
    transactionId: "ffffffff-0000-4000-8000-000000000001",
    orderId: bookedOrder,
    paymentId: "",
    account,
    amount: usd(amountMinor),
    event: "OrderCreated",
    createTime: at,
  }));
  return {
    listEntries: async ({ orderId, account, pageSize, pageToken }) => {
      const all = entries.filter(
        (entry) =>
          (orderId === "" || entry.orderId === orderId) &&
          (account === "ACCOUNT_UNSPECIFIED" || entry.account === account),
      );
      const { items, nextPageToken } = paged(all, pageSize, pageToken);
      return { entries: items, nextPageToken };
    },
    getBalances: async () => ({
      balances: entries.map(({ account, amount }) => ({ account, balance: amount })),
      imbalances: [],
    }),
    reconcile: async ({ createdSince, createdBefore }) => {
      if (state.wrongWindow) throw invalidRequest("created_before", "must be later than created_since");
      compared.push({ createdSince, createdBefore });
      return {
        differences: [...differences],
        truncated: false,
        paymentsCompared: 12,
        ordersCompared: 13,
        providerPaymentsCompared: 12,
        at,
      };
    },
  } satisfies HandlersOf<typeof LedgerServiceDefinition>;
}

function notificationRpcs(mails: Notification[]): HandlersOf<typeof NotificationServiceDefinition> {
  return {
    listNotifications: async ({ orderId, customerId, status, pageSize, pageToken }) => {
      const all = mails.filter(
        (each) =>
          (orderId === "" || each.orderId === orderId) &&
          (customerId === "" || each.customerId === customerId) &&
          (status === "NOTIFICATION_STATUS_UNSPECIFIED" || each.status === status),
      );
      const { items, nextPageToken } = paged(all, pageSize, pageToken);
      return { notifications: items, nextPageToken };
    },
    resendNotification: async ({ notificationId, resendId }) => {
      if (!mails.some((each) => each.notificationId === notificationId)) {
        throw refusals.refuse("notification_not_found");
      }
      const known = mails.find((each) => each.notificationId === resendId);
      const notification = known ?? { ...mail(resendId), status: "NOTIFICATION_STATUS_PENDING" };
      if (known === undefined) mails.unshift(notification);
      return { notification };
    },
  };
}

function processingRpcs(letters: DeadLetter[], audit: AuditEntry[], state: DeskState) {
  return {
    listDeadLetters: async ({ filter, pageSize, pageToken }) => {
      const { items, nextPageToken } = paged(matching(letters, filter), pageSize, pageToken);
      const answer = items.map((letter) => ({ ...letter }));
      // One goes out whenever somebody looks, so that who watches sees an end.
      const out = letters.find((letter) => letter.status === "DEAD_LETTER_STATUS_SCHEDULED");
      if (out !== undefined) {
        out.status = "DEAD_LETTER_STATUS_REDRIVEN";
        if (state.comesBack) letters.unshift(comeback(out));
      }
      return { deadLetters: answer, nextPageToken };
    },
    getDeadLetter: async ({ deadLetterId }) => {
      const letter = letters.find((each) => each.deadLetterId === deadLetterId);
      if (letter === undefined) throw refusals.refuse("dead_letter_not_found");
      // The last is no event, and tries to change the colour of a terminal.
      const text = letter.eventName === "" ? "\u001b[31mred" : JSON.stringify({ name: letter.eventName });
      const value = Buffer.from(text);
      return { deadLetter: letter, key: Buffer.from(letter.keyText), value };
    },
    redriveDeadLetters: async ({ filter, dryRun, lettersMax, actorId, reason }) => {
      const matched = matching(letters, filter);
      const looping = matched.filter((letter) => letter.redrives >= 3);
      const due = matched
        .filter((letter) => letter.redrives < 3 && letter.status === "DEAD_LETTER_STATUS_DEAD")
        .slice(0, lettersMax || 100);
      if (!dryRun) {
        for (const letter of due) letter.status = "DEAD_LETTER_STATUS_SCHEDULED";
        const auditEntryId = randomUUID();
        audit.push({ auditEntryId, actorId, action: "RedriveDeadLetters", subject: "", detail: reason, at });
      }
      return { matched: matched.length, scheduled: due.length, looping: looping.length };
    },
    recordAudit: async (entry) => {
      if (!state.auditUp) throw new Outage("postgres", "postgres: connection refused");
      if (!audit.some(({ auditEntryId }) => auditEntryId === entry.auditEntryId))
        audit.push({ ...entry, at });
      return {};
    },
    listAuditEntries: async ({ actorId, subject, pageSize, pageToken }) => {
      const all = audit
        .toReversed()
        .filter(
          (entry) =>
            (actorId === "" || entry.actorId === actorId) && (subject === "" || entry.subject === subject),
        );
      const { items, nextPageToken } = paged(all, pageSize, pageToken);
      return { entries: items, nextPageToken };
    },
  } satisfies HandlersOf<typeof ProcessingServiceDefinition>;
}

function matching(letters: readonly DeadLetter[], filter: DeadLetterFilter | undefined): DeadLetter[] {
  if (filter === undefined) return [...letters];
  return letters.filter(
    (letter) =>
      (filter.deadLetterIds.length === 0 || filter.deadLetterIds.includes(letter.deadLetterId)) &&
      (filter.sourceTopic === "" || letter.sourceTopic === filter.sourceTopic) &&
      (filter.eventName === "" || letter.eventName === filter.eventName) &&
      letter.errorReason.includes(filter.errorContains) &&
      (filter.status === "DEAD_LETTER_STATUS_UNSPECIFIED" || letter.status === filter.status) &&
      (filter.createdSince === undefined || (letter.createTime ?? at) >= filter.createdSince) &&
      (filter.createdBefore === undefined || (letter.createTime ?? at) < filter.createdBefore),
  );
}

/** The page token is the place of the page's first. */
function paged<T>(all: readonly T[], pageSize: number, pageToken: string) {
  const from = Number(pageToken);
  if (Number.isNaN(from)) throw invalidRequest("page_token", "is not one of ours");
  const to = from + (pageSize || 20);
  return { items: all.slice(from, to), nextPageToken: to < all.length ? String(to) : "" };
}

function firstSagas(): Saga[] {
  const stuck: Saga = {
    sagaId: stuckSaga,
    name: "place-order",
    orderId: stuckSaga,
    status: "SAGA_STATUS_STUCK",
    step: "capture",
    attempts: 10,
    errorReason: "payments: UNAVAILABLE",
    leaseUntil: undefined,
    createTime: at,
    updateTime: at,
  };
  const done = { sagaId: doneSaga, orderId: doneSaga, step: "", errorReason: "" };
  return [stuck, { ...stuck, ...done, status: "SAGA_STATUS_DONE" }];
}

function firstLetters(): DeadLetter[] {
  return [1, 2, 3, 4].map((number) => ({
    deadLetterId: `bbbbbbbb-0000-4000-8000-00000000000${number}`,
    sourceTopic: "order-events",
    sourcePartition: 0,
    sourceOffset: BigInt(number),
    eventName: number === 4 ? "" : "OrderCreated",
    keyText: bookedOrder,
    correlationId: "",
    consumerGroup: number === 2 ? "order-processing-group" : "",
    errorReason: number === 3 ? "\u001b[31mevil\nprice_mismatch" : "price_mismatch: 19.99 is not 20.00",
    attempts: 4,
    redrives: number === 3 ? 3 : 0,
    status: "DEAD_LETTER_STATUS_DEAD",
    createTime: at,
  }));
}

/** A second later, with another error. */
function comeback(letter: DeadLetter): DeadLetter {
  return {
    ...letter,
    deadLetterId: randomUUID(),
    errorReason: "Refusal: orders/order_not_found",
    redrives: letter.redrives + 1,
    status: "DEAD_LETTER_STATUS_DEAD",
    createTime: new Date(at.getTime() + 1_000),
  };
}

function mail(notificationId: string): Notification {
  return {
    notificationId,
    orderId: bookedOrder,
    customerId: "00000000-0000-4000-8000-000000000001",
    kind: "order_paid",
    recipientMasked: "a***@example.com",
    subject: "Your order is paid",
    status: "NOTIFICATION_STATUS_SENT",
    attempts: 1,
    errorReason: "",
    createTime: at,
    sentTime: at,
  };
}
