// fast-proxy, with its own undici. It knows one base address each, hence one proxy a version.

import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'

import { decide, type Decided, forwardedFor, urlsOf } from './node-decision.ts'
import { nodeProxy, type Serve } from './node-proxy.ts'

export const fastProxy = nodeProxy('fast-proxy', 'a small proxy over an older undici')

export const serve: Serve = async (port, backends) => {
  const { default: createFastProxy } = await import('fast-proxy')
  const undici = { connections: 256, pipelining: 1, keepAliveTimeout: 300_000 }
  const urls = urlsOf(backends)
  const proxyOf = (base: string) => createFastProxy({ base, undici }).proxy
  const proxies = { v1: proxyOf(urls.v1), v2: proxyOf(urls.v2), v3: proxyOf(urls.v3) }
  const server = createServer((request, response) => {
    const decided = decide(request)
    proxies[decided.version](request, response, request.url ?? '/', {
      rewriteRequestHeaders: rewriteRequest,
      rewriteHeaders: (headers) => rewriteAnswer(headers, decided),
    })
  })
  server.keepAliveTimeout = 300_000
  server.listen({ port, host: '127.0.0.1', backlog: 4096 })
}

function rewriteRequest(request: IncomingMessage, headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  headers['x-forwarded-for'] = forwardedFor(request)
  headers.host = request.headers.host
  delete headers.connection
  return headers
}

function rewriteAnswer(headers: OutgoingHttpHeaders, { version, setCookie }: Decided): OutgoingHttpHeaders {
  headers['x-version'] = version
  if (setCookie !== undefined) headers['set-cookie'] = setCookie
  delete headers.connection
  delete headers['keep-alive']
  delete headers['transfer-encoding']
  return headers
}
