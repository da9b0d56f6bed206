// A backend that says how it is when asked at /healthz, and serves everything else all the same: only an active check can tell.

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export class CheckedBackend implements AsyncDisposable {
  /** Status of /healthz; `silent` never answers. */
  health: number | 'silent' = 200
  /** Requests of clients. */
  served = 0
  /** The last question. */
  asked: IncomingMessage | undefined
  questions = 0
  readonly #server = createServer((request, response) => {
    if (request.url !== '/healthz?deep') {
      this.served++
      response.setHeader('x-served-version', this.version)
      response.end(this.version)
      return
    }
    this.asked = request
    this.questions++
    if (this.health !== 'silent') response.writeHead(this.health).end('so so')
  })
  readonly version: string

  private constructor(version: string) {
    this.version = version
  }

  static async start(version: string, address = '127.0.0.1', port = 0): Promise<CheckedBackend> {
    const backend = new CheckedBackend(version)
    await new Promise<void>((resolve) => backend.#server.listen(port, address, resolve))
    return backend
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return `http://${address}:${port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}
