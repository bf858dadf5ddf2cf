// The OpenAPI 3.1 document, made from the routes' own schemas when it is first asked for.

import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import { problemShape } from "./rest-shapes.ts";
import type { AnswerDescription, Route } from "./route.ts";

const version = "1.0.0";

/** Must be called before the routes are added. */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "WebStore",
        version,
        description:
          "Browse, fill a cart, check out. Money is a decimal string with its currency; errors are RFC 9457 problems " +
          "whose `reason` programs decide by.",
      },
      servers: [{ url: "/" }],
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
          apiKey: { type: "apiKey", in: "header", name: "X-Internal-Api-Key" },
        },
      },
    },
    // Connect's routes are described by their proto, not here.
    hideUntagged: true,
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
}

/** The document, without the schemas that nothing in it refers to. */
export function openApiDocument(app: FastifyInstance): object {
  const document = app.swagger() as { components?: { schemas?: Record<string, unknown> } };
  const schemas = document.components?.schemas ?? {};
  let unused: string[];
  do {
    const text = JSON.stringify(document);
    unused = Object.keys(schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`));
    for (const name of unused) delete schemas[name];
  } while (unused.length > 0);
  return document;
}

const problemAnswer = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemShape } },
});

/** What Fastify and @fastify/swagger are told of a route; nothing of it runs on a request. */
export function openApiSchemaOf(route: Route) {
  const reasons = route.refusals.length === 0 ? "" : ` Reasons: ${route.refusals.join(", ")}.`;
  const answers = Object.entries(route.answers).map(([status, answer]) => [status, answerSchemaOf(answer)]);
  return {
    operationId: route.name,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...securityOf(route),
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(route.query === undefined ? {} : { querystring: route.query }),
    ...(route.body === undefined ? {} : { body: route.body }),
    ...headersOf(route),
    ...(route.fileField === undefined ? {} : fileForm(route.fileField)),
    ...(route.bytesMax === undefined ? {} : { consumes: ["application/json"], body: anyObject() }),
    response: {
      ...Object.fromEntries(answers),
      default: problemAnswer(`A problem.${reasons}`),
    },
  };
}

function answerSchemaOf({ description, schema, contentType }: AnswerDescription) {
  if (contentType !== undefined) return { description, content: { [contentType]: { schema: bytes() } } };
  // How @fastify/swagger is told that there is no body.
  if (schema === undefined) return z.null().meta({ description });
  return { description, content: { "application/json": { schema } } };
}

function securityOf({ access }: Route): { security?: Record<string, string[]>[] } {
  if (access === "public") return {};
  return { security: [access === "partner" ? { apiKey: [] } : { bearer: [] }] };
}

function headersOf({ headers, idempotencyKey: need, idempotencyKeyHeader }: Route): { headers?: z.ZodType } {
  if (need === undefined) return headers === undefined ? {} : { headers };
  const key = z.string().meta({ format: "uuid", description: "Makes repeating the request safe." });
  const name = idempotencyKeyHeader ?? "idempotency-key";
  return { headers: z.object({ [name]: need === "required" ? key : key.optional() }) };
}

function fileForm(field: string) {
  return { consumes: ["multipart/form-data"], body: z.object({ [field]: bytes() }) };
}

const anyObject = () => z.any().meta({ type: "object" });
const bytes = () => z.any().meta({ type: "string", format: "binary" });
