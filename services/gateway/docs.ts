// The page for trying the API out, at /docs. It lives in a Fastify of its own that is made when the
// page is first asked for: a start must not wait for it.

import type { FastifyInstance } from "fastify";
import { refusals } from "./refusals.ts";
import { routes } from "./routes.ts";

const docsPath = routes.getDocs.path;

/** `document`: gives the OpenAPI document. */
export function addDocs(app: FastifyInstance, document: () => object): void {
  let opening: Promise<FastifyInstance> | undefined;
  const page = () => {
    opening ??= openDocs(document());
    return opening;
  };
  app.addHook("onClose", async () => {
    if (opening !== undefined) await (await opening).close();
  });
  for (const { path, access } of [routes.getDocs, routes.getDocsFile]) {
    app.get(path, { config: { access } }, async (request, reply) => {
      const docs = await page();
      const answer = await docs.inject({ method: "GET", url: request.raw.url ?? docsPath });
      // Its own words for it repeat the path.
      if (answer.statusCode >= 400) throw refusals.refuse("route_not_found");
      const { "content-length": _, "transfer-encoding": __, connection: ___, ...headers } = answer.headers;
      return reply.code(answer.statusCode).headers(headers).send(answer.rawPayload);
    });
  }
}

async function openDocs(document: object): Promise<FastifyInstance> {
  const [{ fastify }, { default: swagger }, { default: swaggerUi }] = await Promise.all([
    import("fastify"),
    import("@fastify/swagger"),
    import("@fastify/swagger-ui"),
  ]);
  const docs = fastify({ logger: false });
  await docs.register(swagger, { mode: "static", specification: { document: document as never } });
  await docs.register(swaggerUi, {
    routePrefix: docsPath,
    staticCSP: true,
    uiConfig: { persistAuthorization: true, tryItOutEnabled: true },
  });
  await docs.ready();
  return docs;
}
