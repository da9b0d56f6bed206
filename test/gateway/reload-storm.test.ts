// 200 reloads, good and bad by turns of a seeded chance, under clients that keep their connections and their pins.

import { Agent, request } from 'node:http'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { collectGarbage } from '../../src/collect-garbage.ts'
import { type Echo, type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { writeByRename } from '../support/rewrite-file.ts'
import { comesTo, ReloadableGateway, type Urls } from './reloadable-gateway.ts'

const rounds = 200
/** So long that a snapshot kept for ever shows in memory. */
const listed = Array.from({ length: 20_000 }, (_, i) => `somebody-else-${i}\n`).join('')
/** 200 such lists and their snapshots would take several times this. */
const growthBytes = 32 * 1024 * 1024

test(
  'a storm of reloads fails no request, crosses no page and ends on the last good file',
  { timeout: 120_000 },
  async () => {
    const chance = seededChance(20_261_124)
    await using second = await secondBackend()
    const good = (urls: Urls, round: number): string => goodRoutes(urls, second.url, round, chance)
    await using under = await ReloadableGateway.start(async (directory, urls) => {
      await writeFile(join(directory, 'listed.txt'), listed)
      await writeByRename(directory, 'routes.yaml', good(urls, 0))
    })
    const clients = [
      ...['v2', 'v3', 'v2', 'v3'].map((version) => new Client(under.port, seededChance(clientSeed++), version)),
      ...Array.from({ length: 4 }, () => new Client(under.port, seededChance(clientSeed++), undefined)),
    ]
    const ending = { now: false }
    const running = clients.map((client) => client.run(ending))

    let lastGood = 0
    let early = 0
    const wrong: string[] = []
    for (let round = 1; round <= rounds; round++) {
      // The last file is a bad one: what is in force at the end came before it.
      const isGood = round < rounds && chance() < 0.5
      const text = good(under.urls, round)
      await writeByRename(under.directory, 'routes.yaml', isGood ? text : spoiled(text, under, chance))
      const { ok, problems } = await under.gateway.reload()
      if (ok !== isGood) wrong.push(`round ${round}: ${isGood ? 'refused' : 'accepted'} ${JSON.stringify(problems)}`)
      if (isGood) lastGood = round
      if (round === rounds / 4) early = usedBytes()
    }
    const late = usedBytes()
    ending.now = true
    await Promise.all(running)

    expect(wrong).toEqual([])
    expect(clients.flatMap((client) => client.failures)).toEqual([])
    expect(clients.flatMap((client) => client.crossings)).toEqual([])
    for (const client of clients) {
      expect(client.pages, 'each client saw many pages').toBeGreaterThan(20)
      client.close()
    }
    const visitors = clients.slice(4)
    expect(new Set(visitors.flatMap((client) => [...client.versions])), 'shares moved visitors').toEqual(
      new Set(['v1', 'v2', 'v3']),
    )
    expect(sum(clients.map((client) => client.straddling)), 'pages were open over a reload').toBeGreaterThan(20)
    expect(late - early, 'memory does not hold what is no longer in force').toBeLessThan(growthBytes)

    const { done, failed } = await under.reloads()
    expect(Math.min(done, failed), 'good and bad ones by turns').toBeGreaterThan(rounds / 4)
    await comesTo(async () => (await new Client(under.port, chance, undefined).ask('/')).round, String(lastGood))
    expect(under.gateway.lastReload().ok).toBe(false)
  },
)

/** Everything that may change without taking a version from its visitors: shares, pools, other people's rules, fields, lists. */
function goodRoutes(urls: Urls, second: string, round: number, chance: () => number): string {
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(chance() * values.length)]!
  const shares = ['v2', 'v3'].map(
    (version) => `  - { version: ${version}, share: ${pick('0.5%', '5%', '20%', '60%')} }`,
  )
  const rules = [
    `  - { name: join2, version: v2, match: [{ headers: { x-join: { exact: v2 } } }] }`,
    `  - { name: join3, version: v3, match: [{ headers: { x-join: { exact: v3 } } }] }`,
    ...pick([], [`  - { name: elsewhere, version: v1, ip: [10.${round}.0.0/16] }`]),
    `  - { name: listed, version: v1, users: { file: listed.txt } }`,
    ...pick(shares, shares.toReversed(), shares.slice(1)),
  ]
  const frontend2 = `"${urls('frontend', 'v2')}"`
  const stamp = `headers: { response: { set: { x-round: "${round}" } } }`
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services:
  api: { match: [{ uri: { prefix: /api/ } }], timeout: ${pick('20s', '30s')}, ${stamp} }
  frontend: { ${stamp} }
versions:
  v1: { frontend: "${urls('frontend', 'v1')}", api: "${urls('api', 'v1')}" }
  v2: { frontend: ${pick(frontend2, `[${frontend2}, "${second}"]`, `"${second}"`)}, api: "${urls('api', 'v2')}" }
  v3: { frontend: "${urls('frontend', 'v3')}", api: "${urls('api', 'v3')}" }
${pick('', `  v4: { frontend: "${second}" }\n`)}gray:
${rules.join('\n')}
identity: [cookies.user]
pin: { keys: [{ file: pin.key }] }
accessLog: off
stable: v1
`
}

/** The same, made unfit in one of many ways. */
function spoiled(text: string, under: ReloadableGateway, chance: () => number): string {
  const taken = new URL(under.urls('api', 'v1')).port
  const ways: readonly (() => string)[] = [
    () => '',
    () => text.slice(0, Math.floor(chance() * text.indexOf('stable: v1'))),
    () => `${text}stable: v2\n`,
    () => `${text}drainign: [v1]\n`,
    () => text.replace('version: v3', 'version: v9'),
    () => text.replace('listed.txt', 'missing.txt'),
    () => text.replace('%', ''),
    () => text.replace('[{', '['),
    // This one fails when it is put to use: the first port is bound by then, and has to be given back.
    () =>
      text.replace('listen: [', `listen: [{ port: 0, address: 127.0.0.2 }, { port: ${taken}, address: 127.0.0.1 }, `),
  ]
  return ways[Math.floor(chance() * ways.length)]!()
}

interface Answer {
  readonly status: number
  readonly version: string | undefined
  /** Which configuration it was answered under. */
  readonly round: string | undefined
  readonly setCookie: string | undefined
  readonly body: string
}

let clientSeed = 1

/** One browser: one connection, one cookie, page after page with an asset, a call and a post each. */
class Client {
  readonly failures: string[] = []
  readonly crossings: string[] = []
  readonly versions = new Set<string>()
  pages = 0
  /** Pages whose first and last answer came under different configurations. */
  straddling = 0
  readonly #port: number
  readonly #chance: () => number
  readonly #pinned: string | undefined
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  #cookie: string | undefined

  constructor(port: number, chance: () => number, pinned: string | undefined) {
    this.#port = port
    this.#chance = chance
    this.#pinned = pinned
  }

  async run(ending: { readonly now: boolean }): Promise<void> {
    if (this.#pinned !== undefined) await this.#visit({ 'x-join': this.#pinned })
    while (!ending.now) {
      await this.#visit({})
      // Somebody new from time to time, so that shares have whom to draw.
      if (this.#pinned === undefined && this.pages % 10 === 0) this.#cookie = undefined
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  /** A page load, then what belongs to the page; all have to be of one version, and of the pin's where there is one. */
  async #visit(fields: Readonly<Record<string, string>>): Promise<void> {
    const page = await this.#asked('/', 'text/html', fields)
    if (page === undefined) return
    const version = this.#pinned ?? page.version ?? ''
    this.versions.add(version)
    this.pages++
    this.#compare('page', page, 'frontend', version)
    let { round } = page
    for (const [path, service, method] of [
      ['/assets/main.js', 'frontend', 'GET'],
      ['/api/devices', 'api', 'GET'],
      ['/api/devices/7', 'api', 'POST'],
    ] as const) {
      await sleep(this.#chance() * 8)
      const answer = await this.#asked(path, '*/*', {}, method)
      if (answer === undefined) return
      this.#compare(path, answer, service, version)
      round = answer.round
    }
    if (round !== page.round) this.straddling++
  }

  #compare(what: string, { version, body }: Answer, service: string, wanted: string): void {
    const echo = JSON.parse(body) as Echo
    const told = echo.fields.filter(([name]) => name.toLowerCase() === 'x-version').map(([, value]) => value)
    const seen = `${echo.service} ${echo.version}, says ${version}, told ${told.join(' and ')}`
    const right = `${service} ${wanted}, says ${wanted}, told ${wanted}`
    if (seen !== right) this.crossings.push(`${what} of ${wanted}: ${seen}`)
  }

  /** Undefined, and a failure, for anything but 200. */
  async #asked(...parameters: Parameters<Client['ask']>): Promise<Answer | undefined> {
    try {
      const answer = await this.ask(...parameters)
      if (answer.status === 200) return answer
      this.failures.push(`${parameters[0]}: ${answer.status} ${answer.body}`)
    } catch (error) {
      this.failures.push(`${parameters[0]}: ${String(error)}`)
    }
    return undefined
  }

  ask(
    path: string,
    accept = 'text/html',
    fields: Readonly<Record<string, string>> = {},
    method = 'GET',
  ): Promise<Answer> {
    const headers = { accept, ...fields, ...(this.#cookie === undefined ? {} : { cookie: this.#cookie }) }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const sent = request(
      { host: '127.0.0.1', port: this.#port, path, method, headers, agent: this.#agent },
      (answer) => {
        let body = ''
        answer.setEncoding('utf8').on('data', (piece: string) => void (body += piece))
        answer.on('error', reject)
        answer.on('end', () => {
          const setCookie = answer.headers['set-cookie']?.[0]?.split(';')[0]
          this.#cookie = setCookie ?? this.#cookie
          const { 'x-version': version, 'x-round': round } = answer.headers as Record<string, string | undefined>
          resolve({ status: answer.statusCode ?? 0, version, round, setCookie, body })
        })
      },
    )
    sent.on('error', reject).end(method === 'POST' ? 'p'.repeat(2000) : undefined)
    return promise
  }
}

/** Of v2 as well: pools of one and of two endpoints take turns. */
async function secondBackend(): Promise<EchoBackend & AsyncDisposable> {
  const backend = await startEchoBackend('frontend', 'v2')
  return { ...backend, [Symbol.asyncDispose]: () => backend.close() }
}

/** Heap and buffers after a full collection. */
function usedBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** The same numbers from 0 to below 1 for the same seed (mulberry32). */
function seededChance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
