// A decision in one line, from graylane's own function and from a proxy that was asked over a socket: who was asked for what, in which
// version; or the status of an answer that the proxy made itself.

import { createServer, type IncomingMessage, request as httpRequest, type Server } from 'node:http'
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

/** Everything that an answer shows of what a service does: status, version, attempts, fields of CORS. */
export function askForAll(
  port: number,
  { method, path, host, from, headers }: RandomRequest,
  id: string,
): Promise<string> {
  const flat = ['host', host, ...headers.flat(), 'x-id', id, 'connection', 'close']
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      localAddress: from,
      method,
      path,
      headers: flat,
      agent: false,
      setHost: false,
    }
    httpRequest(options, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (part: string) => (body += part))
      answer.on('error', reject)
      answer.on('end', () => {
        const isAbort =
          body === 'fault filter abort' || (method === 'HEAD' && answer.headers['content-length'] === '18')
        const shown = Object.entries(answer.headers).filter(([name]) => compared.test(name))
        // CORS answers past the router, and what nobody serves is no version's: no version there.
        const isOfRoute = answer.headers['x-asked'] !== undefined || isAbort
        const version = isOfRoute ? String(answer.headers['x-version']) : ''
        resolve(JSON.stringify([answer.statusCode, version, ...shown.toSorted()]))
      })
    })
      .on('error', reject)
      .end()
  })
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

/**
 * Says by a header who was asked for what, and how often for this request (`x-id`). `x-fail: 503 2` makes it answer so the first two times.
 * @param asked is told of every request
 */
export async function startBackend(asked?: (request: IncomingMessage, at: Server) => void): Promise<Server> {
  const times = new Map<string, number>()
  const server = createServer((request, response) => {
    asked?.(request, server)
    const id = String(request.headers['x-id'])
    const time = (times.get(id) ?? 0) + 1
    times.set(id, time)
    const [status, failures] = String(request.headers['x-fail'] ?? '200 0').split(' ')
    response.statusCode = time <= Number(failures) ? Number(status) : 200
    response.setHeader('x-asked', `${portOf(server)} ${request.url} ${request.headers.host}`)
    response.setHeader('x-times', String(time))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

const compared = /^(?:x-asked|x-times|access-control-.*)$/
