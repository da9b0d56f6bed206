import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createReloader, type Reloader, type Reloaded } from '../../src/config/reload.ts'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { Reloads } from '../../src/reloads.ts'
import { writeByRename, writeConfigMap, writeInPlace } from '../support/rewrite-file.ts'
import { type ConfigurationDirectory, makeDirectory, shortest } from './configuration-files.ts'

const stableV2 = shortest.replace('stable: v1', 'stable: v2')
/** docs/operations.md: within two seconds. */
const within = { timeout: 2000, interval: 20 }

let directory: ConfigurationDirectory
let reloader: Reloader | undefined
let applied: Snapshot[]
let told: Reloaded[]

beforeEach(async () => {
  directory = await makeDirectory()
  applied = []
  told = []
})
afterEach(async () => {
  reloader?.close()
  await directory.remove()
})

function makeReloader(apply: (snapshot: Snapshot) => Promise<void> | void = (snapshot) => void applied.push(snapshot)) {
  reloader = createReloader({ path: `${directory.path}/routes.yaml`, apply, onReload: (result) => told.push(result) })
  return reloader
}

async function startWatching(): Promise<void> {
  makeReloader().watch()
  expect(await reloader?.reload()).toMatchObject({ ok: true, changed: true })
}

const stable = (): string | undefined => applied.at(-1)?.configuration.releases[0]?.stable

describe('a change is in force within two seconds', () => {
  test.each([
    { way: 'written in place', write: writeInPlace },
    { way: 'renamed over it', write: writeByRename },
  ])('when it is $way', async ({ write }) => {
    await write(directory.path, 'routes.yaml', shortest)
    await startWatching()
    await write(directory.path, 'routes.yaml', stableV2)
    await expect.poll(stable, within).toBe('v2')
    await write(directory.path, 'routes.yaml', shortest)
    await expect.poll(stable, within).toBe('v1')
  })

  test('when a ConfigMap is updated', async () => {
    await writeConfigMap(directory.path, 'routes.yaml', shortest, 0)
    await startWatching()
    await writeConfigMap(directory.path, 'routes.yaml', stableV2, 1)
    await expect.poll(stable, within).toBe('v2')
    await writeConfigMap(directory.path, 'routes.yaml', shortest, 2)
    await expect.poll(stable, within).toBe('v1')
  })

  test('when only a list changes, also one that a reload brought in', async () => {
    const users = (): unknown => {
      const condition = applied.at(-1)?.configuration.releases[0]?.gray[0]?.condition
      return condition?.kind === 'users' ? [...condition.users] : undefined
    }
    await directory.write('routes.yaml', shortest)
    await startWatching()
    await directory.write('users.txt', 'jason\n')
    await directory.write('routes.yaml', `${shortest}gray: [{ version: v2, users: { file: users.txt } }]\n`)
    await expect.poll(users, within).toEqual(['jason'])
    await directory.write('users.txt', 'jason\nmary\n')
    await expect.poll(users, within).toEqual(['jason', 'mary'])
  })
})

describe('a configuration that is no good', () => {
  test('changes nothing and says why, and the next good one is taken', async () => {
    await directory.write('routes.yaml', shortest)
    await startWatching()
    await directory.write('routes.yaml', shortest.replace('stable: v1', 'stable: v9'))
    await expect.poll(() => told.length, within).toBe(1)
    expect(told[0]).toMatchObject({
      ok: false,
      changed: false,
      snapshot: { id: applied[0]?.id },
      problems: [{ code: 'no-keys' }, { line: 4, column: 9, message: 'version "v9" is not listed (did you mean v1?)' }],
    })
    expect(applied).toHaveLength(1)
    await directory.write('routes.yaml', stableV2)
    await expect.poll(stable, within).toBe('v2')
  })

  test('is over when the file says again what is in force', async () => {
    await directory.write('routes.yaml', shortest)
    await startWatching()
    await directory.write('routes.yaml', shortest.replace('stable: v1', 'stable: v9'))
    await expect.poll(() => told.at(-1)?.ok, within).toBe(false)
    await directory.write('routes.yaml', shortest)
    await expect
      .poll(() => told.at(-1), within)
      .toMatchObject({ ok: true, changed: false, problems: [{ code: 'no-keys' }] })
    expect(applied).toHaveLength(1)
  })

  test('is mended by the file that it missed', async () => {
    await directory.write('routes.yaml', `${shortest}gray: [{ version: v2, users: { file: users.txt } }]\n`)
    makeReloader().watch()
    expect(await reloader?.reload()).toMatchObject({
      ok: false,
      snapshot: undefined,
      problems: [{ code: 'no-keys' }, { code: 'file' }],
    })
    await directory.write('users.txt', 'jason\n')
    await expect.poll(() => applied.length, within).toBe(1)
  })

  test('may also be one that holds together nowhere but on paper', async () => {
    await directory.write('routes.yaml', shortest.replace('{ app: }', '{ app: , api: /api/ }'))
    expect(await makeReloader().reload()).toMatchObject({
      ok: false,
      problems: [{ code: 'route', message: 'service api: no version lists a pool for it' }],
    })
  })

  test('or one that cannot be put to use', async () => {
    await directory.write('routes.yaml', shortest)
    const error = new Error('port 8080 is taken')
    expect(await makeReloader(() => Promise.reject(error)).reload()).toMatchObject({
      ok: false,
      changed: false,
      snapshot: undefined,
      problems: [{ code: 'apply', message: 'port 8080 is taken' }],
      error,
    })
    expect(await reloader?.reload()).toMatchObject({ ok: false })
  })
})

test('the same content again is no reload', async () => {
  await directory.write('routes.yaml', shortest)
  await makeReloader().reload()
  expect(await reloader?.reload()).toMatchObject({ ok: true, changed: false })
  expect(applied).toHaveLength(1)
})

test('reloads come one at a time, and those that wait are one', async () => {
  await directory.write('routes.yaml', shortest)
  let underWay = 0
  let most = 0
  let round = 0
  const begun = Promise.withResolvers<void>()
  const apply = async (): Promise<void> => {
    most = Math.max(most, (underWay += 1))
    begun.resolve()
    await directory.write('routes.yaml', `${shortest}# ${(round += 1)}\n`)
    underWay -= 1
  }
  const first = makeReloader(apply).reload()
  await begun.promise
  const waiting = Array.from({ length: 100 }, () => reloader!.reload())
  const results = await Promise.all([first, ...waiting])
  expect({ most, round }).toEqual({ most: 1, round: 2 })
  expect(new Set(results).size).toBe(2)
})

test('a refusal that several have waited for is told and counted once', async () => {
  await directory.write('routes.yaml', shortest)
  let refused = 0
  const reloads = new Reloads({
    path: `${directory.path}/routes.yaml`,
    apply: async () => undefined,
    log: () => undefined,
    count: (ok) => (refused += ok ? 0 : 1),
  })
  await reloads.start()
  await directory.write('routes.yaml', 'stable: v9\n')
  await Promise.all(Array.from({ length: 10 }, () => reloads.reload()))
  expect(refused).toBe(1)
  expect(reloads.history).toHaveLength(2)
  reloads.close()
})

test('nothing is put to use any more once it is closed', async () => {
  await directory.write('routes.yaml', shortest)
  await makeReloader().reload()
  await directory.write('routes.yaml', `${shortest}# more\n`)
  reloader!.close()
  expect(await reloader!.reload()).toMatchObject({ ok: true, changed: false })
  expect(applied).toHaveLength(1)
})
