// What a new service may be called, and what follows from its name.

import { UsageFailure } from "./failure.ts";

export type Names = {
  /** As typed, such as `gift-cards`: its folder, its chart, its objects in a cluster. */
  readonly name: string;
  /** `giftCards`: its definition. */
  readonly camel: string;
  /** `GiftCards`: in its contract. */
  readonly pascal: string;
  /** `gift_cards`: its contract's package and files; a package cannot have hyphens. */
  readonly snake: string;
};

/** With a release before it, it is a host name, which has 63 characters at most. */
const lengthMax = 30;
const kebab = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;

/** What something else is called already where the name will stand. */
const reserved = new Set(
  [
    // folders, images, values and objects of the store as a whole
    "kit journeys simulator system start store webstore postgres redis mongodb mongo kafka test tests",
    "global secrets secret istio ingress istiod observability monitoring external host",
    // packages of contracts
    "google common options ops storefront grpc gen es",
    // files of every service, and what its code imports
    "main definition package rpc refusals fake run service program manifest running call describe expect",
    // words of the language
    "abstract arguments as async await break case catch class const continue debugger default delete do else",
    "enum eval export extends false finally for from function if implements import in instanceof interface let",
    "new null of private protected public return static super switch this throw true try type typeof undefined",
    "var void while with yield",
  ].flatMap((line) => line.split(" ")),
);

export function namesOf(name: string): Names {
  if (!kebab.test(name) || name.length < 2 || name.length > lengthMax)
    throw new UsageFailure(
      `${name} cannot be a name: it must be 2 to ${lengthMax} lower-case letters and digits, in words that begin with a letter, with hyphens between them, such as gift-cards`,
    );
  if (reserved.has(name)) throw new UsageFailure(`${name} cannot be a name: something else is called so`);
  const words = name.split("-");
  const pascal = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return { name, pascal, camel: pascal.charAt(0).toLowerCase() + pascal.slice(1), snake: words.join("_") };
}
