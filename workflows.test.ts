// What the workflows name is there: nobody sees a workflow run before it is pushed, so a script that was renamed or a file
// that was moved would be noticed too late. And what holds for each of them.

import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

const root = import.meta.dirname;
const files = globSync("{workflows,actions}/**/*.yaml", { cwd: join(root, ".github") }).sort();

type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, unknown>>;
};
type Job = {
  readonly "timeout-minutes"?: number;
  readonly permissions?: unknown;
  readonly needs?: string | readonly string[];
  readonly steps: readonly Step[];
};
type Workflow = {
  readonly permissions?: unknown;
  readonly concurrency?: { readonly group?: string };
  readonly jobs: Readonly<Record<string, Job>>;
};
type Action = { readonly runs: { readonly steps: readonly Step[] } };

const documents = files.map((file) => ({
  file,
  is: parse(readFileSync(join(root, ".github", file), "utf8")) as Workflow | Action,
}));
const workflows = documents.flatMap(({ file, is }) => ("jobs" in is ? [{ file, ...is }] : []));
const jobs = workflows.flatMap(({ file, jobs }) =>
  Object.entries(jobs).map(([name, job]) => ({ where: `${file}: ${name}`, ...job })),
);
const steps = documents.flatMap(({ file, is }) =>
  ("jobs" in is ? Object.values(is.jobs).flatMap((job) => job.steps) : is.runs.steps).map((step) => ({
    file,
    ...step,
  })),
);

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Readonly<Record<string, string>>;
};

/** Which npm scripts a shell's text runs. */
const scriptsIn = (text: string): string[] =>
  [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)].map(
    ([, named, short]) => named ?? short ?? "",
  );

/** Which files of ours it names, as far as one can see: what begins with one of our folders, or is a YAML file at the root. */
const ours = "charts|istio|services|cdk8s|proto|cli|\\.ci|\\.github";
const filesIn = (text: string): string[] =>
  [
    ...text.matchAll(
      new RegExp(`(?<=^|[\\s"'=(])(?:\\./)?((?:${ours})/[\\w.*/-]*|[\\w-]+\\.yaml)(?=[\\s"';|)]|$)`, "gm"),
    ),
  ].map(([, path]) => path ?? "");

const textsOf = (step: Step) => [
  step.run ?? "",
  step.uses ?? "",
  ...Object.values(step.with ?? {}).map(String),
];

test("there are workflows for every push and for every night, and what their jobs share", () => {
  expect(files).toEqual([
    "actions/cluster/action.yaml",
    "actions/setup/action.yaml",
    "workflows/ci.yaml",
    "workflows/nightly.yaml",
  ]);
  expect(Object.keys(workflows[0]?.jobs ?? {})).toEqual(["static", "unit", "contracts", "charts", "cluster"]);
});

describe("what a workflow names", () => {
  test("is looked for where it can be", () => {
    expect(scriptsIn("npm run a:b && npm test | npm run c\nnpm ci")).toEqual(["a:b", "test", "c"]);
    const text = 'helm x charts/y --values "istio/a.yaml" ./cli/z.ts kind.yaml https://example.com/charts/no';
    expect(filesIn(text)).toEqual(["charts/y", "istio/a.yaml", "cli/z.ts", "kind.yaml"]);
  });

  test("is a script of package.json", () => {
    const named = steps.flatMap(({ file, run = "" }) => scriptsIn(run).map((script) => ({ file, script })));
    expect(named.length).toBeGreaterThan(9);
    expect(named.filter(({ script }) => scripts[script] === undefined)).toEqual([]);
  });

  test("is a file that is there", () => {
    const named = steps.flatMap((step) =>
      textsOf(step)
        .flatMap(filesIn)
        .map((path) => ({ file: step.file, path })),
    );
    expect(named.length).toBeGreaterThan(9);
    const missing = named.filter(({ path }) => globSync(path, { cwd: root }).length === 0);
    expect(missing).toEqual([]);
  });

  test("is an action: one of ours that is there, or another's at a version", () => {
    const uses = steps.flatMap(({ file, uses }) => (uses === undefined ? [] : [{ file, uses }]));
    const wrong = uses.filter(({ uses }) =>
      uses.startsWith("./")
        ? !existsSync(join(root, uses, "action.yaml"))
        : !/^[\w.-]+\/[\w./-]+@(v\d+(\.\d+)*|[0-9a-f]{40})$/.test(uses),
    );
    expect(wrong).toEqual([]);
  });

  test("is a job of the same workflow, where it needs one", () => {
    const wrong = workflows.flatMap(({ file, jobs }) =>
      Object.values(jobs)
        .flatMap(({ needs = [] }) => needs)
        .filter((needed) => jobs[needed] === undefined)
        .map((needed) => `${file}: ${needed}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("every workflow", () => {
  test("may read the repository and nothing else", () => {
    expect(workflows.map(({ permissions }) => permissions)).toEqual(
      workflows.map(() => ({ contents: "read" })),
    );
    expect(jobs.filter(({ permissions }) => permissions !== undefined).map(({ where }) => where)).toEqual([]);
    const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
    expect(checkouts.length).toBe(jobs.length);
    expect(checkouts.filter((step) => step.with?.["persist-credentials"] !== false)).toEqual([]);
  });

  test("has a bound on its time, and on how many of it run at once", () => {
    expect(jobs.filter((job) => !(Number(job["timeout-minutes"]) <= 120)).map(({ where }) => where)).toEqual(
      [],
    );
    expect(workflows.filter(({ concurrency }) => !concurrency?.group).map(({ file }) => file)).toEqual([]);
  });

  test("puts nothing that a stranger may choose into a shell's text", () => {
    const spliced = steps.filter(({ run = "" }) => run.includes("${{"));
    expect(spliced.map(({ file, run }) => `${file}: ${run}`)).toEqual([]);
  });
});
