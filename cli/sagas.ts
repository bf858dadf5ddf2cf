// `webstore sagas`: where orders stand on their way, and setting a stuck one going again, forwards or back.

import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  GetSagaResponseSchema,
  JournalKind,
  type Saga,
  SagaSchema,
  SagaStatus,
} from "@webstore/proto/es/ops/v1";
import { Argument, type Command, Option } from "commander";
import { connect, globalsOf, type Store } from "./connection.ts";
import { Failure } from "./failure.ts";
import { limitOption, requiredReasonOption, secondsOf, upTo, uuidOf } from "./options.ts";
import { age, facts, say, sayJson, table, timeText } from "./print.ts";

const statuses = {
  running: SagaStatus.RUNNING,
  done: SagaStatus.DONE,
  compensating: SagaStatus.COMPENSATING,
  undone: SagaStatus.UNDONE,
  stuck: SagaStatus.STUCK,
} as const;
const json = { useProtoFieldName: true, alwaysEmitImplicit: true };
const id = () => new Argument("<id>", "the saga's").argParser(uuidOf);

export function addSagas(program: Command): void {
  const sagas = program.command("sagas").description("orders on their way (sagas)");
  sagas
    .command("list")
    .description("list sagas, the one that changed last first")
    .addOption(new Option("--status <status>", "in this status").choices(Object.keys(statuses)))
    .option("--name <name>", "of this name, such as place-order")
    .addOption(new Option("--order <id>", "of this order").argParser(uuidOf))
    .addOption(
      new Option("--idle <span>", "that have not changed for so long, such as 5m").argParser(secondsOf),
    )
    .addOption(limitOption())
    .action(list);
  sagas.command("show").description("one saga with its journal").addArgument(id()).action(show);
  sagas
    .command("retry")
    .description("let a stuck saga go on now, with all its attempts")
    .usage("--reason <why> [options] <id>")
    .addArgument(id())
    .addOption(requiredReasonOption())
    .action((sagaId: string, is: { reason: string }, command: Command) =>
      change(command, ({ ops }) => ops.retrySaga({ sagaId, reason: is.reason })),
    );
  sagas
    .command("compensate")
    .description("make a saga undo what it did")
    .usage("--reason <why> [options] <id>")
    .addArgument(id())
    .addOption(requiredReasonOption())
    .action((sagaId: string, is: { reason: string }, command: Command) =>
      change(command, ({ ops }) => ops.compensateSaga({ sagaId, reason: is.reason })),
    );
}

type ListOptions = {
  readonly status?: keyof typeof statuses;
  readonly name?: string;
  readonly order?: string;
  readonly idle?: number;
  readonly limit: number;
};

async function list(is: ListOptions, command: Command): Promise<void> {
  const { ops } = await connect(command);
  const { items, more } = await upTo<Saga>(is.limit, async (page) => {
    const { sagas, nextPageToken } = await ops.listSagas({
      status: is.status === undefined ? SagaStatus.UNSPECIFIED : statuses[is.status],
      name: is.name ?? "",
      orderId: is.order ?? "",
      idleSecondsMin: is.idle ?? 0,
      ...page,
    });
    return { items: sagas, next: nextPageToken };
  });
  if (globalsOf(command).json) {
    sayJson({ sagas: items.map((saga) => toJson(SagaSchema, saga, json)), more });
    return;
  }
  if (items.length === 0) {
    say("No saga matches.");
    return;
  }
  const nowMs = Date.now();
  const columns = [
    { title: "ID", of: (saga: Saga) => saga.sagaId },
    { title: "NAME", of: (saga: Saga) => saga.name },
    { title: "STATUS", of: statusOf },
    { title: "IDLE", right: true, of: (saga: Saga) => age(msOf(saga.updateTime), nowMs) },
    { title: "TRIES", right: true, of: (saga: Saga) => (saga.step === "" ? "" : String(saga.attempts)) },
    { title: "STEP", cut: true, of: (saga: Saga) => saga.step },
  ] as const;
  say(...table(columns, items));
  if (more) say(`There are more than ${items.length}; --limit shows more of them.`);
}

async function show(sagaId: string, _is: object, command: Command): Promise<void> {
  const { ops } = await connect(command);
  const answer = await ops.getSaga({ sagaId });
  if (globalsOf(command).json) {
    sayJson(toJson(GetSagaResponseSchema, answer, json));
    return;
  }
  say(...sagaFacts(answer.saga));
  if (answer.journal.length === 0) return;
  const columns = [
    { title: "AT", of: (line: (typeof answer.journal)[number]) => timeText(msOf(line.at)) },
    { title: "STEP", of: (line: (typeof answer.journal)[number]) => line.step },
    { title: "WHAT", of: (line: (typeof answer.journal)[number]) => kindOf(line.kind) },
    { title: "ERROR", cut: true, of: (line: (typeof answer.journal)[number]) => line.errorReason },
  ] as const;
  say("", ...table(columns, answer.journal));
}

async function change(
  command: Command,
  ask: (store: Store) => Promise<{ saga?: Saga | undefined }>,
): Promise<void> {
  const { saga } = await ask(await connect(command));
  if (saga !== undefined && globalsOf(command).json) sayJson(toJson(SagaSchema, saga, json));
  else say(...sagaFacts(saga));
}

function sagaFacts(saga: Saga | undefined): string[] {
  if (saga === undefined) throw new Failure("the store answered without the saga");
  return facts([
    ["id", saga.sagaId],
    ["name", `${saga.name} (${saga.service})`],
    ["order", saga.orderId],
    ["status", statusOf(saga)],
    ["step", saga.step === "" ? "" : `${saga.step}, tried ${saga.attempts} times`],
    ["error", saga.errorReason],
    ["in hand until", timeText(msOf(saga.leaseUntil))],
    ["begun", timeText(msOf(saga.createTime))],
    ["changed", timeText(msOf(saga.updateTime))],
  ]);
}

function statusOf({ status }: Saga): string {
  return Object.entries(statuses).find(([, value]) => value === status)?.[0] ?? "unknown";
}

/** `UNDO_FAILED` is `undo failed`. */
function kindOf(kind: JournalKind): string {
  const name = Object.entries(JournalKind).find(([, value]) => value === kind)?.[0] ?? "unknown";
  return name.toLowerCase().replaceAll("_", " ");
}

const msOf = (at: Timestamp | undefined) => (at === undefined ? undefined : timestampMs(at));
