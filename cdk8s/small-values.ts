// The sets of values for one small node: every service once, with little, and the demo's stores.

import { stringify } from "yaml";
import type { Definitions } from "./system.ts";

/** What a service needs that sells one mug at a time; as measured, rounded up. */
const little = {
  replicas: { min: 1, max: 1 },
  autoscaling: { enabled: false },
  resources: { requests: { cpu: "10m", memory: "76Mi" }, limits: { memory: "256Mi" } },
};

export function smallValues({ services }: Definitions): Record<string, string> {
  const each = Object.fromEntries(services.map(({ name }) => [name, little]));
  return {
    minimal: file("The whole store on one small node, in a mesh.", { global: { demo: true }, ...each }),
    "no-mesh": file(
      "The whole store on one small node that has no mesh: the processes retry and break by themselves.",
      {
        global: { demo: true, istio: { enabled: false } },
        ...each,
      },
    ),
  };
}

const file = (what: string, values: object) =>
  `# ${what} Made by \`npm run generate\` (cdk8s/small-values.ts).\n${stringify(values, { lineWidth: 0, aliasDuplicateObjects: false })}`;
