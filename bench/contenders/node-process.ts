// The process of one rival that is a Node library: PACKAGE PORT BACKENDS. Ends when its standard input does.

import type { Ports } from '../backend.ts'
import type { Serve } from './node-proxy.ts'

/** Only the one that runs is loaded. */
const rivals: Readonly<Record<string, () => Promise<{ readonly serve: Serve }>>> = {
  '@fastify/http-proxy': () => import('./fastify-http-proxy.ts'),
  'http-proxy-3': () => import('./http-proxy-3.ts'),
  'http-proxy-middleware': () => import('./http-proxy-middleware.ts'),
  'fast-proxy': () => import('./fast-proxy.ts'),
}

const [name, port, backends] = process.argv.slice(2) as [string, string, string]
const { serve } = await rivals[name]!()
await serve(Number(port), JSON.parse(backends) as Ports)
process.stdin.on('end', () => process.exit(0)).resume()
