// What the simulators of other companies have in common: a JSON API on a port, state in a
// file, failures on demand, a clean stop. Like the companies they stand for, they know
// nothing of the store: no telemetry, no kit. This is the package's public face.

import { join } from "node:path";
import { z } from "zod";
import { adminPrefix, adminRoutes } from "./admin.ts";
import { type Database, memoryOf, openDatabase } from "./database.ts";
import { createFailures, type FailureRate, neverFails } from "./failures.ts";
import { startJsonServer } from "./json-server.ts";
import type { Route } from "./route.ts";

export type { Database } from "./database.ts";
export { type Answer, type Route, refusal, route } from "./route.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A started simulator. `urls.http` is where it listens, with the real port. */
export type Running = {
  readonly name: string;
  readonly urls: Record<string, string>;
  stop(): Promise<void>;
};

const portShape = z.coerce.number().int().min(0).max(65_535);
const seedShape = z.coerce.number().int().min(0).max(4_294_967_295).default(1);

/** The variables that every simulator reads. Each adds its own port and seed, under its own name. */
export const commonSettings = {
  APP_HOST: z.string().min(1).default("127.0.0.1"),
  DATA_DIR: z.string().min(1).default(".webstore"),
  /** `table` switches the documented failure rate on, `none` every rate off; unset keeps what was set last. */
  FAILURES: z.enum(["none", "table"]).optional(),
};

export const portSetting = (port: number) => portShape.default(port);
export const seedSetting = seedShape;

/** Reads the variables that `settings` names; throws with every problem at once. */
export function readSettings<Shape extends z.ZodRawShape>(
  name: string,
  settings: Shape,
  env: Environment,
): z.output<z.ZodObject<Shape>> {
  // An empty variable is one that is not set.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = z.object(settings).safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`${name} cannot start with these settings:\n${problems.join("\n")}`);
}

export type Simulator = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly seed: number;
  /** Undefined keeps the one that was set last over the admin API. */
  readonly failureRate: FailureRate | undefined;
  readonly migrations: readonly string[];
  /** The API on its open database, and how to forget all data. */
  readonly serve: (database: Database) => {
    readonly routes: readonly Route[];
    readonly clearData: () => void;
  };
};

/** The rate that a simulator's configuration asks for, if it does. */
export function failureRateOf(
  failures: "none" | "table" | undefined,
  table: FailureRate,
): FailureRate | undefined {
  if (failures === undefined) return undefined;
  return failures === "table" ? table : neverFails;
}

export async function startSimulator(is: Simulator): Promise<Running> {
  const database = openDatabase(join(is.dataDir, `${is.name}.sqlite`), is.migrations);
  try {
    const { routes, clearData } = is.serve(database);
    const failures = createFailures({
      seed: is.seed,
      rate: is.failureRate,
      memory: memoryOf(database, "failures"),
    });
    const server = await startJsonServer({
      name: is.name,
      host: is.host,
      port: is.port,
      routes: [...routes, ...adminRoutes(failures, clearData)],
      disturb: (method, path) => (path.startsWith(adminPrefix) ? undefined : failures.disturb(method, path)),
    });
    return {
      name: is.name,
      urls: { http: server.url },
      async stop() {
        await server.stop();
        if (database.sql.isOpen) database.close();
      },
    };
  } catch (error) {
    database.close();
    if (!isPortTaken(error)) throw error;
    throw new Error(`${is.name} cannot listen: port ${is.port} on ${is.host} is taken`, { cause: error });
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

/** Runs one simulator as its own process, until SIGTERM or SIGINT. */
export async function runUntilSignal(start: (env: Environment) => Promise<Running>): Promise<void> {
  try {
    const running = await start(process.env);
    console.log(`${running.name} listens on ${running.urls.http}`);
    const stop = () => void running.stop().catch(failed);
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
  } catch (error) {
    failed(error);
  }
}

function failed(error: unknown): void {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
