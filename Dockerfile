# The last stage is the image: Node, the production packages, the sources. The demo is a stage of its own (deploy/compose.yaml).
FROM node:26-slim AS packages
WORKDIR /app
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
RUN npx -y pnpm@12 install --prod --frozen-lockfile --ignore-scripts

FROM node:26-slim AS demo
WORKDIR /app
COPY . .
RUN npx -y pnpm@12 install --frozen-lockfile
# The one place where the demo writes in here: its pages, which it builds when it starts.
RUN install -d -o 1000 -g 1000 demo/frontend/dist
USER 1000:1000
CMD ["node_modules/.bin/node", "src/main.ts", "demo"]

FROM node:26-slim
# Nothing here installs packages: what can is taken out.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* /usr/local/bin/yarn*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
COPY config ./config
# By number, so that runAsNonRoot can tell. Ports below 1024 need no root: Docker and containerd let any user bind them
# (net.ipv4.ip_unprivileged_port_start=0). Nothing is ever written: the root may be read-only.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
# Whoever opens the admin server to others gives its token, or the name of its file, by the environment, so that this check knows it too.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "const { GRAYLANE_ADMIN_TOKEN_FILE: file, GRAYLANE_ADMIN_TOKEN } = process.env; const token = file ? fs.readFileSync(file, 'utf8').trim() : GRAYLANE_ADMIN_TOKEN; fetch('http://127.0.0.1:9901/readyz', { headers: { authorization: 'Bearer ' + token } }).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "src/main.ts"]
CMD ["serve", "--config", "config/routes.yaml"]
