// The CRM simulator: a company that keeps what is known about our customers.

import {
  commonSettings,
  type Environment,
  failureRateOf,
  portSetting,
  type Running,
  readSettings,
  runUntilSignal,
  seedSetting,
  startSimulator,
} from "@webstore/simulator";
import { migrations, openCrmStore } from "./crm-store.ts";
import { crmRoutes } from "./routes.ts";

const failureTable = { rate: 0.08, codes: [400, 404, 500, 503] };

const settings = { ...commonSettings, CRM_PORT: portSetting(3002), CRM_SEED: seedSetting };

export async function start(env: Environment): Promise<Running> {
  const set = readSettings("crm", settings, env);
  return startSimulator({
    name: "crm",
    host: set.APP_HOST,
    port: set.CRM_PORT,
    dataDir: set.DATA_DIR,
    seed: set.CRM_SEED,
    failureRate: failureRateOf(set.FAILURES, failureTable),
    migrations,
    serve(database) {
      const store = openCrmStore(database, { now: () => new Date() });
      return { routes: crmRoutes(store), clearData: store.clear };
    },
  });
}

if (import.meta.main) await runUntilSignal(start);
