import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  both,
  either,
  expression,
  flag,
  list,
  not,
  orElse,
  placeholdersOf,
  quantity,
  templateOf,
  text,
  texts,
  valuesSchemaOf,
  valuesTableOf,
  valuesYamlOf,
  when,
  whole,
} from "./values.ts";

const declaration = {
  host: text("shop.local", "The host.", { pattern: "^[a-z.]+$" }),
  replicas: { min: whole(2, "Least replicas.", { minimum: 1 }) },
  memory: quantity("64Mi", "Memory."),
  secure: flag(true, "Whether TLS is used."),
  labels: texts({}, "Labels of the pods."),
  tolerations: list([], "Tolerations of the pods."),
};
const values = placeholdersOf(declaration);
const release = expression("text", ".Release.Name");

test("a placeholder becomes what Helm needs in its place", () => {
  const manifest = {
    name: `${release}-orders`,
    host: values.host,
    url: `https://${values.host}:443/"quoted"`,
    replicas: values.replicas.min,
    labels: values.labels,
    items: [{ tolerations: values.tolerations }],
  };
  expect(templateOf(manifest)).toBe(
    [
      'name: "{{ .Release.Name }}-orders"',
      "host: {{ .Values.host | quote }}",
      'url: "https://{{ .Values.host }}:443/\\"quoted\\""',
      "replicas: {{ .Values.replicas.min }}",
      "labels: {{- toYaml .Values.labels | nindent 2 }}",
      "items:",
      "  - tolerations: {{- toYaml .Values.tolerations | nindent 6 }}",
      "",
    ].join("\n"),
  );
});

test("a text that an older YAML takes for something else is quoted", () => {
  expect(templateOf({ args: ["--appendonly", "yes", "off"] })).toBe(
    'args:\n  - --appendonly\n  - "yes"\n  - "off"\n',
  );
});

test("expressions are put together of placeholders and texts", () => {
  const manifest = {
    mesh: either(values.secure, "istio", "none"),
    url: orElse(values.host, `${release}.local`),
    plain: not(values.secure),
    and: both(values.secure, not(values.secure)),
  };
  expect(templateOf(manifest)).toBe(
    [
      'mesh: {{ ternary "istio" "none" .Values.secure | quote }}',
      'url: {{ default (print .Release.Name ".local") .Values.host | quote }}',
      "plain: {{ not .Values.secure }}",
      "and: {{ and .Values.secure (not .Values.secure) }}",
      "",
    ].join("\n"),
  );
});

test("what is there under a condition stands between if and end, wherever it is", () => {
  const manifest = {
    spec: {
      ...when(values.secure, { tls: { name: values.host, ...when(not(values.secure), { odd: 1 }) } }),
      rules: [{ a: 1 }, when(values.secure, { b: { c: 2 }, d: [3] }), { e: 4 }],
    },
  };
  expect(templateOf(manifest)).toBe(
    [
      "spec:",
      "  {{- if .Values.secure }}",
      "  tls:",
      "    name: {{ .Values.host | quote }}",
      "    {{- if not .Values.secure }}",
      "    odd: 1",
      "    {{- end }}",
      "  {{- end }}",
      "  rules:",
      "    - a: 1",
      "    {{- if .Values.secure }}",
      "    - b:",
      "        c: 2",
      "      d:",
      "        - 3",
      "    {{- end }}",
      "    - e: 4",
      "",
    ].join("\n"),
  );
});

test("values.yaml has each default below what it is for", () => {
  const written = valuesYamlOf(declaration);
  expect(parse(written)).toEqual({
    host: "shop.local",
    replicas: { min: 2 },
    memory: "64Mi",
    secure: true,
    labels: {},
    tolerations: [],
  });
  expect(written).toContain("replicas:\n  # Least replicas.\n  min: 2\n");
});

test("the schema is closed, and knows types and bounds", () => {
  expect(valuesSchemaOf(declaration)).toMatchObject({
    additionalProperties: false,
    properties: {
      host: { type: "string", pattern: "^[a-z.]+$", description: "The host." },
      replicas: { additionalProperties: false, properties: { min: { type: "integer", minimum: 1 } } },
      labels: { additionalProperties: { type: "string" } },
    },
  });
  expect(valuesSchemaOf({ global: { a: flag(true, "A.") } })).toMatchObject({
    properties: { global: { additionalProperties: true } },
  });
});

test("the table names every value once", () => {
  expect(valuesTableOf(declaration).split("\n")).toContain("| `replicas.min` | `2` | Least replicas. |");
});
