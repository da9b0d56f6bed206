// http-proxy-3, the maintained rewrite of node-http-proxy.

import { Agent, createServer, type ServerResponse } from 'node:http'

import { decide, type Decided, urlsOf } from './node-decision.ts'
import { nodeProxy, type Serve } from './node-proxy.ts'

export const httpProxy3 = nodeProxy('http-proxy-3', 'the rewrite of node-http-proxy (node:http)')

export const serve: Serve = async (port, backends) => {
  const { createProxyServer } = await import('http-proxy-3')
  const urls = urlsOf(backends)
  const decided = new WeakMap<object, Decided>()
  const agent = new Agent({ keepAlive: true, maxSockets: 1024, maxFreeSockets: 1024 })
  const proxy = createProxyServer({ xfwd: true, agent })
  proxy.on('proxyRes', (answer, request) => {
    const { version, setCookie } = decided.get(request)!
    answer.headers['x-version'] = version
    if (setCookie !== undefined) answer.headers['set-cookie'] = [setCookie]
  })
  proxy.on('error', (_error, _request, response) => {
    ;(response as ServerResponse).writeHead(502).end()
  })
  const server = createServer((request, response) => {
    const one = decide(request)
    decided.set(request, one)
    void proxy.web(request, response, { target: urls[one.version] })
  })
  server.keepAliveTimeout = 300_000
  server.listen({ port, host: '127.0.0.1', backlog: 4096 })
}
