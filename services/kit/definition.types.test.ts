// What the types of definition.ts must refuse: each snippet is compiled, and its error must be one that
// a person can act on. The good snippets prove that the others fail for the reason that they name.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const kit = fileURLToPath(new URL("./", import.meta.url));
const promise = "{ availability: 0.999, latencyP95Ms: 100 }";

const prelude = `
import { CartServiceDefinition } from "@webstore/proto/cart/v1";
import { LedgerServiceDefinition } from "@webstore/proto/ledger/v1";
import { PaymentServiceDefinition } from "@webstore/proto/payments/v1";
import { call, type ClientOf, defineService, type HandlersOf, type PortsOf } from "../definition.ts";
const runs = { replicas: { min: 2, max: 4 }, cpuMillis: 100, memoryMiB: 128 };
const policy = { timeoutMs: 1_000, attemptsMax: 1 };
const payments = { name: "payments", serves: PaymentServiceDefinition, ports: { rpc: 5105 } } as const;
const promises = { addItem: ${promise}, getCart: ${promise}, updateItem: ${promise}, removeItem: ${promise}, clearOrderedLines: ${promise} };
const cart = { name: "cart", serves: CartServiceDefinition, ports: { rpc: 5103, admin: 5203 }, runs } as const;
const calls = { payments: call(payments, { ...policy, methods: ["getPayment", "createPayment"] }) };
declare const client: ClientOf<typeof calls.payments>;
declare const handlers: HandlersOf<typeof CartServiceDefinition>;
const invoice = { orderId: "", customerId: "", paymentMethodToken: "", country: "", description: "" };
const { getCart, ...withoutGetCart } = { ...promises };
export { CartServiceDefinition, call, calls, cart, client, defineService, getCart, handlers, invoice, LedgerServiceDefinition, policy, payments, promises, withoutGetCart };
export type { HandlersOf, PortsOf };
`;

const good: Readonly<Record<string, string>> = {
  "a definition with all that it needs": `export const definition = defineService({ ...cart, promises, calls });
    export const use = (ports: PortsOf<typeof definition>) => ports.payments.getPayment({ payment: { $case: "orderId", value: "" } });`,
  "a call of a listed method, with a bigint where one is due": `
    export const made = client.createPayment({ ...invoice, amount: { amountMinor: 5n, currency: "USD" } });`,
  "all handlers": `export const all: HandlersOf<typeof CartServiceDefinition> = { ...handlers };`,
};

/** Each with what its error must say. */
const bad: Readonly<Record<string, readonly [source: string, says: RegExp]>> = {
  "a misspelt method in `methods`": [
    `export const use = call(payments, { ...policy, methods: ["getPaymant"] });`,
    /'"getPaymant"' is not assignable.*"getPayment"/s,
  ],
  "a method of another service in `methods`": [
    `export const use = call(payments, { ...policy, methods: ["getCart"] });`,
    /'"getCart"' is not assignable/,
  ],
  "a call of a method that is not listed": [
    `export const made = client.capturePayment({ paymentId: "" });`,
    /Property 'capturePayment' does not exist on type 'ClientOf</,
  ],
  "a call of a misspelt method": [
    `export const made = client.getPaymant({ paymentId: "" });`,
    /Property 'getPaymant' does not exist.*Did you mean 'getPayment'/s,
  ],
  "a call through the ports that the definition does not list": [
    `const definition = defineService({ ...cart, promises, calls });
     export const use = (ports: PortsOf<typeof definition>) => ports.payments.voidPayment({ paymentId: "" });`,
    /Property 'voidPayment' does not exist/,
  ],
  "a service that the definition does not list": [
    `const definition = defineService({ ...cart, promises, calls });
     export const use = (ports: PortsOf<typeof definition>) => ports.ledger;`,
    /Property 'ledger' does not exist/,
  ],
  "a missing promise": [
    `export const definition = defineService({ ...cart, promises: withoutGetCart });`,
    /Property 'getCart' is missing/,
  ],
  "a promise for an RPC that does not exist": [
    `export const definition = defineService({ ...cart, promises: { ...promises, dropCart: ${promise} } });`,
    /'dropCart' does not exist in type|'dropCart'.*is not assignable to type 'never'/s,
  ],
  "a promise without its latency": [
    `export const definition = defineService({ ...cart, promises: { ...promises, getCart: { availability: 0.9 } } });`,
    /Property 'latencyP95Ms' is missing/,
  ],
  "a call without a time limit": [
    `export const use = call(payments, { attemptsMax: 1, methods: ["getPayment"] });`,
    /Property 'timeoutMs' is missing/,
  ],
  "a missing handler": [
    `const { getCart: _, ...rest } = handlers;
     export const all: HandlersOf<typeof CartServiceDefinition> = rest;`,
    /Property 'getCart' is missing/,
  ],
  "a handler that answers another message": [
    `export const all: HandlersOf<typeof CartServiceDefinition> = { ...handlers, getCart: async () => ({ items: [] }) };`,
    /Property 'cart' is missing in type .* required in type 'GetCartResponse'/,
  ],
  "a number where a bigint is due": [
    `export const made = client.createPayment({ ...invoice, amount: { amountMinor: 5, currency: "USD" } });`,
    /Type 'number' is not assignable to type 'bigint'/,
  ],
  "a request without one of its fields": [
    `export const made = client.createPayment({ ...invoice });`,
    /Property 'amount' is missing/,
  ],
};

const folder = mkdtempSync(join(kit, ".types-"));
const fileOf = new Map(
  [...Object.keys(good), ...Object.keys(bad)].map((name, index) => [name, `snippet-${index}.ts`]),
);
let errors: Map<string, string>;

beforeAll(async () => {
  const sources = {
    ...good,
    ...Object.fromEntries(Object.entries(bad).map(([name, [source]]) => [name, source])),
  };
  const names =
    "CartServiceDefinition, call, calls, cart, client, defineService, handlers, invoice, policy, payments, promises, withoutGetCart";
  writeFileSync(join(folder, "prelude.ts"), prelude);
  for (const [name, source] of Object.entries(sources)) {
    const imports = `import { ${names} } from "./prelude.ts";\nimport type { HandlersOf, PortsOf } from "./prelude.ts";\n`;
    writeFileSync(join(folder, fileOf.get(name) ?? ""), `${imports}${source}\n`);
  }
  const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false };
  const files = ["prelude.ts", ...fileOf.values()];
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../../tsconfig.json", compilerOptions, files, include: [] }),
  );
  errors = errorsByFile(await compile());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function compile(): Promise<string> {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const args = [tsc, "--noEmit", "--pretty", "false", "-p", folder];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, timeout: 25_000 }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

/** An error begins with its file; the lines below it that are indented belong to it. */
function errorsByFile(output: string): Map<string, string> {
  const found = new Map<string, string>();
  let file = "";
  for (const line of output.split("\n")) {
    file = /^([\w./-]+)\(\d+,\d+\): error/.exec(line)?.[1] ?? file;
    found.set(file, `${found.get(file) ?? ""}${line}\n`);
  }
  return found;
}

test("nothing but the snippets fails to compile", () => {
  expect(
    [...errors.keys()].filter((file) => !file.startsWith("snippet-") && errors.get(file)?.trim()),
  ).toEqual([]);
});

test.each(Object.keys(good))("compiles: %s", (name) => {
  expect(errors.get(fileOf.get(name) ?? "")).toBeUndefined();
});

test.each(Object.keys(bad))("does not compile: %s", (name) => {
  const [, says] = bad[name] as readonly [string, RegExp];
  expect(errors.get(fileOf.get(name) ?? "")).toMatch(says);
});
