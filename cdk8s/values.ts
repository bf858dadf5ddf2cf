// Typed Helm values. A chart's values are declared once, as a tree of leaves with defaults, bounds and descriptions;
// from it come the placeholders that objects are built with, values.yaml, values.schema.json and the README's table.
//
// Invariants:
//   V1. A placeholder has the type of what Helm will put in its place, so a manifest that is built with it compiles only
//       where such a value fits.
//   V2. Whatever is declared has a default that its own schema accepts (values.test.ts).
//   V3. What is not declared is refused: every schema is closed, but for `global`, which other charts share.

import { Document, isScalar, stringify, visit } from "yaml";

export type JsonSchema = { readonly [key: string]: unknown };

/** How Helm writes a value: in quotes, as it is, or as a block of YAML below its key. */
type Form = "text" | "scalar" | "block";

export type Leaf<T = unknown> = {
  readonly fallback: T;
  readonly description: string;
  readonly schema: JsonSchema;
  readonly form: Form;
};

export type Declaration = { readonly [name: string]: Leaf | Declaration };

/** The declaration's tree with a placeholder in the place of each leaf. */
export type PlaceholdersOf<D> = {
  readonly [K in keyof D]: D[K] extends Leaf<infer T> ? T : PlaceholdersOf<D[K]>;
};

export function text(
  fallback: string,
  description: string,
  schema: { pattern?: string; enum?: readonly string[]; minLength?: number } = {},
): Leaf<string> {
  return { fallback, description, schema: { type: "string", ...schema }, form: "text" };
}

export function whole(
  fallback: number,
  description: string,
  schema: { minimum?: number; maximum?: number } = {},
): Leaf<number> {
  return { fallback, description, schema: { type: "integer", minimum: 0, ...schema }, form: "scalar" };
}

export function flag(fallback: boolean, description: string): Leaf<boolean> {
  return { fallback, description, schema: { type: "boolean" }, form: "scalar" };
}

/** A quantity of Kubernetes, such as `250m` of CPU or `192Mi` of memory. */
export function quantity(fallback: string, description: string): Leaf<string> {
  return text(fallback, description, { pattern: "^([0-9]+(\\.[0-9]+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti)?$" });
}

/** Names and texts, such as environment variables or labels. */
export function texts(
  fallback: Readonly<Record<string, string>>,
  description: string,
  schema: { names?: string } = {},
): Leaf<Record<string, string>> {
  const { names = "^[A-Za-z_][A-Za-z0-9_./-]*$" } = schema;
  return {
    fallback: { ...fallback },
    description,
    schema: { type: "object", additionalProperties: { type: "string" }, propertyNames: { pattern: names } },
    form: "block",
  };
}

/** A part of an object that Kubernetes checks, such as tolerations. */
export function list<T>(fallback: readonly T[], description: string): Leaf<T[]> {
  return {
    fallback: [...fallback],
    description,
    schema: { type: "array", items: { type: "object" } },
    form: "block",
  };
}

const open = "\u27e6";
const close = "\u27e7";

/** A placeholder by hand, for what is no value: `expression("text", ".Release.Name")`. */
export function expression<T = string>(form: Form, go: string): T {
  return `${open}${form} ${go}${close}` as T;
}

/** What a placeholder says in Go, to be used in a larger expression. */
export function goOf(placeholder: unknown): string {
  const found = placeholderPattern.exec(String(placeholder));
  if (found?.[2] === undefined || found[0] !== placeholder)
    throw new Error(`not a placeholder: ${placeholder}`);
  return found[2];
}

const placeholderPattern = new RegExp(`${open}(text|scalar|block) ([^${close}]*)${close}`);
const everyPlaceholder = new RegExp(placeholderPattern, "g");
const everyPlaceholderWhole = new RegExp(`(${open}[^${close}]*${close})`);

export function placeholdersOf<D extends Declaration>(declaration: D, path = ".Values"): PlaceholdersOf<D> {
  const entries = Object.entries(declaration).map(([name, is]) => {
    const at = `${path}.${name}`;
    return [name, isLeaf(is) ? expression(is.form, at) : placeholdersOf(is, at)];
  });
  return Object.fromEntries(entries) as PlaceholdersOf<D>;
}

function isLeaf(is: Leaf | Declaration): is is Leaf {
  return typeof (is as Leaf).form === "string";
}

/**
 * What is there only under a condition: an item of a list or, spread into an object, some of its entries.
 * `{ ...when(values.tls, { secretName: "x" }) }`.
 */
export function when<T extends object>(condition: boolean, then: T): T {
  conditions += 1;
  return { [`${open}if#${conditions} ${goOf(condition)}${close}`]: then } as T;
}
/** Tells apart the keys of one object that have the same condition. */
let conditions = 0;

export function not(condition: boolean): boolean {
  return expression("scalar", `not ${inParentheses(goOf(condition))}`);
}

export function both(one: boolean, other: boolean): boolean {
  return expression("scalar", `and ${inParentheses(goOf(one))} ${inParentheses(goOf(other))}`);
}

export function isEmpty(value: string): boolean {
  return expression("scalar", `empty ${inParentheses(goOf(value))}`);
}

/** One of two texts, by a condition; both may be placeholders. */
export function either(condition: boolean, then: string, otherwise: string): string {
  return expression("text", `ternary ${quoted(then)} ${quoted(otherwise)} ${inParentheses(goOf(condition))}`);
}

/** A value, or this where it is empty. */
export function orElse(value: string, otherwise: string): string {
  return expression("text", `default ${quoted(otherwise)} ${inParentheses(goOf(value))}`);
}

const inParentheses = (go: string) => (go.includes(" ") ? `(${go})` : go);

/** A text with placeholders in it as one Go expression. */
export function quoted(from: string): string {
  const parts = from.split(everyPlaceholderWhole).filter((part) => part !== "");
  const asGo = parts.map((part) =>
    part.startsWith(open) ? inParentheses(goOf(part)) : JSON.stringify(part),
  );
  if (asGo.length === 0) return '""';
  return asGo.length === 1 ? (asGo[0] ?? "") : `(print ${asGo.join(" ")})`;
}

/** A manifest in Helm's language. */
export function templateOf(manifest: unknown): string {
  // Helm reads YAML 1.1, to which `yes` is no text.
  const document = new Document(manifest, { aliasDuplicateObjects: false, compat: "yaml-1.1" });
  visit(document, {
    Scalar(_, node) {
      if (!isScalar(node) || typeof node.value !== "string" || !node.value.includes(open)) return;
      node.type = node.value.includes("\n") ? "BLOCK_LITERAL" : "QUOTE_DOUBLE";
    },
  });
  const lines = document.toString({ lineWidth: 0, indentSeq: true }).trimEnd().split("\n");
  return `${conditionals(lines).map(helmLine).join("\n")}\n`;
}

const conditionLine = new RegExp(`^( *)(- )?"${open}if#\\d+ ([^${close}]*)${close}":$`);

/** Takes out the keys that `when` has put in: what is below them moves up and stands between an `if` and its `end`. */
function conditionals(lines: readonly string[]): string[] {
  const at = lines.findIndex((line) => conditionLine.test(line));
  if (at === -1) return [...lines];
  const [, indent = "", dash = "", go = ""] = conditionLine.exec(lines[at] ?? "") ?? [];
  const depth = indent.length + dash.length;
  const rest = lines.slice(at + 1);
  const length = rest.findIndex((line) => line.search(/\S/) <= depth);
  const below = rest.slice(0, length === -1 ? rest.length : length).map((line) => line.slice(2));
  const [first = "", ...others] = below;
  const body = [`${indent}${dash}${first.trimStart()}`, ...others];
  return [
    ...lines.slice(0, at),
    `${indent}{{- if ${unescaped(go)} }}`,
    ...conditionals(body),
    `${indent}{{- end }}`,
    ...conditionals(rest.slice(below.length)),
  ];
}

const wholeBlock = new RegExp(`^(\\s*(?:- )?)("?[\\w./-]+"?): "${open}block ([^${close}]*)${close}"$`);
const wholeScalar = new RegExp(`"${open}(text|scalar) ([^${close}]*)${close}"`, "g");

function helmLine(line: string): string {
  const block = wholeBlock.exec(line);
  if (block !== null) {
    const [, indent = "", key, go = ""] = block;
    return `${indent}${key}: {{- toYaml ${inParentheses(unescaped(go))} | nindent ${indent.length + 2} }}`;
  }
  return line
    .replace(wholeScalar, (_, form: Form, go: string) =>
      form === "text" ? `{{ ${unescaped(go)} | quote }}` : `{{ ${unescaped(go)} }}`,
    )
    .replace(everyPlaceholder, (_, _form, go: string) => `{{ ${unescaped(go)} }}`);
}

/** Helm reads what is between its braces before anybody reads YAML, so quotes there are not escaped. */
const unescaped = (go: string) => go.replaceAll('\\"', '"');

/** values.yaml: the defaults, each below what it is for. */
export function valuesYamlOf(declaration: Declaration, indent = ""): string {
  const parts = Object.entries(declaration).map(([name, is]) => {
    if (!isLeaf(is)) return `${indent}${name}:\n${valuesYamlOf(is, `${indent}  `)}`;
    const value = stringify(is.fallback, { lineWidth: 0 }).trimEnd();
    const isBlock = value.includes("\n") || (typeof is.fallback === "object" && !/^[[{]/.test(value));
    const below = isBlock ? `\n${value.replace(/^/gm, `${indent}  `)}` : ` ${value}`;
    return `${indent}# ${is.description}\n${indent}${name}:${below}\n`;
  });
  return parts.join("");
}

export function valuesSchemaOf(declaration: Declaration): JsonSchema {
  return { $schema: "http://json-schema.org/draft-07/schema#", ...objectSchemaOf(declaration) };
}

function objectSchemaOf(declaration: Declaration): JsonSchema {
  const properties = Object.entries(declaration).map(([name, is]) => {
    if (isLeaf(is)) return [name, { description: is.description, ...is.schema }];
    const schema = objectSchemaOf(is);
    return [name, name === "global" ? { ...schema, additionalProperties: true } : schema];
  });
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}

/** The rows of the README's table: name, default, what it is for. */
export function valuesTableOf(declaration: Declaration): string {
  const rows = leavesOf(declaration).map(([path, { fallback, description }]) => {
    const shown = JSON.stringify(fallback).replaceAll("|", "\\|");
    return `| \`${path}\` | \`${shown}\` | ${description} |`;
  });
  return ["| value | default | what it is |", "|---|---|---|", ...rows].join("\n");
}

export function leavesOf(declaration: Declaration, path = ""): [string, Leaf][] {
  return Object.entries(declaration).flatMap(([name, is]): [string, Leaf][] =>
    isLeaf(is) ? [[`${path}${name}`, is]] : leavesOf(is, `${path}${name}.`),
  );
}
