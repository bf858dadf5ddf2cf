// A Helm chart as one value, and its files: the objects, the values with their schema, and what a person reads.

import { version } from "./naming.ts";
import {
  type Declaration,
  goOf,
  type JsonSchema,
  templateOf,
  valuesSchemaOf,
  valuesTableOf,
  valuesYamlOf,
} from "./values.ts";

/** One file of `templates/`: its objects and the condition under which they are there; or text, for what looks into the cluster. */
export type Template =
  | { readonly when?: boolean; readonly objects: readonly unknown[] }
  | { readonly text: string };

export type Chart = {
  readonly name: string;
  readonly description: string;
  /** By the file's name without its ending. */
  readonly templates: Readonly<Record<string, Template>>;
  readonly values: Declaration;
  readonly dependencies?: readonly { readonly name: string; readonly condition?: string }[];
  /** What `helm install` says at its end, in Helm's language. */
  readonly notes: string;
  /** What the README says beside the table. */
  readonly readme: string;
  /** Values of the charts below, in an umbrella. */
  readonly below?: Readonly<Record<string, unknown>>;
};

/** Files by their path inside the chart. */
export function filesOf(chart: Chart): Record<string, string> {
  const { templates, values, notes } = chart;
  const files = Object.entries(templates).map(([file, template]) => [
    `templates/${file}.yaml`,
    templateFileOf(template),
  ]);
  return {
    "Chart.yaml": chartYamlOf(chart),
    "values.yaml": `${generated}${valuesYamlOf(values)}${belowOf(chart)}`,
    "values.schema.json": `${JSON.stringify(schemaOf(chart), undefined, 2)}\n`,
    "README.md": readmeOf(chart),
    ".helmignore": "ci/\nREADME.md\n",
    "templates/NOTES.txt": `${notes.trim()}\n`,
    ...Object.fromEntries(files),
  };
}

const generated = "# Made from the definitions by `npm run generate`; change them, not this.\n";

function templateFileOf(template: Template): string {
  if ("text" in template) return template.text;
  const body = template.objects.map(templateOf).join("---\n");
  if (template.when === undefined) return body;
  return `{{- if ${goOf(template.when)} }}\n${body}{{- end }}\n`;
}

function chartYamlOf({ name, description, dependencies = [] }: Chart): string {
  const lines = [
    "apiVersion: v2",
    `name: ${name}`,
    `description: ${description}`,
    "type: application",
    `version: ${version}`,
    `appVersion: "${version}"`,
    'kubeVersion: ">=1.31.0-0"',
    ...(dependencies.length === 0 ? [] : ["dependencies:"]),
    ...dependencies.flatMap((each) => [
      `  - name: ${each.name}`,
      `    version: ${version}`,
      `    repository: file://../${each.name}`,
      ...(each.condition === undefined ? [] : [`    condition: ${each.condition}`]),
    ]),
  ];
  return `${generated}${lines.join("\n")}\n`;
}

function belowOf({ below = {} }: Chart): string {
  return Object.entries(below)
    .map(([name, is]) => `${name}: ${JSON.stringify(is)}\n`)
    .join("");
}

/** The charts below have schemas of their own, which Helm asks, too. */
function schemaOf({ values, dependencies = [] }: Chart): JsonSchema {
  const schema = valuesSchemaOf(values) as { properties: object };
  const below = dependencies.map(({ name }) => [name, { type: "object" }]);
  return { ...schema, properties: { ...schema.properties, ...Object.fromEntries(below) } };
}

function readmeOf({ name, description, readme, values }: Chart): string {
  const parts = [`# ${name}`, `${description}.`, readme.trim(), "## Values", valuesTableOf(values)];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}
