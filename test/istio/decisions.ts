// A decision in one line, from graylane's own function and from a proxy that was asked over a socket: who was asked for what, in which
// version; or the status of an answer that the proxy made itself.

import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { Rehearsal } from '../../src/rehearse.ts'
import type { RandomRequest } from './random-routes.ts'

/** What has to be alike: the answer's own status, or who was asked for what; and the version. */
export function decided({ explain, configuration }: Rehearsal, request: RandomRequest): { kind: string; text: string } {
  const headers = [['host', request.host] as const, ...request.headers]
  const seen = explain({ ip: request.from, method: request.method, url: request.path, headers })
  if (seen.forwards !== undefined) {
    const name = seen.steps.find(({ step }) => step === 'release')?.outcome.split(',')[0]
    const release = configuration.releases.find((one) => one.name === name)
    const port = release?.versions.get(seen.poolVersion)?.pools.get(seen.service)?.[0]?.port
    return { kind: seen.reason, text: `${port} ${seen.version} ${seen.forwards.target} ${seen.forwards.host}` }
  }
  if (seen.edgeCode === 'EDGE_NO_SERVICE' || seen.edgeCode === 'EDGE_NO_RELEASE') return { kind: 'none', text: '404' }
  return { kind: 'direct', text: `${seen.status} ${seen.version}` }
}

/** What the proxy at this port makes of it, in the same words. */
export function ask(port: number, { method, path, host, from, headers }: RandomRequest): Promise<string> {
  const flat = ['host', host, ...headers.flat(), 'connection', 'close']
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, localAddress: from, method, path, headers: flat, agent: false, setHost: false },
      (answer) => {
        answer.resume()
        answer.on('error', reject)
        answer.on('end', () => {
          const asked = answer.headers['x-asked']
          const version = answer.headers['x-version']
          const { statusCode } = answer
          if (typeof asked === 'string') resolve(asked.replace(' ', ` ${version} `))
          else resolve(statusCode === 404 ? '404' : `${statusCode} ${version}`)
        })
      },
    )
    request.on('error', reject)
    request.end()
  })
}

/** Says by a header who was asked for what. */
export async function startBackend(): Promise<Server> {
  const server = createServer((request, response) => {
    response.setHeader('x-asked', `${portOf(server)} ${request.url} ${request.headers.host}`)
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
