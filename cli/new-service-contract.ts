// The contract of a new service: one RPC that has of everything that an RPC states.

import type { Names } from "./new-service-name.ts";

export const contractOf = ({ name, pascal, snake }: Names) => `// The contract of ${name}.

syntax = "proto3";

package webstore.${snake}.v1;

import "webstore/options/v1/options.proto";

// The ${name} service.
service ${pascal}Service {
  // Who answers. While a new version is rolled out, two answer side by side: who needs the new one says so, and is
  // refused by the old one.
  rpc Describe${pascal}(Describe${pascal}Request) returns (Describe${pascal}Response) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (options.v1.refusals) = "version_too_old"; // FAILED_PRECONDITION; older than \`version_min\`
    option (options.v1.access) = ACCESS_USER;
    option (options.v1.deadline_ms) = 1000;
  }
}

// What the caller needs.
message Describe${pascal}Request {
  // The least version that will do, as major.minor.patch; empty: any.
  string version_min = 1 [(options.v1.rules) = {
    max_len: 32
    pattern: "^[0-9]+[.][0-9]+[.][0-9]+$"
  }];
}

// Who answers.
message Describe${pascal}Response {
  // The service's name.
  string name = 1;
  // Its version, as major.minor.patch.
  string version = 2;
}
`;
