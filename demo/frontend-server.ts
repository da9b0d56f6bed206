// The story's frontend: serves one build of the page, and asks mqtt-server on the page's behalf through graylane.
// Sends every backend call to graylane's internal listener and never to a version of mqtt-server directly.

import httpProxy from '@fastify/http-proxy'
import fastifyStatic from '@fastify/static'
import { fastify, type FastifyInstance } from 'fastify'
import { type Propagation, propagateVersion } from '../src/propagate/propagate.ts'
import type { Build } from './frontend/build.ts'
import { serve, type RunningServer, type PartAddress } from './listen.ts'

/**
 * Serves the build at that address. `internalUrl` is graylane's internal listener.
 * Throws an Error that names the address when it is taken.
 */
export async function startFrontend(build: Build, at: PartAddress, internalUrl: string): Promise<RunningServer> {
  const server = fastify({ forceCloseConnections: true })
  const propagation = propagateVersion({ served: build.version })
  await server.register(propagation.fastify)
  await server.register(fastifyStatic, {
    root: build.directory,
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders: (reply, path) => {
      const hashed = path.includes('/assets/')
      reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  await server.register(registerBackendCalls, { internalUrl, sourceAddress: at.host, propagation })
  return serve(server, at)
}

/**
 * The two ways a caller can be told apart on the internal listener: it hands on the version it was asked in, or it does
 * nothing at all and is known by its address, which belongs to the pools of one version only.
 */
async function registerBackendCalls(
  server: FastifyInstance,
  { internalUrl, sourceAddress, propagation }: { internalUrl: string; sourceAddress: string; propagation: Propagation },
): Promise<void> {
  const shared = { upstream: internalUrl, rewritePrefix: '/api', destroyAgent: true, disableRequestLogging: true }
  await server.register(httpProxy, {
    ...shared,
    prefix: '/bff',
    undici: { localAddress: '127.0.0.1' },
    replyOptions: { ...nameTheAnswer, rewriteRequestHeaders: () => ({ ...backendCall, ...propagation.fields() }) },
  })
  await server.register(httpProxy, {
    ...shared,
    prefix: '/bff/by-address',
    undici: { localAddress: sourceAddress },
    replyOptions: { ...nameTheAnswer, rewriteRequestHeaders: () => backendCall },
  })
}

/** A call of the frontend's own, not the browser's passed on: only what it means to say. */
const backendCall = { host: 'mqtt-server', accept: 'application/json' }

/** The edge writes x-version on the way out; this keeps what the internal listener said. */
const nameTheAnswer = {
  rewriteHeaders: (headers: Record<string, string | string[] | undefined>) => ({
    ...headers,
    'x-backend-version': headers['x-version'],
  }),
}
