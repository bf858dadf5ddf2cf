import { expect, test } from "vitest";
import { requestAuthentication } from "./request-authentication.ts";
import { place, release } from "./testing.ts";

test("tokens are those of the store's issuer, for its audience, and go on to the gateway", () => {
  const { metadata, spec } = requestAuthentication("gateway", place);
  expect(metadata.name).toBe(`${release}-gateway`);
  expect(spec).toEqual({
    selector: { matchLabels: place.labelsOf("gateway") },
    jwtRules: [
      {
        issuer: "webstore",
        audiences: ["webstore"],
        jwksUri: "http://identity/.well-known/jwks.json",
        timeout: "30s",
        forwardOriginalToken: true,
      },
    ],
  });
});
