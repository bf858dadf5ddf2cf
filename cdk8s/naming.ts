// What things are called in a release, and by which labels they are found. Two releases may share a namespace, so every
// name begins with the release's.

import { globals } from "./global-values.ts";
import { expression, orElse } from "./values.ts";

/** The version of the charts and of what they install. */
export const version = "0.1.0";

export const release = expression("text", ".Release.Name");
export const namespace = expression("text", ".Release.Namespace");

export const nameOf = (member: string) => `${release}-${member}`;

/** Labels by which one member's pods are selected; they never change. */
export const selectorOf = (member: string) => ({
  "app.kubernetes.io/name": member,
  "app.kubernetes.io/instance": release,
});

/** Labels by which all pods of the release are selected. */
export const releaseSelector = {
  "app.kubernetes.io/instance": release,
  "app.kubernetes.io/part-of": "webstore",
};

export const labelsOf = (member: string) => ({
  ...selectorOf(member),
  "app.kubernetes.io/part-of": "webstore",
  "app.kubernetes.io/version": version,
  "app.kubernetes.io/managed-by": expression("text", ".Release.Service"),
  "helm.sh/chart": `${member}-${version}`,
});

export const metadataOf = (member: string, suffix = "") => ({
  name: `${nameOf(member)}${suffix}`,
  namespace,
  labels: labelsOf(member),
});

/** The Secret with the store's keys and the addresses of its databases. */
export const secretName = orElse(globals.secretName, `${release}-secrets`);
