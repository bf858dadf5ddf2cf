// The demo's Secret: keys that nobody chose, made at the first installation and kept at every upgrade. A store that
// takes real money brings its own (`secrets.create: false`), from wherever its secrets are kept.

import { hostOf } from "./environment.ts";
import { labelsOf, namespace, secretName } from "./naming.ts";
import { storePorts } from "./stores.ts";
import { goOf, templateOf } from "./values.ts";

const random = "randAlphaNum 40";

/** Keys by how a new one is made, in Go. */
const made = {
  INTERNAL_API_KEY: random,
  JOURNAL_KEY: random,
  PAYMENT_UPDATES_API_KEY: random,
  IDENTITY_KEY_ENCRYPTION_KEY: "randBytes 32",
  STRIPE_API_KEY: `print "sk_test_" (${random})`,
  STRIPE_WEBHOOK_SECRET: `print "whsec_" (${random})`,
  POSTGRES_PASSWORD: random,
  REDIS_PASSWORD: random,
} as const;

/** Addresses, of which the passwords are parts. */
const addresses = {
  DATABASE_URL: `postgres://webstore:{{ $POSTGRES_PASSWORD }}@${inGo(hostOf("postgres"))}:${storePorts.postgres}/webstore`,
  REDIS_URL: `redis://:{{ $REDIS_PASSWORD }}@${inGo(hostOf("redis"))}:${storePorts.redis}`,
  MONGODB_URL: `mongodb://${inGo(hostOf("mongodb"))}:${storePorts.mongo}`,
} as const;

export function releaseSecret(create: boolean, mailUrl: string): string {
  const metadata = { name: secretName, namespace, labels: labelsOf("webstore") };
  const lines = [
    `{{- if ${goOf(create)} }}`,
    `{{- $kept := dict }}`,
    `{{- with lookup "v1" "Secret" .Release.Namespace (${goOf(secretName)}) }}{{- $kept = .data }}{{- end }}`,
    ...Object.entries(made).map(
      ([key, how]) =>
        `{{- $${key} := "" }}{{- with get $kept "${key}" }}{{- $${key} = b64dec . }}{{- else }}{{- $${key} = ${how} }}{{- end }}`,
    ),
    "apiVersion: v1",
    "kind: Secret",
    templateOf({ metadata }).trimEnd(),
    "type: Opaque",
    "stringData:",
    ...Object.keys(made).map((key) => `  ${key}: {{ $${key} | quote }}`),
    ...Object.entries(addresses).map(([key, url]) => `  ${key}: "${url}"`),
    `  MAIL_URL: {{ ${goOf(mailUrl)} | quote }}`,
    "{{- end }}",
    "",
  ];
  return lines.join("\n");
}

function inGo(text: string): string {
  return JSON.parse(`"${templateOf(text).trim().replace(/^"|"$/g, "")}"`);
}
