// Listening on an address that was promised, and saying plainly when somebody else has it.
// Knows nothing of what is served there.

import { createServer, type AddressInfo, type Server } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** An address that a part of the demo needs, and what it is for. Port 0 lets the kernel choose. */
export interface PartAddress {
  readonly part: string
  readonly host: string
  readonly port: number
}

/** Listens, and gives the port. Throws an Error that names the address and the part when it cannot. */
export function listen(server: Server, at: PartAddress): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const onError = (error: NodeJS.ErrnoException): void => reject(listenError(at, error))
  server.once('error', onError)
  server.listen({ host: at.host, port: at.port }, () => {
    server.removeListener('error', onError)
    resolve((server.address() as AddressInfo).port)
  })
  return promise
}

export interface RunningServer {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Starts it at that address. Throws an Error that names the address and the part when it cannot. */
export async function serve(server: FastifyInstance, at: PartAddress): Promise<RunningServer> {
  try {
    const url = await server.listen({ host: at.host, port: at.port })
    return { host: at.host, port: Number(new URL(url).port), close: () => server.close() }
  } catch (error) {
    await server.close()
    throw listenError(at, error as NodeJS.ErrnoException)
  }
}

/** Throws an Error that names every taken address when one of them cannot be had. Leaves all of them free. */
export async function checkAddresses(addresses: readonly PartAddress[]): Promise<void> {
  const tries = await Promise.all(addresses.map(tryAddress))
  const problems = tries.filter((problem) => problem !== undefined)
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

/**
 * As many different ports of 127.0.0.1, chosen by the kernel and held until `release`: an outgoing connection of ours, or another
 * program, could be given a port that was merely free a moment ago.
 */
export async function reservePorts(count: number): Promise<{ ports: number[]; release(): Promise<void> }> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(servers.map((server) => listen(server, { part: 'demo', host: '127.0.0.1', port: 0 })))
  return {
    ports,
    async release() {
      await Promise.all(servers.map(closeServer))
    },
  }
}

/** What went wrong at an address, in words for the one who started the demo. */
function listenError(at: PartAddress, error: NodeJS.ErrnoException): Error {
  const place = `${at.host}:${at.port}`
  if (error.code === 'EADDRINUSE') {
    return new Error(
      `${place} is taken: ${at.part} needs it. End what listens there (another demo?), or use --ports auto.`,
    )
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return new Error(
      `${at.host} is no address of this machine: ${at.part} needs it. On macOS: sudo ifconfig lo0 alias ${at.host}`,
    )
  }
  return new Error(`${at.part} cannot listen on ${place}: ${error.message}`, { cause: error })
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

async function tryAddress(at: PartAddress): Promise<string | undefined> {
  const server = createServer()
  try {
    await listen(server, at)
    await closeServer(server)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
