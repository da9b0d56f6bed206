import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SlowBackend {
  readonly url: string
  /** Requests that came. */
  readonly waiting: () => number
  /** Answers those that wait, and from then on all at once. */
  readonly release: () => void
  readonly close: () => void
}

/** Holds each answer, `late`, back until `release`. */
export async function startSlowBackend(): Promise<SlowBackend> {
  const released = Promise.withResolvers<void>()
  let waiting = 0
  const server = createServer((_request, response) => {
    waiting++
    void released.promise.then(() => response.end('late'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${port}`, waiting: () => waiting, release: released.resolve, close }
}
