// The whole store as one chart: every service, the demo's stores and partners, and what holds for all of them.

import { k8s } from "cdk8s-plus-34";
import type { Chart } from "./chart.ts";
import { userId } from "./deployment.ts";
import { hostOf } from "./environment.ts";
import { globalDeclaration, globals } from "./global-values.ts";
import { releaseMesh, releaseTelemetry } from "./mesh.ts";
import { labelsOf, metadataOf, nameOf, version } from "./naming.ts";
import { patched } from "./patched.ts";
import {
  containerSecurity,
  imageOf,
  meshAnnotations,
  meshLabels,
  podSecurity,
  pullSecrets,
  temporary,
  temporaryMount,
  tokenless,
} from "./pod.ts";
import { releaseSecret } from "./release-secret.ts";
import { serviceAccount } from "./service-account.ts";
import { storesOf } from "./stores.ts";
import type { Definitions } from "./system.ts";
import { both, flag, isEmpty, not, placeholdersOf, text } from "./values.ts";

const declaration = {
  secrets: {
    create: flag(
      true,
      "Whether the Secret with keys and addresses is made. Set false where it comes from elsewhere.",
    ),
    mailUrl: text(
      "none:",
      "Where the demo's mails go: `none:`, `console:` or `smtp://host:port`, without credentials.",
      {
        pattern: "^(none:|console:|smtps?://[^@]*)$",
      },
    ),
  },
  test: {
    image: {
      repository: text("webstore-gateway", "The image that `helm test` runs in.", { minLength: 1 }),
      tag: text(version, "Its tag.", { minLength: 1 }),
    },
  },
  ...globalDeclaration,
};
const values = placeholdersOf(declaration);

export function umbrellaChart(system: Definitions): Chart {
  const conditional = [...system.partners.map(({ name }) => name), ...Object.values(storesOf)];
  const hasTracing = not(isEmpty(globals.istio.tracing.provider));
  return {
    name: "webstore",
    description: "WebStore, a store as a service mesh",
    values: declaration,
    dependencies: [
      ...system.services.map(({ name }) => ({ name })),
      ...conditional.map((name) => ({ name, condition: `${name}.enabled` })),
    ],
    templates: {
      istio: { objects: releaseMesh(system), when: globals.istio.enabled },
      "istio-telemetry": {
        objects: releaseTelemetry(system),
        when: both(globals.istio.enabled, hasTracing),
      },
      secret: { text: releaseSecret(values.secrets.create, values.secrets.mailUrl) },
      "tests/health": { objects: [serviceAccount("test"), healthTest(system)] },
    },
    notes: `
WebStore is installed as {{ .Release.Name }}.

  curl -H "Host: {{ .Values.global.host }}" http://<ingress>/health
  grpcurl -plaintext -authority {{ .Values.global.host }} <ingress>:80 list

Check it with: helm test {{ .Release.Name }} -n {{ .Release.Namespace }}
{{- if .Values.secrets.create }}
Its keys are in the Secret of the release; bring your own for a store that takes real money.
{{- end }}`,
    readme: `
    helm dependency build charts/webstore
    helm install shop charts/webstore --namespace shop --create-namespace --values charts/webstore/ci/minimal-values.yaml

Values of one service stand below its name, such as \`orders.replicas.min\`; each chart's README lists its own.
Those below \`global\` hold for all of them. Sets of values for demos, production and a cluster without a mesh are in \`ci/\`.

Without a mesh the processes retry and break by themselves, and connections of gRPC stay with the replica they
were made to: a mesh, or a load balancer that knows HTTP/2, spreads the calls.`,
  };
}

/** `helm test`: a stranger inside the namespace asks the store whether it is well. */
function healthTest({ services }: Definitions): unknown {
  const edge = services.find(({ ports }) => ports.http !== undefined);
  if (edge === undefined) throw new Error("no service faces the world");
  const url = `http://${hostOf(edge.name)}:${edge.ports.http}/health`;
  const ask = `const answer = await fetch(process.env.URL); console.log(answer.status, await answer.text()); process.exit(answer.ok ? 0 : 1)`;
  const manifest = k8s.KubePod.manifest({
    metadata: {
      name: nameOf("test"),
      labels: { ...labelsOf("test"), ...meshLabels },
      annotations: {
        ...meshAnnotations,
        "helm.sh/hook": "test",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
      },
      namespace: metadataOf("test").namespace,
    },
    spec: {
      ...tokenless,
      serviceAccountName: nameOf("test"),
      restartPolicy: "Never",
      securityContext: podSecurity(userId),
      containers: [
        {
          name: "health",
          image: imageOf(values.test.image),
          imagePullPolicy: globals.image.pullPolicy,
          command: ["node", "--input-type=module", "--eval", ask],
          env: [{ name: "URL", value: url }],
          securityContext: containerSecurity,
          resources: {
            requests: { cpu: k8s.Quantity.fromString("10m"), memory: k8s.Quantity.fromString("32Mi") },
            limits: { memory: k8s.Quantity.fromString("128Mi") },
          },
          volumeMounts: [temporaryMount],
        },
      ],
      volumes: [temporary],
    },
  });
  return patched(manifest, { spec: { imagePullSecrets: pullSecrets } });
}
