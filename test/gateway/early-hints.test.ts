// What a browser loads early it asks for with the pin it has, which is not yet that of the page to come.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, get, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createGateway } from '../../src/gateway.ts'

const hint = '</app.js>; rel=preload; as=script'
const page = { accept: 'text/html' }

it('a hint to load something early reaches those who hold the pin of its version, and nobody else', async () => {
  const backend = createServer((_request, response) => response.writeEarlyHints({ link: hint }, () => response.end()))
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
  const directory = await mkdtemp(join(tmpdir(), 'graylane-hints-'))
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
    const pinned = { ...page, cookie: first.cookie! }
    expect(first.hints).toEqual([undefined])
    expect((await ask(edge, pinned)).hints).toEqual([hint])
    expect((await ask(edge, { ...pinned, 'x-user': 'jason' })).hints).toEqual([undefined])
    expect((await ask(edge, { ...pinned, accept: '*/*', 'x-user': 'jason' })).hints).toEqual([hint])
  } finally {
    await gateway.close()
    backend.close()
    await rm(directory, { recursive: true, force: true })
  }
})

/** The links of the interim answers, and the pin. */
function ask(url: string, headers: OutgoingHttpHeaders): Promise<{ hints: unknown[]; cookie: string | undefined }> {
  return new Promise((resolve, reject) => {
    const hints: unknown[] = []
    const request = get(url, { headers, agent: false }, (answer) => {
      resolve({ hints, cookie: answer.resume().headers['set-cookie']?.[0]?.split(';')[0] })
    })
    request.on('information', (interim) => hints.push(interim.headers['link']))
    request.on('error', reject)
  })
}
