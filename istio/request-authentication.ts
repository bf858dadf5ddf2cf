// Whose token is good: RequestAuthentication, on the pods that the world reaches. A token that is forged, expired or
// somebody else's is answered 401 before the gateway sees it. No token at all is nobody's here; what nobody may do is
// role-policy.ts's.
//
// A bad token is refused on public paths, too: the mesh looks at the token before it looks at the path.

import { type Manifest, metadataOf, type Place, podsOf, type Selector, securityApi } from "./place.ts";

export type RequestAuthenticationSpec = {
  readonly selector: Selector;
  readonly jwtRules: readonly {
    readonly issuer: string;
    readonly audiences: readonly string[];
    readonly jwksUri: string;
    /** For all tries of the control plane together, which are made a second apart: with the usual 5 s it gives up early. */
    readonly timeout: string;
    readonly forwardOriginalToken: boolean;
  }[];
};
export type RequestAuthentication = Manifest<RequestAuthenticationSpec>;

/** The token goes on to the gateway, which verifies it again and passes it to the services that it calls. */
export function requestAuthentication(service: string, place: Place): RequestAuthentication {
  const { issuer, audience, jwksUri } = place;
  return {
    apiVersion: securityApi,
    kind: "RequestAuthentication",
    metadata: metadataOf(service, place),
    spec: {
      selector: podsOf(service, place),
      jwtRules: [{ issuer, audiences: [audience], jwksUri, timeout: "30s", forwardOriginalToken: true }],
    },
  };
}
