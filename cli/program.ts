// All commands, and the options that every one of them has.

import { Command, Option } from "commander";
import { addAudit } from "./audit.ts";
import { addDlq } from "./dlq.ts";
import { addLedger } from "./ledger.ts";
import { addLogin } from "./login.ts";
import { addNew } from "./new-service.ts";
import { addNotifications } from "./notifications.ts";
import { addPayments } from "./payments.ts";
import { addReconcile } from "./reconcile.ts";
import { addSagas } from "./sagas.ts";

const helpWidth = 100;

const closing = `
Tokens are better given by WEBSTORE_TOKEN than by --token, which other users of this machine can see:
  export WEBSTORE_TOKEN=$(npx webstore login grace)
A store on this machine is spoken to with the demo's token of an admin when there is none.

Times are such as 2026-01-02, 2026-01-02T03:04:05Z, or 30m, 2h, 7d ago.
Exit status: 0 done, 1 failed or differences found, 2 not understood.`;

export function buildProgram(): Command {
  const program = new Command("webstore")
    .description("Look into a running WebStore, and set going again what is stuck; make new services for it.")
    .addOption(
      new Option("--url <url>", "where the store is").env("WEBSTORE_URL").default("http://127.0.0.1:8000"),
    )
    .addOption(new Option("--token <token>", "an access token of staff").env("WEBSTORE_TOKEN"))
    .option("--json", "print JSON instead of text")
    .addHelpText("after", closing)
    .configureHelp({ showGlobalOptions: true, helpWidth })
    .showSuggestionAfterError()
    .exitOverride();
  addDlq(program);
  addSagas(program);
  addReconcile(program);
  addLedger(program);
  addPayments(program);
  addNotifications(program);
  addAudit(program);
  addLogin(program);
  addNew(program);
  return program;
}
