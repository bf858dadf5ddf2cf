// The folder of a new service, file by file. It is a whole service of the store's shape, only small: what is to become
// of it replaces its one RPC, and the files stay.

import type { Names } from "./new-service-name.ts";

export type Ports = { readonly rpc: number; readonly admin: number };

/** By name. The lines are laid out by the formatter afterwards. */
export function codeOf(names: Names, ports: Ports): Readonly<Record<string, string>> {
  const { name } = names;
  return {
    "package.json": manifestOf(names),
    "definition.ts": definitionOf(names, ports),
    "main.ts": mainOf(names),
    "rpc.ts": rpcOf(names),
    [`describe-${name}.ts`]: useCaseOf(names),
    [`${name}.ts`]: rulesOf(names),
    "refusals.ts": refusalsOf(names),
    "fake.ts": fakeOf(names),
    [`${name}.contract.ts`]: contractSuiteOf(names),
    [`${name}.test.ts`]: testOf(names),
    "refusals.test.ts": refusalsTestOf(names),
  };
}

function manifestOf({ name }: Names): string {
  const manifest = {
    name: `@webstore/${name}`,
    version: "0.1.0",
    private: true,
    type: "module",
    exports: { "./definition": "./definition.ts", "./fake": "./fake.ts" },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

const definitionOf = ({ name, camel, pascal, snake }: Names, { rpc, admin }: Ports) =>
  `// What the ${name} service is. Everything that depends on it is derived from this value.

import { defineService } from "@webstore/kit";
import { ${pascal}ServiceDefinition } from "@webstore/proto/${snake}/v1";

export const ${camel} = defineService({
  name: "${name}",
  serves: ${pascal}ServiceDefinition,
  ports: { rpc: ${rpc}, admin: ${admin} },
  promises: {
    describe${pascal}: { availability: 0.999, latencyP95Ms: 50 },
  },
  runs: { replicas: { min: 2, max: 4 }, cpuMillis: 100, memoryMiB: 160 },
});
`;

const mainOf = ({ name, camel }: Names) => `// The ${name} process.

import { run, service } from "@webstore/kit";
import { ${camel} } from "./definition.ts";
import manifest from "./package.json" with { type: "json" };
import { rpc } from "./rpc.ts";

export const program = service(${camel}, {
  start: async () => ({ handlers: rpc({ version: manifest.version }) }),
});

if (import.meta.main) await run(program);
`;

const rpcOf = ({ name, pascal, snake }: Names) => `// The ${name} contract, method by method.

import type { HandlersOf } from "@webstore/kit";
import type { ${pascal}ServiceDefinition } from "@webstore/proto/${snake}/v1";
import { type Describe${pascal}Parts, describe${pascal} } from "./describe-${name}.ts";

export function rpc(parts: Describe${pascal}Parts): HandlersOf<typeof ${pascal}ServiceDefinition> {
  return {
    describe${pascal}: async ({ versionMin }) => describe${pascal}(parts, versionMin),
  };
}
`;

const useCaseOf = ({ name, camel, pascal }: Names) => `// Say who answers, to whom this version will do.

import { ${camel} } from "./definition.ts";
import { isAtLeast } from "./${name}.ts";
import { refusals } from "./refusals.ts";

export type Describe${pascal}Parts = { readonly version: string };

/** \`versionMin\` is empty where any version will do. */
export function describe${pascal}(
  { version }: Describe${pascal}Parts,
  versionMin: string,
): { name: string; version: string } {
  if (versionMin !== "" && !isAtLeast(version, versionMin)) throw refusals.refuse("version_too_old", { version });
  return { name: ${camel}.name, version };
}
`;

const rulesOf = ({ name }: Names) => `// The rules for ${name}. Pure.
//
// Invariant V1: versions are compared number by number, so that 0.10.0 is newer than 0.9.0.

const byNumbers = new Intl.Collator("en", { numeric: true });

/** Both are major.minor.patch. */
export function isAtLeast(version: string, least: string): boolean {
  return byNumbers.compare(version, least) >= 0;
}
`;

const refusalsOf = ({ name }: Names) => `// The closed list of reasons for which ${name} refuses.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("${name}", {
  version_too_old: {
    code: "FAILED_PRECONDITION",
    caller: "The service is older than this needs.",
    operator: "Nothing to do while a new version is rolled out; later, look at which version runs.",
  },
});
`;

const fakeOf = ({
  name,
  pascal,
  snake,
}: Names) => `// The fake of ${name}, for the tests of who calls it. The service keeps nothing, so this is the real one without a door.

import type { HandlersOf } from "@webstore/kit";
import type { ${pascal}ServiceDefinition } from "@webstore/proto/${snake}/v1";
import { rpc } from "./rpc.ts";

export type Fake${pascal} = HandlersOf<typeof ${pascal}ServiceDefinition>;

export const fake${pascal} = ({ version = "0.1.0" } = {}): Fake${pascal} => rpc({ version });
`;

const contractSuiteOf = ({
  name,
  camel,
  pascal,
  snake,
}: Names) => `// What ${name} promises to whoever calls it. The service and its fake are held to it.

import type { HandlersOf } from "@webstore/kit";
import type { ${pascal}ServiceDefinition } from "@webstore/proto/${snake}/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

export type Subject = {
  readonly client: HandlersOf<typeof ${pascal}ServiceDefinition>;
  stop(): Promise<void>;
};

export function ${camel}Contract(subjectName: string, start: () => Promise<Subject>): void {
  describe(subjectName, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(() => subject?.stop());
    const describe${pascal} = (versionMin: string) => subject.client.describe${pascal}({ versionMin });

    test("says who it is, and which version of it answers", async () => {
      const said = { name: "${name}", version: expect.stringMatching(/^\\d+\\.\\d+\\.\\d+$/) };
      expect(await describe${pascal}("")).toEqual(said);
      expect(await describe${pascal}("0.0.1")).toEqual(said);
      const { version } = await describe${pascal}("");
      expect((await describe${pascal}(version)).version).toBe(version);
    });

    test("refuses whoever needs a newer version", async () => {
      const refused = { service: "${name}", reason: "version_too_old" };
      await expect(describe${pascal}("9999.0.0")).rejects.toMatchObject(refused);
    });
  });
}
`;

const testOf = ({
  name,
  camel,
  pascal,
}: Names) => `// The service of ${name} over real gRPC, and its fake, held to one contract; what only the service has; its rules.

import { demoUsers, type Running } from "@webstore/kit";
import { testClient, testInternalKey, testJwksUrl } from "@webstore/kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ${camel} } from "./definition.ts";
import { fake${pascal} } from "./fake.ts";
import { ${camel}Contract } from "./${name}.contract.ts";
import { isAtLeast } from "./${name}.ts";
import { program } from "./main.ts";

const start = () =>
  program.start({
    INTERNAL_API_KEY: testInternalKey,
    JWKS_URL: testJwksUrl,
    DEMO_TOKENS: "true",
    RPC_PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "silent",
  });

${camel}Contract("the fake of ${name}", async () => ({ client: fake${pascal}(), stop: async () => {} }));

${camel}Contract("${name} over gRPC", async () => {
  const running = await start();
  const client = testClient(${camel}, running.urls.rpc ?? "", { token: demoUsers.ada.token });
  const stop = async () => {
    client.close();
    await running.stop();
  };
  return { client, stop };
});

describe("the service of ${name}", () => {
  let running: Running;
  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running?.stop());

  test("is ready once it has started", async () => {
    expect((await fetch(\`\${running.urls.admin}/readyz\`)).status).toBe(200);
  });

  test.each([
    ["a stranger", {}, "", "unauthenticated"],
    ["a version that is none", { token: demoUsers.ada.token }, "newest", "invalid_request"],
  ])("refuses %s", async (_, as, versionMin, reason) => {
    const client = testClient(${camel}, running.urls.rpc ?? "", as);
    await expect(client.describe${pascal}({ versionMin })).rejects.toMatchObject({ reason });
    client.close();
  });
});

test.each([
  ["0.10.0", "0.9.0", true],
  ["1.2.3", "1.2.3", true],
  ["1.2.3", "1.2.4", false],
  ["1.9.9", "2.0.0", false],
])("that %s is at least %s is %s", (version, least, expected) => {
  expect(isAtLeast(version, least)).toBe(expected);
});
`;

const refusalsTestOf = ({
  name,
  camel,
}: Names) => `// The list of reasons and what the contract says of them are one.

import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { refusals as refusalsOption } from "@webstore/proto/es/options/v1";
import { expect, test } from "vitest";
import { ${camel} } from "./definition.ts";
import { refusals } from "./refusals.ts";

test("the contract names exactly the reasons that ${name} has", () => {
  const bytes = readFileSync(new URL(import.meta.resolve("@webstore/proto/descriptors.binpb")));
  const contract = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes)).getService(
    ${camel}.serves.fullName,
  );
  const named = contract?.methods.flatMap((method) => getOption(method, refusalsOption));
  expect([...new Set(named)].sort()).toEqual(Object.keys(refusals.entries).sort());
});
`;
