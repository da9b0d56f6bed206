// A gateway before one app that is v1 and v2 at once: what tells them apart is what the gateway does. v2 is for the user jason.

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startGateway } from '../support/started-gateway.ts'

/** `use` gets the URL of the edge; everything is closed when it has ended. */
export async function withSharedApp(answer: RequestListener, use: (edge: string) => Promise<void>): Promise<void> {
  const backend = createServer(answer)
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const edge = await startGateway(
    `listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: {} }
versions: { v1: { app: "${url}" }, v2: { app: "${url}" } }
stable: v1
gray: [{ version: v2, match: [{ headers: { x-user: { exact: jason } } }] }]
accessLog: off
`,
  )
  try {
    await use(`http://127.0.0.1:${edge.port}/`)
  } finally {
    await edge.close()
    backend.close()
  }
}
