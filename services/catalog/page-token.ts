// Where the next page of a list begins, as text for the caller to hand back.
//
// Invariants:
//   T1. A token is good for the filter that it was made for and for no other.
//   T2. Whatever is not a token is `invalid_request`. A token that somebody forges is worth no more than a
//       position in the list, which is no secret: the digest finds mistakes, it does not keep anybody out.

import { createHash } from "node:crypto";
import { invalidRequest } from "@webstore/kit";

/** The last product of a page; the next page begins behind it. */
export type Position = { readonly sortKey: string; readonly productId: string };

const digestBytes = 8;
const idBytes = 16;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `filter` is any text that tells one filter from another. */
export function pageTokenOf(position: Position, filter: string): string {
  const body = Buffer.concat([
    Buffer.from(position.productId.replaceAll("-", ""), "hex"),
    Buffer.from(position.sortKey),
  ]);
  return Buffer.concat([digestOf(body, filter), body]).toString("base64url");
}

export function positionOf(pageToken: string, filter: string): Position {
  const bytes = Buffer.from(pageToken, "base64url");
  const body = bytes.subarray(digestBytes);
  const made =
    body.length >= idBytes &&
    bytes.toString("base64url") === pageToken &&
    bytes.subarray(0, digestBytes).equals(digestOf(body, filter));
  if (!made) throw notATokenOfThisList();
  try {
    return { productId: uuidOf(body.subarray(0, idBytes)), sortKey: utf8.decode(body.subarray(idBytes)) };
  } catch {
    throw notATokenOfThisList();
  }
}

const digestOf = (body: Buffer, filter: string): Buffer =>
  createHash("sha256").update(filter).update("\0").update(body).digest().subarray(0, digestBytes);

const uuidOf = (bytes: Buffer): string =>
  bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

const notATokenOfThisList = () =>
  invalidRequest("page_token", "is not one that a list with this filter gave");
