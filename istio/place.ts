// Where a release is: the names, the labels and the addresses that its objects are made from. Every string may be a
// placeholder that Helm fills in later.
//
// Invariant P1: these strings are put together, and nothing else is done with them: not parsed, cut or compared.

export type Labels = Readonly<Record<string, string>>;

export type Place = {
  /** Namespace of the release, such as `{{ .Release.Namespace }}`. */
  readonly namespace: string;
  /** Name of a service's objects (Service, ServiceAccount, …), such as `{{ .Release.Name }}-orders`. */
  readonly nameOf: (service: string) => string;
  /** Labels that select a service's pods. */
  readonly labelsOf: (service: string) => Labels;
  /** Labels that select all pods of the release. */
  readonly labels: Labels;
  /** Labels put on every object; without them those of the release. */
  readonly objectLabels?: Labels;
  /** Of the certificates, such as `cluster.local`. */
  readonly trustDomain: string;
  /** Of the names, such as `cluster.local`. */
  readonly clusterDomain: string;
  /** The gateway through which the world comes in. */
  readonly ingress: {
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly selector: Labels;
    /** Where the certificate for HTTPS lies; without one the ingress speaks HTTP only. */
    readonly credentialName?: string;
  };
  /** Where Istio's control plane is. */
  readonly meshNamespace: string;
  /** The public host name. */
  readonly host: string;
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUri: string;
  /** Where metrics are collected from; without it nobody may read them through the mesh. */
  readonly monitoring?: { readonly namespace: string };
  readonly telemetry?: {
    /** Where spans and access logs are sent to. */
    readonly namespace: string;
    /** The mesh's extension providers; mesh/istiod-values.yaml defines both. */
    readonly tracingProvider: string;
    readonly accessLogProvider: string;
    /** 0 to 100; a text where Helm fills it in. */
    readonly samplingPercentage: number | string;
  };
};

export type Metadata = { readonly name: string; readonly namespace?: string; readonly labels?: Labels };

export type Manifest<Spec = unknown> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec: Spec;
};

/** `part` names the object among those of its kind in the release: a service, or what the object is for. */
export function metadataOf(part: string, place: Place): Metadata {
  return {
    name: place.nameOf(part),
    namespace: place.namespace,
    labels: place.objectLabels ?? place.labels,
  };
}

export function hostOf(service: string, place: Place): string {
  return `${place.nameOf(service)}.${place.namespace}.svc.${place.clusterDomain}`;
}

/** As whom a service's pods are known to the mesh. */
export function principalOf(service: string, place: Place): string {
  return `${place.trustDomain}/ns/${place.namespace}/sa/${place.nameOf(service)}`;
}

export function ingressPrincipal({ trustDomain, ingress }: Place): string {
  return `${trustDomain}/ns/${ingress.namespace}/sa/${ingress.serviceAccount}`;
}

export type Selector = { readonly matchLabels: Labels };

export function podsOf(service: string, place: Place): Selector {
  return { matchLabels: place.labelsOf(service) };
}

export function podsOfRelease({ labels }: Place): Selector {
  return { matchLabels: labels };
}

export const networkingApi = "networking.istio.io/v1";
export const securityApi = "security.istio.io/v1";
export const telemetryApi = "telemetry.istio.io/v1";
