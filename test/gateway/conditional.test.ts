// Two builds that share an ETag: v2 must not answer 304 to a page of v1.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createGateway } from '../../src/gateway.ts'

const page = { accept: 'text/html' }

it('a page is fetched anew when its version changed, and revalidated while it stays', async () => {
  const backend = createServer((request, response) => {
    response.setHeader('etag', '"same"')
    if (request.headers['if-none-match'] === '"same"') response.statusCode = 304
    response.end()
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const directory = await mkdtemp(join(tmpdir(), 'graylane-etag-'))
  const configPath = join(directory, 'routes.yaml')
  await writeFile(
    configPath,
    `listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: {} }
versions: { v1: { app: "${url}" }, v2: { app: "${url}" } }
stable: v1
gray: [{ version: v2, match: [{ headers: { x-user: { exact: jason } } }] }]
accessLog: off
`,
  )
  const gateway = await createGateway({ configPath, watch: false })
  try {
    const edge = `http://127.0.0.1:${gateway.listeners()[0]!.port}/`
    const first = await ask(edge, page)
    expect(first.statusCode).toBe(200)
    const cookie = first.headers['set-cookie']![0]!.split(';')[0]!
    const again = { ...page, cookie, 'if-none-match': first.headers.etag }
    expect((await ask(edge, again)).statusCode).toBe(304)
    const moved = await ask(edge, { ...again, 'x-user': 'jason' })
    expect([moved.statusCode, moved.headers['x-version']]).toEqual([200, 'v2'])
  } finally {
    await gateway.close()
    backend.close()
    await rm(directory, { recursive: true, force: true })
  }
})

function ask(url: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, (answer) => resolve(answer.resume())).on('error', reject)
  })
}
