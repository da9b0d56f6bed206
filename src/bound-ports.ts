// The ports that a gateway listens on, by listener: bound before the configuration that names them is in force, and given up when one is
// in force that does not.

import type { Socket } from 'node:net'

import { failsAt } from './listen-failure.ts'
import type { Edge } from './proxy/edge.ts'
import type { Http1Server } from './proxy/http1/server.ts'

export interface BoundPort {
  /** The listener's. */
  readonly name: string
  readonly address: string
  /** The kernel's choice where the configuration says 0. */
  readonly port: number
}

export class BoundPorts {
  readonly #server: Http1Server<string>
  readonly #inForce: { readonly edge: Edge }
  readonly #bound = new Map<string, BoundPort>()

  constructor(server: Http1Server<string>, inForce: { readonly edge: Edge }) {
    this.#server = server
    this.#inForce = inForce
  }

  list(): readonly BoundPort[] {
    return [...this.#bound.values()]
  }

  /**
   * Returns the names of those that were not bound before. Rejects with the error of the first that cannot be bound, and binds none then.
   * @param chosen ports to take where the configuration says 0, by listener name
   */
  async bindNew({ listeners }: Edge, chosen: ReadonlyMap<string, number> = new Map()): Promise<readonly string[]> {
    const fresh: string[] = []
    try {
      for (const [name, { spec }] of listeners) {
        if (this.#bound.has(name)) continue
        const at = { address: spec.address, port: chosen.get(name) ?? spec.port }
        const failed = failsAt(spec, this.#bound.values())
        const { port } = await this.#server.listen(name, at, (socket) => this.#secured(name, socket)).catch(failed)
        this.#bound.set(name, { name, address: spec.address, port })
        fresh.push(name)
      }
      return fresh
    } catch (error) {
      this.unbind(fresh)
      throw error
    }
  }

  /** TLS as the configuration in force has it: a reload changes certificates, or puts TLS on a port, without binding it anew. */
  #secured(name: string, socket: Socket): Socket {
    const listener = this.#inForce.edge.listeners.get(name)
    // Bound for a configuration that is not in force yet.
    if (listener === undefined) return socket.destroy()
    return listener.termination?.wrap(socket) ?? socket
  }

  /** Gives up those that this configuration does not name. */
  unbindOld({ listeners }: Edge): void {
    this.unbind([...this.#bound.keys()].filter((name) => !listeners.has(name)))
  }

  unbind(names: readonly string[]): void {
    for (const name of names) {
      this.#server.unlisten(name)
      this.#bound.delete(name)
    }
  }
}
