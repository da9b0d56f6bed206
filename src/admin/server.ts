// The admin server: how the gateway is, what it was told, why it decides as it does, reloads and releases. On a port of its own,
// loopback unless a token is set; beside it an optional probe port for kubelet and Prometheus. Never on the path of a user's request.

import { once } from 'node:events'

import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'

import { withPort } from '../rules/authority.ts'
import { configurationJson } from './configuration-json.ts'
import { addDashboard } from './dashboard-files.ts'
import {
  explainBodySchema,
  explainInput,
  explainQuerySchema,
  type ExplainBody,
  type ExplainQuery,
} from './explain-schema.ts'
import { createGuard, foreignPage, isLoopback, type GuardedRequest, type Refusal } from './guard.ts'
import { problem } from './problem-answer.ts'
import { addReleaseRoutes } from './release-routes.ts'
import { addTrafficRoutes } from './traffic-routes.ts'
import type { AdminView, MetricsText } from './view.ts'

export interface ListenAddress {
  /** A name or an address, without brackets. */
  readonly host: string
  /** 0 lets the kernel choose. */
  readonly port: number
}

export interface AdminOptions {
  readonly view: AdminView
  readonly metrics: MetricsText
  readonly listen: ListenAddress
  /** Opens /healthz, /readyz and /metrics, and nothing else, without token or Host check. */
  readonly probe?: ListenAddress | undefined
  /** Bearer token for every request; required when `listen` is not loopback. At least 16 characters. */
  readonly token?: string | undefined
  /** graylane's own version. */
  readonly build?: string
}

export interface AdminServer {
  /** As bound, e.g. `127.0.0.1:9901`. */
  readonly address: string
  readonly probeAddress: string | undefined
  close(): Promise<void>
}

/** Rejects when a token is missing or short, or when an address cannot be bound. */
export async function createAdminServer(options: AdminOptions): Promise<AdminServer> {
  const { view, metrics, listen, probe, token, build = '' } = options
  if (token === undefined && !isLoopback(listen.host)) {
    throw new Error(
      `the admin server listens on ${listen.host}, which is not loopback: it needs a token, by --admin-token-file or GRAYLANE_ADMIN_TOKEN`,
    )
  }
  if (token !== undefined && token.length < 16) throw new Error('the admin token is shorter than 16 characters')

  const admin = newServer(createGuard({ host: listen.host, token }))
  await addDescription(admin, build)
  admin.register(async (routes) => {
    addProbeRoutes(routes, view, metrics, true)
    addAdminRoutes(routes, view)
    addTrafficRoutes(routes, view, build)
    addReleaseRoutes(routes, view)
    addDashboard(routes)
    routes.get('/openapi.json', { schema: { summary: 'This description', tags: ['help'] } }, (_request, reply) =>
      reply.send(admin.swagger()),
    )
  })
  const servers = [admin]
  try {
    const address = await bind(admin, listen)
    let probeAddress: string | undefined
    if (probe !== undefined) {
      const probing = newServer(foreignPage)
      addProbeRoutes(probing, view, metrics, false)
      servers.push(probing)
      probeAddress = await bind(probing, probe)
    }
    return { address, probeAddress, close: () => closeAll(servers) }
  } catch (error) {
    await closeAll(servers)
    throw error
  }
}

/** Fastify with the guard in front of every route, 404 included, and small limits. */
function newServer(guard: (request: GuardedRequest) => Refusal | undefined): FastifyInstance {
  const server = fastify({
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    keepAliveTimeout: 5_000,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  server.removeContentTypeParser('text/plain')
  // Answers are what they are: a description of them must not leave anything out.
  server.setSerializerCompiler(() => (data) => JSON.stringify(data))
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(answerHeaders)
    const refusal = guard(guardedParts(request))
    if (refusal === undefined || (refusal.status === 401 && isOpen(request))) return
    if (refusal.status === 401) reply.header('www-authenticate', 'Bearer')
    return problem(reply, refusal.status, refusal.title)
  })
  server.setNotFoundHandler((_request, reply) => problem(reply, 404, 'There is no such page'))
  server.setErrorHandler((error, _request, reply) => {
    const { statusCode = 500, message } = error as { readonly statusCode?: number; readonly message: string }
    return problem(reply, statusCode, message)
  })
  return server
}

/** The dashboard itself, which asks for the token. */
function isOpen({ routeOptions }: FastifyRequest): boolean {
  // Behind no route there is no configuration.
  return (routeOptions.config as { readonly open?: boolean } | undefined)?.open === true
}

/** All lines of a field joined: Node keeps the first of two Hosts, and two of anything here are one too many. */
function guardedParts({ raw }: FastifyRequest): GuardedRequest {
  const lines = raw.headersDistinct
  return {
    host: lines['host']?.join(),
    origin: lines['origin']?.join(),
    secFetchSite: lines['sec-fetch-site']?.join(),
    authorization: lines['authorization']?.join(),
    localAddress: raw.socket.localAddress,
  }
}

/** No script, no frame, no cache, no guessing of types: what is shown holds names that others wrote. */
const answerHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

/** OpenAPI, made of the schemas that requests are checked by. Before the routes, which it has to see. */
async function addDescription(server: FastifyInstance, build: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'graylane admin server',
        description:
          'How the gateway is, why it decides as it does, and the release verbs. Refusals are problem+json (RFC 9457).',
        version: build,
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{}, { token: [] }],
    },
  })
}

function addProbeRoutes(server: FastifyInstance, view: AdminView, metrics: MetricsText, verboseAllowed: boolean): void {
  server.get('/healthz', described('Whether the process answers', 'probe'), (_request, reply) =>
    reply.type(plainText).send('ok\n'),
  )

  server.get<{ Querystring: { verbose?: string } }>('/readyz', readyz, (request, reply) => {
    reply.code(view.state === 'ready' ? 200 : 503)
    if (!verboseAllowed || request.query.verbose === undefined) return reply.type(plainText).send(`${view.state}\n`)
    const { snapshot, ...lastReload } = view.lastReload()
    const workers = view.workers?.()
    return reply.send({ state: view.state, configuration: snapshot, listeners: view.listeners(), workers, lastReload })
  })

  server.get('/metrics', described('Prometheus text format', 'probe'), async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}

function addAdminRoutes(server: FastifyInstance, view: AdminView): void {
  server.get('/config', described('The configuration in force, without keys', 'watch'), (_request, reply) => {
    const { text: _asWritten, ...configuration } = view.configuration() as { readonly text?: string }
    return reply.send(configurationJson(configuration))
  })

  server.post(
    '/reload',
    described('Read the files again; 422 when they are refused', 'release'),
    async (_request, reply) => {
      const result = await view.reload()
      return reply.code(result.ok ? 200 : 422).send(result)
    },
  )

  server.get<{ Querystring: ExplainQuery }>(
    '/explain',
    { schema: { querystring: explainQuerySchema, ...explaining } },
    (request, reply) => explain(view, request.query, reply),
  )
  server.post<{ Body: ExplainBody }>(
    '/explain',
    { schema: { body: explainBodySchema, ...explaining } },
    (request, reply) => explain(view, request.body, reply),
  )
}

function explain(view: AdminView, question: ExplainQuery | ExplainBody, reply: FastifyReply): FastifyReply {
  const input = explainInput(question, view.listeners())
  return typeof input === 'string' ? problem(reply, 400, input) : reply.send(view.explain(input))
}

const explaining = { summary: 'Which version a request would get, and why', tags: ['watch'] }

const readyz = {
  schema: {
    summary: 'Whether requests are served; with ?verbose what is in force and how the last reload went',
    tags: ['probe'],
    querystring: { type: 'object', properties: { verbose: { type: 'string' } } },
  },
} as const

function described(summary: string, tag: string): { readonly schema: object } {
  return { schema: { summary, tags: [tag] } }
}

const plainText = 'text/plain; charset=utf-8'

async function bind(server: FastifyInstance, { host, port }: ListenAddress): Promise<string> {
  // Told of all IPv4 addresses, fastify asks the system which these are, and falls where it may not: a sandbox without AF_NETLINK.
  if (host === '0.0.0.0') await listenUnasked(server, port)
  else await server.listen({ host, port })
  const bound = server.server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the admin server is not bound to a port')
  return withPort(bound.address, bound.port)
}

async function listenUnasked(server: FastifyInstance, port: number): Promise<void> {
  await server.ready()
  server.server.listen({ host: '0.0.0.0', port })
  await once(server.server, 'listening')
}

async function closeAll(servers: readonly FastifyInstance[]): Promise<void> {
  await Promise.all(
    servers.map((server) => {
      const closed = server.close()
      // For one that fastify did not let listen itself.
      server.server.closeAllConnections()
      return closed
    }),
  )
}
