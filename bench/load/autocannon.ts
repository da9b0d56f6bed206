// autocannon: the load where wrk is missing. This file is both sides: what starts the process, and the process.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

import type { Children } from '../children.ts'
import { type Load, type LoadGenerator, type LoadResult, requestIds } from './load.ts'

export function autocannon(children: Children): LoadGenerator {
  return {
    name: 'autocannon',
    install: 'is a development dependency of this project',
    version: async () => (createRequire(import.meta.url)('autocannon/package.json') as { version: string }).version,
    async run(load) {
      const child = children.start({
        name: 'autocannon',
        file: process.execPath,
        args: [import.meta.filename, JSON.stringify(load)],
        readOutput: true,
      })
      const [result] = await Promise.all([text(child.stdout!), once(child, 'exit')])
      if (result === '') throw new Error(`autocannon ended without a result: ${children.lastWords('autocannon')}`)
      return JSON.parse(result) as LoadResult
    },
  }
}

async function fire(load: Load): Promise<LoadResult> {
  const { default: run } = await import('autocannon')
  const headers = Object.fromEntries(load.headers)
  if (load.newConnections) headers['Connection'] = 'close'
  const result = await run({
    url: `${load.secure ? 'https' : 'http'}://127.0.0.1:${load.port}${load.path}`,
    method: load.method,
    headers,
    connections: load.connections,
    duration: load.seconds,
    ...(load.numbered && { requests: requestIds.map((id) => ({ headers: { ...headers, 'X-Request-Id': id } })) }),
    ...(load.bodyBytes > 0 && { body: Buffer.alloc(load.bodyBytes, 'x') }),
    // It takes an ended connection for an error unless it closes each itself.
    ...(load.newConnections && { reconnectRate: 1 }),
  })
  return {
    requests: result.requests.total,
    failed: result.errors + result['4xx'] + result['5xx'],
    requestsPerSecond: result.requests.total / result.duration,
    p50: result.latency.p50 * 1000,
    p99: result.latency.p99 * 1000,
  }
}

if (import.meta.main) {
  process.stdin
    .on('end', () => process.exit(1))
    .resume()
    .unref()
  const result = await fire(JSON.parse(process.argv[2]!) as Load)
  process.stdout.write(JSON.stringify(result))
}
