import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import { loadAnyConfiguration } from '../../src/any-configuration.ts'

const folder = mkdtempSync(join(tmpdir(), 'graylane-any-'))
afterAll(() => rmSync(folder, { recursive: true }))

const gateway = {
  kind: 'Gateway',
  apiVersion: 'networking.istio.io/v1',
  metadata: { name: 'edge' },
  spec: {
    selector: { istio: 'ingressgateway' },
    servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
  },
}

async function portsOf(name: string, text: string): Promise<readonly number[] | undefined> {
  const path = join(folder, name)
  writeFileSync(path, text)
  const loaded = await loadAnyConfiguration(path)
  return 'configuration' in loaded ? loaded.configuration.mesh?.listeners.map(({ port }) => port) : undefined
}

it('an empty path is no file, and not the root of all of them', async () => {
  const loaded = await loadAnyConfiguration('')
  expect(loaded.problems).toMatchObject([{ code: 'file', message: ': there is no such file' }])
})

describe('manifests are known by what they hold', () => {
  it.each([
    ['JSON on one line, the kind first', JSON.stringify(gateway)],
    ['JSON as kubectl prints it', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [gateway] }, undefined, 4)],
    [
      'JSON documents in one stream',
      `---\n${JSON.stringify(gateway)}\n---\n${JSON.stringify({ ...gateway, metadata: { name: 'b' } })}`,
    ],
    [
      'YAML behind a comment',
      `# a comment\n---\nkind: Gateway\napiVersion: networking.istio.io/v1beta1\nmetadata: {name: edge}\nspec: ${JSON.stringify(gateway.spec)}\n`,
    ],
  ])('%s', async (_, text) => {
    expect(await portsOf('manifests.txt', text)).toEqual([80])
  })

  it('and routes.yaml by the rest', async () => {
    const path = join(folder, 'routes.yaml')
    writeFileSync(
      path,
      'listen: [{ port: 0 }]\nservices: { a: / }\nversions: { v1: { a: http://127.0.0.1:1 } }\nstable: v1\n',
    )
    const loaded = await loadAnyConfiguration(path)
    expect('configuration' in loaded && loaded.configuration.releases).toHaveLength(1)
  })
})
