// The mount of deploy/kubernetes: a directory that the kubelet swaps as a whole, configuration and list files together.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, it } from 'vitest'

import { rawRequest } from '../admin/raw-request.ts'
import { ServingProcess } from '../cli/graylane-process.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { pointTo } from '../support/rewrite-file.ts'

let mount: string
let backends: EchoBackend[]
let serving: ServingProcess | undefined

beforeEach(async () => {
  mount = await mkdtemp(join(tmpdir(), 'graylane-mount-'))
  backends = await Promise.all([startEchoBackend('frontend', 'v1'), startEchoBackend('frontend', 'v2')])
})
afterEach(async () => {
  await serving?.kill()
  await Promise.all(backends.map((backend) => backend.close()))
  await rm(mount, { recursive: true })
})

/** One ConfigMap with two keys, as the kubelet writes it. */
async function mountFiles(files: Readonly<Record<string, string>>, n: number): Promise<void> {
  const data = `..2026_01_01_00_00_00.${n}`
  await mkdir(join(mount, data))
  for (const [name, text] of Object.entries(files)) await writeFile(join(mount, data, name), text)
  await pointTo(mount, '..data', data)
  if (n === 0) for (const name of Object.keys(files)) await symlink(`..data/${name}`, join(mount, name))
  else await rm(join(mount, `..2026_01_01_00_00_00.${n - 1}`), { recursive: true })
}

function routes(stable: string): string {
  const [v1, v2] = backends.map(({ url }) => url)
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services: { frontend: }
versions: { v1: { frontend: "${v1}" }, v2: { frontend: "${v2}" } }
stable: ${stable}
gray: [{ version: v2, users: { file: gray-users.txt } }]
identity: [cookies.user]
accessLog: off
`
}

async function versionOf(user: string): Promise<string | undefined> {
  const fields = ['Host: shop', `Cookie: user=${user}`]
  return (await rawRequest(serving!.listener, { target: '/', fields })).fields.get('x-version')
}

it('takes both files of a swapped directory in force together, and a file that is wrong not at all', async () => {
  await mountFiles({ 'routes.yaml': routes('v1'), 'gray-users.txt': 'ann\n' }, 0)
  serving = await ServingProcess.start(join(mount, 'routes.yaml'))
  expect([await versionOf('ann'), await versionOf('bob')]).toEqual(['v2', 'v1'])
  await mountFiles({ 'routes.yaml': routes('v1'), 'gray-users.txt': 'bob\n' }, 1)
  await expect.poll(() => versionOf('bob'), { timeout: 5000 }).toBe('v2')
  expect(await versionOf('ann')).toBe('v1')
  await mountFiles({ 'routes.yaml': routes('v9'), 'gray-users.txt': 'cid\n' }, 2)
  await serving.says(/configuration refused/)
  expect([await versionOf('bob'), await versionOf('cid')]).toEqual(['v2', 'v1'])
  await mountFiles({ 'routes.yaml': routes('v2'), 'gray-users.txt': '' }, 3)
  await expect.poll(() => versionOf('ann'), { timeout: 5000 }).toBe('v2')
})
