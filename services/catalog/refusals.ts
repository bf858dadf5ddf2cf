// Why the catalog refuses: its closed list of reasons. The contract names them RPC by RPC; refusals.test.ts holds both equal.

import { defineRefusals } from "@webstore/kit";

export const refusals = defineRefusals("catalog", {
  product_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such product.",
    operator:
      "A wrong or old id. Products are never deleted: if many ids are unknown at once, look for a lost database.",
  },
  product_exists: {
    code: "ALREADY_EXISTS",
    caller: "There is another product with this id already.",
    operator: "A client reuses an id for other content; it should make a new one for each product.",
  },
  image_invalid: {
    code: "INVALID_ARGUMENT",
    caller: "This is not an image in PNG, JPEG or WebP format, or it is damaged.",
    operator:
      "The file's content decides, not its name. Many at once may be somebody who tries out what gets through.",
  },
  image_too_large: {
    code: "INVALID_ARGUMENT",
    caller: "The image must have at most 5 MiB and 40 million pixels.",
    operator: "A large photograph, or a small file that would unpack to a very large picture.",
  },
  too_many_images: {
    code: "FAILED_PRECONDITION",
    caller: "The product has as many images as it can have.",
    operator: "Staff reached the limit of 10 images for one product.",
  },
  image_not_found: {
    code: "NOT_FOUND",
    caller: "There is no such image.",
    operator:
      "A wrong id. Images are never deleted: if many ids are unknown at once, look for a lost database.",
  },
});
