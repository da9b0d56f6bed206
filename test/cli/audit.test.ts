import { afterEach, beforeEach, expect, it } from 'vitest'

import { readCoupling, since } from '../../src/cli/coupling.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { graylane, ServingProcess } from './graylane-process.ts'
import { routes, useRoutes } from './routes.ts'

const folder = useRoutes()
let backends: readonly EchoBackend[]
let serving: ServingProcess

beforeEach(async () => {
  backends = [
    await startEchoBackend('frontend', 'v1'),
    await startEchoBackend('api', 'v1'),
    await startEchoBackend('frontend', 'v2'),
    await startEchoBackend('api', 'v2'),
  ]
  const [frontend1, api1, frontend2, api2] = backends.map(({ url }) => url)
  await folder.write(
    routes({ frontend1: frontend1!, api1: api1!, frontend2: frontend2!, api2: api2! }, 'accessLog: off\n'),
  )
  serving = await ServingProcess.start(folder.path)
})
afterEach(async () => {
  await serving.kill()
  for (const backend of backends) await backend.close()
})

/** The backend answers that it is of that version; undefined: it says nothing. */
async function ask(path: string, served: string | undefined, user = 'anna'): Promise<void> {
  const headers = { cookie: `user=${user}`, ...(served !== undefined && { 'x-echo-x-served-version': served }) }
  const response = await fetch(`http://${serving.listener}${path}`, { headers })
  expect(response.status).toBe(200)
  await response.text()
}

const audit = (...args: readonly string[]) => graylane(['audit', '--admin', serving.admin, ...args])

it('is clean when every answer that names its version names the one that was asked', async () => {
  await ask('/', 'v1')
  await ask('/api/x', 'v2', 'jason')
  await ask('/api/x', undefined)
  await ask('/api/x', undefined)
  const { code, out } = await audit()
  expect([code, out]).toEqual([
    0,
    `0 crossings among the 50 % of answers that named their version (2 of 4)
  service      answers  named   crossings
  frontend     1        100 %   0
  mqtt-server  3        33.3 %  0
`,
  ])
})

it('fails when one crossed, and says which', async () => {
  await ask('/', 'v1')
  await ask('/api/x', 'v1', 'jason')
  await ask('/api/x', 'v1', 'jason')
  const { code, out } = await audit()
  expect([code, out]).toEqual([1, expect.stringContaining('  mqtt-server: asked of v2, answered by v1: 2\n')])
  const json = await audit('--json')
  expect([json.code, JSON.parse(json.out)]).toEqual([
    1,
    {
      answers: 3,
      named: 3,
      crossings: 2,
      services: [
        { service: 'frontend', answers: 1, named: 1, crossings: 0 },
        { service: 'mqtt-server', answers: 2, named: 2, crossings: 2 },
      ],
      pairs: [{ service: 'mqtt-server', asked: 'v2', served: 'v1', count: 2 }],
    },
  ])
})

it('says that nothing was measured: before the first answer, and when none names its version', async () => {
  expect(await audit()).toMatchObject({ code: 2, out: 'nothing measured: no upstream has answered yet\n' })
  await ask('/', undefined)
  expect(await audit()).toMatchObject({
    code: 2,
    out: expect.stringContaining('nothing measured: none of 1 answers named its version in x-served-version'),
  })
})

it('counts for a while: what crossed before is past', async () => {
  await ask('/', 'v2')
  const running = audit('--for', '1')
  const ended = running.then(() => true)
  // Until it has ended, however long it takes to start: some of these are within the while.
  while ((await Promise.race([ended, false])) === false) await ask('/', 'v1')
  expect(await running).toMatchObject({
    code: 0,
    out: expect.stringContaining('0 crossings among the 100 % of answers'),
  })
})

it('takes from each service and pair what was there before, and nothing from a gateway that started anew', () => {
  const told = (frontend: number, api: number, crossed: number) =>
    readCoupling(`graylane_served_version_total{service="frontend",named="yes"} ${frontend}
graylane_served_version_total{service="api",named="no"} ${api}
graylane_version_mismatch_total{service="frontend",asked="v2",served="v1"} ${crossed}
graylane_version_mismatch_total{service="frontend",asked="v1",served="v2"} 7
`)
  const [frontend, api] = [
    { service: 'frontend', named: 8 },
    { service: 'api', named: 0 },
  ]
  const before = told(100, 10, 2)
  expect(since(before, told(108, 13, 5))).toEqual({
    answers: 11,
    named: 8,
    crossings: 3,
    services: [
      { ...api, answers: 3, crossings: 0 },
      { ...frontend, answers: 8, crossings: 3 },
    ],
    pairs: [{ service: 'frontend', asked: 'v2', served: 'v1', count: 3 }],
  })
  expect(since(before, told(8, 3, 1))).toMatchObject({ answers: 11, crossings: 8 })
})

it('says so when it is asked badly or nobody answers', async () => {
  expect(await audit('--for', 'ever')).toMatchObject({ code: 2, err: expect.stringContaining('--for: "ever"') })
  expect(await graylane(['audit', '--admin', '127.0.0.1:2'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('graylane audit: nothing listens at http://127.0.0.1:2'),
  })
  expect(await audit('--help')).toMatchObject({ code: 0, out: expect.stringContaining('graylane audit [OPTIONS]') })
})
