// skaffold.yaml: an image a member of the system, and the umbrella chart with these images.

import { stringify } from "yaml";
import type { Definitions } from "./system.ts";

const release = "webstore";
const minimal = "charts/webstore/ci/minimal-values.yaml";

export function skaffoldYaml({ services, partners }: Definitions): string {
  const members = [...services, ...partners].map(({ name }) => name);
  const config = {
    apiVersion: "skaffold/v4beta13",
    kind: "Config",
    metadata: { name: release },
    build: {
      local: { push: false, useBuildkit: false },
      artifacts: [...members, "journeys"].map(artifactOf),
    },
    deploy: {
      statusCheckDeadlineSeconds: 900,
      tolerateFailuresUntilDeadline: true,
      helm: { releases: [releaseOf(members)] },
    },
    verify: [
      {
        name: "journeys",
        container: {
          name: "journeys",
          image: "webstore-journeys",
          command: ["node", "services/journeys/main.ts"],
          env: [
            { name: "STORE_URL", value: "http://istio-ingressgateway.istio-system" },
            { name: "STORE_HOST", value: "webstore.local" },
          ],
        },
        executionMode: { kubernetesCluster: {} },
      },
    ],
    profiles: [
      {
        // Sources are copied into the running containers, whose processes start again.
        name: "dev",
        activation: [{ command: "dev" }],
        patches: [
          {
            op: "add",
            path: "/deploy/helm/releases/0/setValues",
            value: { "global.dev": true, "global.logLevel": "debug" },
          },
          // Nothing runs the journeys here, so there is no container to copy a change into.
          { op: "remove", path: `/build/artifacts/${members.length}` },
        ],
      },
      {
        name: "no-mesh",
        patches: [
          {
            op: "replace",
            path: "/deploy/helm/releases/0/valuesFiles/0",
            value: "charts/webstore/ci/no-mesh-values.yaml",
          },
        ],
      },
      {
        // The stores' addresses are in the Secret `webstore-external`, which is made by hand.
        name: "external-stores",
        patches: [
          {
            op: "add",
            path: "/deploy/helm/releases/0/setValues",
            value: {
              "global.stores.external": true,
              "global.secretName": "webstore-external",
              "secrets.create": false,
              "postgres.enabled": false,
              "redis.enabled": false,
              "mongodb.enabled": false,
              "kafka.enabled": false,
            },
          },
        ],
      },
    ],
  };
  return `# Made from the definitions by \`npm run generate\`; change cdk8s/skaffold.ts, not this.\n${stringify(config, { lineWidth: 0 })}`;
}

const artifactOf = (name: string) => ({
  image: `webstore-${name}`,
  docker: { dockerfile: "Dockerfile", buildArgs: { SERVICE: name } },
  sync: {
    manual: ["services/**/*.ts", "proto/**/*.ts"].map((src) => ({ src, dest: "/app" })),
  },
});

function releaseOf(members: readonly string[]) {
  const images = members.flatMap((name) => {
    const variable = `webstore_${name.replaceAll("-", "_")}`;
    return [
      [`${name}.image.repository`, `{{.IMAGE_REPO_${variable}}}`],
      [`${name}.image.tag`, `{{.IMAGE_TAG_${variable}}}`],
    ];
  });
  return {
    name: release,
    chartPath: "charts/webstore",
    namespace: release,
    createNamespace: true,
    valuesFiles: [minimal],
    setValueTemplates: {
      ...Object.fromEntries(images),
      "test.image.repository": "{{.IMAGE_REPO_webstore_gateway}}",
      "test.image.tag": "{{.IMAGE_TAG_webstore_gateway}}",
    },
  };
}
