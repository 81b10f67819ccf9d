# One image for the operator and the proxies: sipcluster's own Node.js, its packages, its code with the types stripped.
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node --disable-warning=ExperimentalWarning test/tools/package.ts /package
WORKDIR /app
RUN tar -xzf /package/sipcluster-*.tgz --strip-components=1 \
 && cp /src/package-lock.json . \
 && npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm package-lock.json

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="sipcluster" \
      org.opencontainers.image.description="SIP proxies in front of SIP Server pairs on Kubernetes, and their operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV NODE_ENV=production
COPY --from=build /app /app
# Numeric, so that runAsNonRoot can be checked.
USER 65532:65532
ENTRYPOINT ["node", "/app/operator/bin/sipcluster.js"]
CMD ["operator"]
