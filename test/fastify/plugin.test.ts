import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type ClientRequest, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import httpProxy from '@fastify/http-proxy'
import { fastify, type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import graylane from '../../src/fastify-plugin.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'

let folder: string
let backends: EchoBackend[]
let app: FastifyInstance
let address: string
const seen: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graylane-fastify-'))
  backends = await Promise.all(['v1', 'v2'].map((version) => startEchoBackend('app', version)))
  await configure()
  app = fastify()
  await app.register(graylane, {
    configPath: join(folder, 'routes.yaml'),
    log: (line) => void seen.push(line),
    observe: ({ version, reason, status }) => void seen.push(`${version} ${reason} ${status}`),
  })
  app.get('/whoami', (request, reply) => {
    const { version, reason, rule, service } = request.graylane
    return reply.type('text/html').send([version, reason, rule, service].join())
  })
  app.get('/where', (request, reply) => {
    const asked = Array.from({ length: 3 }, () => request.graylane.upstream)
    return reply.send(asked)
  })
  // Never answers.
  app.get('/waits', () => new Promise<never>(() => {}))
  app.get('/claims', (_request, reply) =>
    reply
      .type('text/html')
      .header('x-version', 'v9')
      .header('set-cookie', ['graylane=forged; Path=/', 'a=1'])
      .send('a page that says what is not its own to say'),
  )
  await app.register(httpProxy, {
    upstream: '',
    replyOptions: {
      getUpstream: (request) => (request as unknown as { graylane: { upstream: string } }).graylane.upstream,
    },
  })
  address = new URL(await app.listen({ port: 0, host: '127.0.0.1' })).host
})
beforeEach(async () => {
  await configure()
  seen.length = 0
})
afterAll(async () => {
  await app.close()
  await Promise.all(backends.map((backend) => backend.close()))
  await rm(folder, { recursive: true })
})

async function configure(change: (yaml: string) => string = (yaml) => yaml): Promise<void> {
  const [v1, v2] = backends.map(({ url }) => url)
  const yaml = `name: shop
listen: [{ port: 8080 }]
services: { app: }
versions: { v1: { app: "${v1}" }, v2: { app: "${v2}" } }
stable: v1
gray: [{ name: office, version: v2, match: [{ cookies: { user: { exact: jason } } }] }]
pin: { keys: [{ file: pin.key }] }
`
  await writeFile(join(folder, 'pin.key'), 'a key for the plugin, 32 bytes and more')
  if ((await readFile(join(folder, 'routes.yaml'), 'utf8').catch(() => '')) === change(yaml)) return
  await writeFile(join(folder, 'routes.yaml'), change(yaml))
  if (address !== undefined) await expect.poll(() => seen.join('\n'), { timeout: 5000 }).toMatch(/is in force|refused/)
}

const page = ['Accept: text/html', 'Sec-Fetch-Mode: navigate']

interface Answer {
  readonly status: number | undefined
  readonly fields: Map<string, string>
  readonly cookies: readonly string[]
  readonly body: string
}

function get(target: string, ...fields: string[]): Promise<Answer> {
  const headers = fields.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string])
  return new Promise((resolve, reject) => {
    const asked = request(
      `http://${address}${target}`,
      { headers: ['Host', 'shop', ...headers.flat()], agent: false },
      async (response) => {
        let body = ''
        for await (const chunk of response) body += String(chunk)
        const came = new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
        resolve({ status: response.statusCode, fields: came, cookies: response.headers['set-cookie'] ?? [], body })
      },
    )
    asked.on('error', reject).end()
  })
}

const pairOf = (answer: Answer): string => (answer.fields.get('set-cookie') ?? '').split(';')[0] as string

describe('graylane/fastify', () => {
  it('tells a route which version was decided, and why', async () => {
    expect((await get('/whoami', ...page)).body).toBe('v1,stable,,app')
    const jason = await get('/whoami', ...page, 'Cookie: user=jason')
    expect([jason.body, jason.fields.get('x-version')]).toEqual(['v2,rule,office,app', 'v2'])
    expect(seen).toEqual(['v1 stable 200', 'v2 rule 200'])
  })

  it('pins, and what belongs to a page follows the pin whatever the rules say by then', async () => {
    const pin = pairOf(await get('/', ...page, 'Cookie: user=jason'))
    expect(pin).toMatch(/^graylane=1\./)
    const script = await get('/app.js', 'Sec-Fetch-Mode: no-cors', `Cookie: ${pin}`)
    expect([script.fields.get('x-version'), JSON.parse(script.body)]).toEqual([
      'v2',
      expect.objectContaining({ version: 'v2' }),
    ])
  })

  it('sends a proxy behind it to the same version, with what was asserted and without what was claimed', async () => {
    const pin = pairOf(await get('/', ...page, 'Cookie: user=jason'))
    const { body } = await get(
      '/x',
      ...page,
      `Cookie: a=b; user=jason; ${pin}`,
      'X-Version: v1',
      'x_version: v1',
      'x~version: v1',
    )
    const { version, fields } = JSON.parse(body) as { version: string; fields: [string, string][] }
    expect(version).toBe('v2')
    const sent = fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    expect(sent.filter((line) => /^x.version/.test(line))).toEqual(['x-version: v2'])
    expect(sent.find((line) => line.startsWith('cookie'))).toBe('cookie: a=b; user=jason')
  })

  it('lets no route say which version it is of, or write the pin; its other cookies stay', async () => {
    const { fields, cookies } = await get('/claims', ...page)
    expect(fields.get('x-version')).toBe('v1')
    expect(cookies).toEqual(['a=1', expect.stringMatching(/^graylane=1\./)])
  })

  it('names one endpoint for each request, however often it is asked, and the next one for the next', async () => {
    const pool = backends.map(({ url }) => `"${url}"`)
    await configure((yaml) => yaml.replace(/v1: \{ app: "[^"]*" \}/, `v1: { app: [${pool.join(', ')}] }`))
    const named = await Promise.all(
      [get('/where'), get('/where')].map(async (answer) => JSON.parse((await answer).body)),
    )
    expect(named.map((asked) => new Set(asked).size)).toEqual([1, 1])
    expect(new Set(named.flat())).toEqual(new Set(backends.map(({ url }) => url)))
  })

  it('answers by itself where the page of a request is gone', async () => {
    const pin = pairOf(await get('/', ...page, 'Cookie: user=jason'))
    await configure((yaml) => yaml.replace('pin: {', 'pin: { epoch: 2,'))
    const answer = await get('/api', 'Sec-Fetch-Mode: cors', `Cookie: ${pin}`)
    expect([answer.status, answer.body]).toEqual([409, expect.stringContaining('EDGE_STALE_PAGE')])
  })

  it('keeps a good configuration when the file goes bad', async () => {
    await configure((yaml) => yaml.replace('stable: v1', 'stable: v9'))
    expect(seen.join('\n')).toContain('refused')
    expect((await get('/whoami', ...page)).body).toBe('v1,stable,,app')
  })

  it("tells a refusal as an error in the app's own log, with its place", async () => {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const path = join(folder, 'told.yaml')
    const good =
      'listen: [{ port: 8080 }]\npin: { keys: [{ file: pin.key }] }\nservices: { app: }\nversions: { v1: { app: "http://127.0.0.1:9" } }\nstable: v1\n'
    await writeFile(path, good)
    await using app = fastify({ logger: { level: 'warn', stream } })
    await app.register(graylane, { configPath: path })
    await writeFile(path, good.replace('stable: v1', 'stable: v9'))
    await expect.poll(() => lines.join(''), { timeout: 5000 }).toMatch(/stays in force/)
    expect(JSON.parse(lines[0]!)).toMatchObject({
      level: 50,
      problems: [expect.stringMatching(/told\.yaml:5:9: error .*v9/)],
    })
  })

  it('is told of the end of a request whose client left before the app had answered', async () => {
    const asked = request(`http://${address}/waits`, { headers: { host: 'shop' }, agent: false })
    asked.on('error', () => {}).end()
    await new Promise((resolve) => setTimeout(resolve, 100))
    asked.destroy()
    await expect.poll(() => seen).toContain('v1 stable 0')
  })

  it('and of one whose client left while a fault held it up', async () => {
    await configure((yaml) =>
      yaml.replace('app: }', 'app: { fault: { delay: { fixedDelay: 20s, percentage: { value: 100 } } } } }'),
    )
    const ask = async (): Promise<ClientRequest | undefined> => {
      const asked = request(`http://${address}/whoami`, { headers: { host: 'shop' }, agent: false })
      let isAnswered = false
      asked.on('response', (response) => void response.resume().on('end', () => (isAnswered = true)))
      asked.on('error', () => {}).end()
      await new Promise((resolve) => setTimeout(resolve, 200))
      return isAnswered ? undefined : asked
    }
    let held: ClientRequest | undefined
    await expect.poll(async () => (held = await ask()), { timeout: 5000 }).toBeDefined()
    seen.length = 0
    held!.destroy()
    await expect.poll(() => seen).toEqual(['v1 stable 0'])
  })

  it('does not start on a bad one', async () => {
    const path = join(folder, 'bad.yaml')
    await writeFile(path, 'stable: v9\n')
    await expect(fastify().register(graylane, { configPath: path, watch: false }).ready()).rejects.toThrow(
      /bad\.yaml:1:1: error/,
    )
  })
})
