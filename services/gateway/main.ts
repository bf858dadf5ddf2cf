// The gateway's process: REST and Connect on one HTTP server, gRPC by the kit.

import { run, service } from "@webstore/kit";
import { gatewayConfig } from "./config.ts";
import { gateway } from "./definition.ts";
import { startHttp } from "./http.ts";
import { ops } from "./ops.ts";
import { rpc } from "./rpc.ts";

export const program = service(gateway, {
  config: gatewayConfig,
  start: async (process) => {
    const { config, ports, newId } = process;
    const handlers = rpc(ports, {
      currency: config.STORE_CURRENCY,
      checkoutWaitMs: config.CHECKOUT_WAIT_MS,
      newId,
    });
    const http = await startHttp({ ...process, storefront: handlers, ops: ops(process) });
    return { handlers, urls: { http: http.url }, drain: http.stop };
  },
});

if (import.meta.main) await run(program);
