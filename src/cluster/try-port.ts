// Finds out whether a port can be had, before workers bind it together: a port that is taken must not get as far as node:cluster, whose
// workers keep the socket that could not be bound, and end at an assertion when they are asked for that port again (Node 26.10).

import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/**
 * Binds and releases it; 0 is the kernel's choice. Rejects with the system's error. Free a moment ago, somebody else may take it before
 * it is bound.
 */
export async function tryPort(address: string, port: number): Promise<number> {
  const server = createServer().listen({ host: address, port, exclusive: true })
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port
  server.close()
  await once(server, 'close')
  return bound
}
