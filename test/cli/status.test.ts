import { once } from 'node:events'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'

import { afterEach, expect, it } from 'vitest'

import { graylane, ServingProcess } from './graylane-process.ts'
import { routes, useRoutes } from './routes.ts'

const folder = useRoutes()
let serving: ServingProcess | undefined
afterEach(() => serving?.kill())

it('says what is stable, gray and draining, and by its exit code that all is well', async () => {
  await folder.write(routes({}, 'draining: [v2]\n'))
  serving = await ServingProcess.start(folder.path)
  const { code, out } = await graylane(['status', '--admin', serving.admin])
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(
      /^ready, graylane [^]*\n {2}v1 +stable [^]*\n {2}v2 +draining [^]*\ncrossings: nothing answered yet\n$/,
    ),
  ])
  const json = await graylane(['status', '--json', '--admin', `http://${serving.admin}/`])
  expect(JSON.parse(json.out)).toMatchObject({ state: { state: 'ready' }, traffic: { coupling: { crossings: 0 } } })
})

it('shows a file that was refused, and fails, until the file is good again', async () => {
  serving = await ServingProcess.start(folder.path)
  await folder.write(routes().replace('stable: v1', 'stable: v9'))
  await serving.says(/configuration refused/)
  const { code, out } = await graylane(['status', '--admin', serving.admin])
  expect([code, out]).toEqual([1, expect.stringMatching(/the file as it is now was refused:\n.*error.*v9/)])
  await folder.write(routes())
  await serving.says(/is what the files say again/)
  // The state is made once a second.
  const { admin } = serving
  await expect
    .poll(async () => (await graylane(['status', '--admin', admin])).code, { timeout: 10_000, interval: 500 })
    .toBe(0)
})

it('brings its token', async () => {
  const token = 'a-token-of-some-length'
  serving = await ServingProcess.start(folder.path, [], { GRAYLANE_ADMIN_TOKEN: token })
  expect((await graylane(['status', '--admin', serving.admin], { GRAYLANE_ADMIN_TOKEN: token })).code).toBe(0)
  const { code, err } = await graylane(['status', '--admin', serving.admin])
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/wants a token: --admin-token-file or GRAYLANE_ADMIN_TOKEN\n$/),
  ])
})

const foreign = /^graylane \w+: http:\S+ does not answer as graylane of this version does/

it.each([
  ['a web page', (response) => void response.end('<html></html>'), foreign],
  ['the JSON of something else', (response) => void response.end('{}'), foreign],
  ['that the token is another one', (response) => void response.writeHead(401).end(), /does not take this token\n$/],
  [
    'half an answer',
    (response) => void response.writeHead(200, { 'content-length': 9 }).write('{', () => response.destroy()),
    /http:\S+: \S.*\n$/,
  ],
] as readonly [string, (response: ServerResponse) => void, RegExp][])(
  'and audit say in a line what is wrong with who answers %s',
  async (_what, answer, said) => {
    const server = createHttpServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (const verb of ['status', 'audit']) {
      const { code, out, err } = await graylane([verb, '--admin', `127.0.0.1:${port}`], { GRAYLANE_ADMIN_TOKEN: 'x' })
      expect({ code, out, err }).toEqual({ code: 2, out: '', err: expect.stringMatching(said) as string })
      expect(err.split('\n')).toHaveLength(2)
    }
    server.close()
    server.closeAllConnections()
  },
)

it('says so when its token is not to be read, and when no browser would ask there either', async () => {
  const gone = await graylane(['status', '--admin-token-file', `${folder.path}.gone`])
  expect([gone.code, gone.err]).toEqual([
    2,
    `graylane status: the admin token: ${folder.path}.gone: there is no such file\n`,
  ])
  const { err } = await graylane(['status', '--admin', '127.0.0.1:6666'])
  expect(err).toMatch(/^graylane status: \S+:6666: no browser asks at this port, .* give the admin server another\n$/)
})

it('says so when nothing listens there', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  const { code, err } = await graylane(['status', '--admin', `127.0.0.1:${port}`])
  expect([code, err]).toEqual([2, expect.stringContaining(`nothing listens at http://127.0.0.1:${port}`)])
  for (const verb of ['status', 'audit']) {
    const json = await graylane([verb, '--admin', `127.0.0.1:${port}`, '--json'])
    const reason = expect.stringContaining(`nothing listens at http://127.0.0.1:${port}`) as string
    expect([json.code, json.err, JSON.parse(json.out)]).toEqual([2, '', { ok: false, reason, problems: [] }])
  }
})
