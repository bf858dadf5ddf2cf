// What the identity service is: who users are, and the tokens that prove it. It calls nobody, so that
// everybody may depend on it.

import { defineService } from "@webstore/kit";
import { IdentityServiceDefinition } from "@webstore/proto/identity/v1";

export const identity = defineService({
  name: "identity",
  serves: IdentityServiceDefinition,
  ports: { rpc: 5101, admin: 5201 },
  stores: { postgres: "identity" },
  secrets: ["IDENTITY_KEY_ENCRYPTION_KEY"],

  promises: {
    // A password costs tens of milliseconds to check, on purpose.
    register: { availability: 0.999, latencyP95Ms: 500 },
    login: { availability: 0.999, latencyP95Ms: 500 },
    refresh: { availability: 0.999, latencyP95Ms: 100 },
    getUser: { availability: 0.9995, latencyP95Ms: 50 },
    listUsers: { availability: 0.999, latencyP95Ms: 200 },
    getJwks: { availability: 0.9999, latencyP95Ms: 50 },
  },
  // Memory: each password being hashed takes 19 MiB.
  runs: { replicas: { min: 2, max: 6 }, cpuMillis: 250, memoryMiB: 256 },
});
