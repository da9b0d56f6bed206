// A port for a listener that leaves the choice to the kernel. All workers have to be given the same one.

import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** Free a moment ago: somebody else may take it before it is bound. Rejects when the address is none of this machine. */
export async function freePort(address: string): Promise<number> {
  const server = createServer().listen({ host: address, port: 0, exclusive: true })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
