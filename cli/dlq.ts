// `webstore dlq`: the messages that were given up, and sending them on their way again.

import { setTimeout as wait } from "node:timers/promises";
import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type DeadLetter,
  type DeadLetterFilterSchema,
  DeadLetterSchema,
  DeadLetterStatus,
  GetDeadLetterResponseSchema,
  RedriveDeadLettersResponseSchema,
} from "@webstore/proto/es/ops/v1";
import { Argument, type Command, Option } from "commander";
import { connect, globalsOf, type Store } from "./connection.ts";
import { Failure, UsageFailure } from "./failure.ts";
import {
  beforeOption,
  limitOption,
  reasonOption,
  sinceOption,
  upTo,
  uuidOf,
  uuidsOf,
  wholeOf,
} from "./options.ts";
import { age, count, facts, plainLines, say, sayJson, table, timeText } from "./print.ts";

const statuses = {
  dead: DeadLetterStatus.DEAD,
  scheduled: DeadLetterStatus.SCHEDULED,
  redriven: DeadLetterStatus.REDRIVEN,
} as const;
type Status = keyof typeof statuses;
type Filter = MessageInitShape<typeof DeadLetterFilterSchema>;

type FilterOptions = {
  readonly topic?: string;
  readonly event?: string;
  readonly error?: string;
  readonly status?: Status;
  readonly since?: Date;
  readonly before?: Date;
  readonly id?: readonly string[];
};

const json = { useProtoFieldName: true, alwaysEmitImplicit: true };
const lookEveryMs = 1_000;
const looksWithoutProgressMax = 60;
/** What is refused is back at once. What is tried again first takes longer than anybody wants to wait here. */
const comebackLooks = 5;

export function addDlq(program: Command): void {
  const dlq = program.command("dlq").description("messages that were given up (dead letters)");
  withFilter(dlq.command("list"))
    .description("list dead letters, the newest first")
    .addOption(limitOption())
    .action(list);
  dlq
    .command("show")
    .description("one dead letter with its message")
    .addArgument(new Argument("<id>").argParser(uuidOf))
    .action(show);
  withFilter(dlq.command("redrive"))
    .description(
      "publish dead letters again, the oldest first; by --id, --topic or --event at least. What came back 3 times stays",
    )
    .option("--dry-run", "only count")
    .addOption(new Option("--rate <n>", "how many a second").argParser(wholeOf(1, 100)).default(10))
    .addOption(new Option("--max <n>", "how many at most").argParser(wholeOf(1, 1_000)).default(100))
    .addOption(reasonOption())
    .option("--no-wait", "do not watch until they are out; --json does not either")
    .action(redrive);
}

function withFilter(command: Command): Command {
  return command
    .option("--topic <name>", "from this topic, such as order-events")
    .option("--event <name>", "of this event, such as OrderCreated")
    .option("--error <text>", "with this in what went wrong")
    .addOption(new Option("--status <status>", "in this status").choices(Object.keys(statuses)))
    .addOption(sinceOption("came at or after this"))
    .addOption(beforeOption("came before this"))
    .addOption(new Option("--id <id>", "this one; may be repeated").argParser(uuidsOf));
}

function filterOf(is: FilterOptions): Filter {
  return {
    deadLetterIds: [...(is.id ?? [])],
    sourceTopic: is.topic ?? "",
    eventName: is.event ?? "",
    errorContains: is.error ?? "",
    status: is.status === undefined ? DeadLetterStatus.UNSPECIFIED : statuses[is.status],
    ...(is.since === undefined ? {} : { createdSince: timestampFromDate(is.since) }),
    ...(is.before === undefined ? {} : { createdBefore: timestampFromDate(is.before) }),
  };
}

async function lettersOf({ ops }: Store, filter: Filter, limit: number) {
  return upTo<DeadLetter>(limit, async (page) => {
    const { deadLetters, nextPageToken } = await ops.listDeadLetters({ filter, ...page });
    return { items: deadLetters, next: nextPageToken };
  });
}

async function list(is: FilterOptions & { readonly limit: number }, command: Command): Promise<void> {
  const { items, more } = await lettersOf(await connect(command), filterOf(is), is.limit);
  if (globalsOf(command).json) {
    sayJson({ dead_letters: items.map((letter) => toJson(DeadLetterSchema, letter, json)), more });
    return;
  }
  if (items.length === 0) {
    say("No dead letter matches.");
    return;
  }
  const nowMs = Date.now();
  const columns = [
    { title: "ID", of: (letter: DeadLetter) => letter.deadLetterId },
    { title: "AGE", right: true, of: (letter: DeadLetter) => ageOf(letter, nowMs) },
    { title: "EVENT", max: 20, of: (letter: DeadLetter) => letter.eventName || `(${letter.sourceTopic})` },
    { title: "STATUS", of: (letter: DeadLetter) => statusOf(letter) },
    { title: "GROUP", max: 13, of: (letter: DeadLetter) => letter.consumerGroup || "-" },
    { title: "ERROR", cut: true, of: (letter: DeadLetter) => letter.errorReason },
  ] as const;
  say(...table(columns, items));
  if (more) say(`There are more than ${items.length}; --limit shows more of them.`);
}

async function show(id: string, _is: object, command: Command): Promise<void> {
  const { ops } = await connect(command);
  const answer = await ops.getDeadLetter({ deadLetterId: id });
  if (globalsOf(command).json) {
    sayJson(toJson(GetDeadLetterResponseSchema, answer, json));
    return;
  }
  const { deadLetter: letter, value } = answer;
  if (letter === undefined) throw new Failure("the store answered without the dead letter");
  say(
    ...facts([
      ["id", letter.deadLetterId],
      ["status", statusOf(letter)],
      ["event", letter.eventName],
      ["from", `${letter.sourceTopic} ${letter.sourcePartition}/${letter.sourceOffset}`],
      ["key", letter.keyText],
      ["came", timeText(letter.createTime && timestampMs(letter.createTime))],
      ["attempts", String(letter.attempts)],
      ["redrives", String(letter.redrives)],
      ["correlation", letter.correlationId],
      ["given up by", letter.consumerGroup],
      ["error", letter.errorReason],
    ]),
    "",
    messageText(value),
  );
}

/** JSON is laid out; what is no text is not printed. */
function messageText(value: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return `The message is ${count(value.length, "byte")} that are no text; --json has them in base64.`;
  }
  try {
    return plainLines(JSON.stringify(JSON.parse(text), null, 2));
  } catch {
    return plainLines(text);
  }
}

type RedriveOptions = FilterOptions & {
  readonly dryRun?: boolean;
  readonly rate: number;
  readonly max: number;
  readonly reason?: string;
  readonly wait: boolean;
};

async function redrive(is: RedriveOptions, command: Command): Promise<void> {
  if (is.id === undefined && is.topic === undefined && is.event === undefined) {
    throw new UsageFailure("say which: --id, --topic or --event");
  }
  const store = await connect(command);
  const { json: inJson } = globalsOf(command);
  // What is scheduled or redriven does not go again, so it is not counted either.
  const filter = filterOf({ ...is, status: is.status ?? "dead" });
  const isWatched = is.wait && !is.dryRun && !inJson;
  const comeback = isWatched ? await awaitedComeback(store, filter) : undefined;
  const answer = await store.ops.redriveDeadLetters({
    filter,
    dryRun: is.dryRun ?? false,
    ratePerSecond: is.rate,
    lettersMax: is.max,
    reason: is.reason ?? "",
  });
  if (inJson) {
    sayJson(toJson(RedriveDeadLettersResponseSchema, answer, json));
    return;
  }
  const { matched, scheduled, looping } = answer;
  if (matched === 0) {
    say("No dead letter matches that was not redriven already.");
    return;
  }
  const stays = looping === 0 ? "" : ` ${looping} came back 3 times and would only come back again.`;
  if (is.dryRun) {
    say(`${count(matched, "dead letter")} match${matched === 1 ? "es" : ""}; ${scheduled} would go.${stays}`);
    return;
  }
  say(`${scheduled} of ${matched} will go, ${is.rate} a second.${stays}`);
  if (comeback !== undefined && scheduled > 0) {
    await watch(store, { ...filter, status: DeadLetterStatus.SCHEDULED }, scheduled, comeback);
  }
}

type Comeback = { readonly filter: Filter; readonly known: ReadonlySet<string> };

/**
 * How those that come back will be told from those that are there now: a letter comes back as a new one, later by the
 * store's own clock, with the same topic and event, but maybe with another error.
 */
async function awaitedComeback(store: Store, { sourceTopic, eventName }: Filter): Promise<Comeback> {
  const filter = { sourceTopic: sourceTopic ?? "", eventName: eventName ?? "" };
  const { items } = await lettersOf(store, filter, 100);
  const newest = items[0]?.createTime;
  return {
    filter: {
      ...filter,
      status: DeadLetterStatus.DEAD,
      ...(newest === undefined ? {} : { createdSince: newest }),
    },
    known: new Set(items.map(({ deadLetterId }) => deadLetterId)),
  };
}

/** Until none is scheduled any more and those that fail at once are back, or somebody has seen enough. */
async function watch(store: Store, filter: Filter, scheduled: number, comeback: Comeback): Promise<void> {
  const enough = new AbortController();
  const stop = () => enough.abort();
  process.once("SIGINT", stop);
  let areOut = false;
  try {
    await watchOut(store, filter, scheduled, enough.signal);
    say(`All ${scheduled} are out.`);
    areOut = true;
    say(comebackText(await watchComeback(store, comeback, scheduled, enough.signal)));
  } catch (error) {
    if (!enough.signal.aborted) throw error;
    say(
      areOut
        ? "Whether they come back was not waited for; `webstore dlq list --status dead` shows it."
        : "It goes on by itself; `webstore dlq list --status scheduled` shows what is left.",
    );
  } finally {
    process.removeListener("SIGINT", stop);
  }
}

async function watchOut(store: Store, filter: Filter, scheduled: number, signal: AbortSignal): Promise<void> {
  let before = scheduled;
  for (let looks = 0; looks < looksWithoutProgressMax; looks += 1) {
    const { items } = await lettersOf(store, filter, 1_000);
    const left = items.length;
    if (left === 0) return;
    if (left !== before) looks = 0;
    if (left !== before || looks === 0) say(`${Math.max(0, scheduled - left)} out, ${left} to go`);
    before = left;
    await wait(lookEveryMs, undefined, { signal });
  }
  throw new Failure("nothing has gone out for a minute; does the order-processor run?");
}

/** How many are back after a few looks; fewer when all are. */
async function watchComeback(
  store: Store,
  { filter, known }: Comeback,
  scheduled: number,
  signal: AbortSignal,
): Promise<number> {
  let back = 0;
  for (let looks = 0; looks < comebackLooks && back < scheduled; looks += 1) {
    await wait(lookEveryMs, undefined, { signal });
    const { items } = await lettersOf(store, filter, 1_000);
    back = items.filter(({ deadLetterId, redrives }) => redrives > 0 && !known.has(deadLetterId)).length;
  }
  return back;
}

function comebackText(back: number): string {
  return back === 0
    ? "None has come back so far; `webstore dlq list --status dead` shows whether one does."
    : `${back} came back since; \`webstore dlq list --status dead\` shows why.`;
}

const ageOf = (letter: DeadLetter, nowMs: number) =>
  age(letter.createTime && timestampMs(letter.createTime), nowMs);

function statusOf({ status, redrives }: DeadLetter): string {
  const name = Object.entries(statuses).find(([, value]) => value === status)?.[0] ?? "unknown";
  return redrives === 0 ? name : `${name} ×${redrives}`;
}
