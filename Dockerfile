# One image for the operator and the proxies: sipcluster's own Node.js, its packages, its code with the types stripped.
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx --sbom-type=application >sbom.cdx.json

# Many datagrams a system call: a quarter less CPU a call.
FROM ${NODE_IMAGE} AS native
RUN command -v cc >/dev/null || { apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
WORKDIR /app
COPY --from=packages /app/node_modules/node-api-headers node_modules/node-api-headers
COPY proxy/transport/native proxy/transport/native
RUN sh proxy/transport/native/build.sh && test -f proxy/transport/native/build/udp.node

FROM ${NODE_IMAGE} AS code
WORKDIR /src
COPY . .
RUN node --disable-warning=ExperimentalWarning test/tools/package.ts /package \
 && mkdir /app \
 && tar -xzf /package/sipcluster-*.tgz -C /app --strip-components=1

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="sipcluster" \
      org.opencontainers.image.description="SIP proxies in front of SIP Server pairs on Kubernetes, and their operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      io.sipcluster.sbom="/app/sbom.cdx.json"
ENV NODE_ENV=production
COPY --from=packages /app/node_modules /app/node_modules
COPY --from=packages /app/sbom.cdx.json /app/
COPY --from=code /app /app
COPY --from=native /app/proxy/transport/native/build /app/proxy/transport/native/build
# Numeric, so that runAsNonRoot can be checked.
USER 65532:65532
ENTRYPOINT ["node", "/app/operator/bin/sipcluster.js"]
CMD ["operator"]
