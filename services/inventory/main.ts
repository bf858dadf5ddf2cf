// The inventory simulator: a company that keeps our stock.

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
import { z } from "zod";
import { migrations, openInventoryStore } from "./inventory-store.ts";
import { inventoryRoutes } from "./routes.ts";

const failureTable = { rate: 0.1, codes: [400, 404, 500, 503] };

const settings = {
  ...commonSettings,
  INVENTORY_PORT: portSetting(3003),
  INVENTORY_SEED: seedSetting,
  /** Units of a product that was never heard of before; so many that a demo does not run dry. */
  INVENTORY_DEFAULT_STOCK: z.coerce.number().int().min(0).max(1_000_000_000).default(100_000),
};

export async function start(env: Environment): Promise<Running> {
  const set = readSettings("inventory", settings, env);
  return startSimulator({
    name: "inventory",
    host: set.APP_HOST,
    port: set.INVENTORY_PORT,
    dataDir: set.DATA_DIR,
    seed: set.INVENTORY_SEED,
    failureRate: failureRateOf(set.FAILURES, failureTable),
    migrations,
    serve(database) {
      const store = openInventoryStore(database, {
        stockDefault: set.INVENTORY_DEFAULT_STOCK,
        now: () => new Date(),
      });
      return { routes: inventoryRoutes(store), clearData: store.clear };
    },
  });
}

if (import.meta.main) await runUntilSignal(start);
