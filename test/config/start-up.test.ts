// What can happen to the file while a gateway starts, or in its place.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadConfiguration } from '../../src/config/load.ts'
import { createGateway } from '../../src/gateway.ts'

let directory: string
let configPath: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graylane-start-'))
  configPath = join(directory, 'routes.yaml')
})

afterEach(() => rm(directory, { recursive: true, force: true }))

function routes(stable: string): string {
  return `listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: {} }
versions: { v1: { app: "http://app.test:80" }, v2: { app: "http://app.test:80" } }
stable: ${stable}
accessLog: off
`
}

it('a change that comes while the gateway starts is not lost', async () => {
  await writeFile(configPath, routes('v1'))
  let changed = false
  const lookUp = async (): Promise<readonly string[]> => {
    // The file was read; names resolve now, and nobody watches yet.
    if (!changed) await writeFile(configPath, routes('v2'))
    changed = true
    return ['127.0.0.1']
  }
  const gateway = await createGateway({ configPath, lookUp })
  try {
    await expect.poll(() => gateway.configuration().releases[0]?.stable, { timeout: 2000 }).toBe('v2')
  } finally {
    await gateway.close()
  }
})

it('a pipe in the place of routes.yaml is a problem, and holds nobody up', async () => {
  execFileSync('mkfifo', [configPath])
  const loaded = await loadConfiguration(configPath)
  expect(loaded.problems.map(({ message }) => message).join()).toContain('not a file')
})
