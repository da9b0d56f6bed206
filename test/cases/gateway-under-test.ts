// A real gateway with real backends for one group of cases: started, asked over sockets, observed, closed.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKeyRing } from '../../src/affinity/key-ring.ts'
import { decodePin, encodePin } from '../../src/affinity/pin-cookie.ts'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import type { RequestRecord } from '../../src/observe/record.ts'
import type { Pin } from '../../src/rules/types.ts'
import { type Echo, type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { type RawAnswer, type RawTarget, sendRaw, sendRepeatedly } from '../support/raw-request.ts'
import { type Case, type CaseGroup, now, type PinCookie } from './case.ts'

export const secrets = {
  new: 'the newer key of the table, 32 bytes and more',
  old: 'the older key of the table, 32 bytes and more',
}
const bytes = (text: string): Buffer => Buffer.from(text)
const ringOf = (...texts: readonly string[]) => createKeyRing(texts.map(bytes), () => bytes(secrets.new))
const keyRing = ringOf(secrets.new, secrets.old)
const signingKeys = {
  new: keyRing.signing,
  old: ringOf(secrets.old).signing,
  unknown: ringOf('a key that this gateway never had, 32 bytes and more').signing,
}

/** What came of one row: the answer, what the backend saw (undefined when none did), and the gateway's own record. */
export interface Result {
  readonly answer: RawAnswer
  readonly echo: Echo | undefined
  readonly record: RequestRecord
}

export class GatewayUnderTest {
  readonly #gateway: Gateway
  readonly #directory: string
  readonly #backends: Map<string, EchoBackend>
  readonly #down: ReadonlyMap<string, number>
  readonly #records: Records

  private constructor(gateway: Gateway, directory: string, backends: Backends, records: Records) {
    this.#gateway = gateway
    this.#directory = directory
    this.#backends = backends.running
    this.#down = backends.down
    this.#records = records
  }

  static async start(group: CaseGroup): Promise<GatewayUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'graylane-cases-'))
    const backends = await startBackends(group.config)
    const configPath = join(directory, 'routes.yaml')
    await writeFile(configPath, backends.config)
    await writeFile(join(directory, 'pin.key'), secrets.new)
    await writeFile(join(directory, 'old.key'), secrets.old)
    await writeFile(join(directory, 'users.txt'), 'anna\n007\n127.0.0.77\n')
    const records = new Records()
    const gateway = await createGateway({
      configPath,
      watch: false,
      observers: [(record) => records.add({ ...record })],
      nowSeconds: () => now,
      randomBytes: (size) => new Uint8Array(size).fill(7),
    })
    return new GatewayUnderTest(gateway, directory, backends, records)
  }

  async send(row: Case): Promise<Result> {
    const answer = await sendRaw(
      this.#target(row),
      [...linesOf(row), ...(isUpgrade(row) ? [] : ['Connection: close'])],
      row.body,
    )
    return this.#result(answer)
  }

  /** The same request several times over one connection. */
  async sendRepeatedly(row: Case, times: number): Promise<Result[]> {
    const answers = await sendRepeatedly(this.#target(row), linesOf(row), row.body ?? '', times)
    const results: Result[] = []
    for (const answer of answers) results.push(await this.#result(answer))
    return results
  }

  #target(row: Case): RawTarget {
    const listener = this.#gateway.listeners()[row.to ?? 0]
    if (listener === undefined) throw new Error(`no listener ${row.to}`)
    const host = listener.address === '::' ? '127.0.0.1' : listener.address
    return { host, port: listener.port, from: row.from ?? '127.0.0.1' }
  }

  async #result(answer: RawAnswer): Promise<Result> {
    return { answer, echo: echoIn(answer), record: await this.#records.next() }
  }

  get gateway(): Gateway {
    return this.#gateway
  }

  async startBackend(name: string): Promise<void> {
    const port = this.#down.get(name)
    if (port === undefined) throw new Error(`no backend <${name} down> in the configuration`)
    const [service = '', version = ''] = name.split(' ')
    this.#backends.set(name, await startEchoBackend(service, version, '127.0.0.1', port))
  }

  async close(): Promise<void> {
    await this.#gateway.close()
    for (const backend of this.#backends.values()) await backend.close()
    await rm(this.#directory, { recursive: true })
  }
}

/** The pin that a Set-Cookie value holds, by the gateway's own codec and key. */
export function readPin(value: string): Pin | undefined {
  const pin = decodePin('shop', value, keyRing)
  return typeof pin === 'object' ? pin : undefined
}

function linesOf(row: Case): readonly string[] {
  const { method = 'GET', path = '/', host = 'shop.test', headers = [], body } = row
  const cookies = [...(row.cookies ?? []), ...(row.pins ?? []).map(cookieOf)]
  return [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...headers,
    ...(cookies.length === 0 ? [] : [`Cookie: ${cookies.join('; ')}`]),
    ...(body === undefined && method !== 'POST' && method !== 'PUT'
      ? []
      : [`Content-Length: ${Buffer.byteLength(body ?? '')}`]),
  ]
}

export function isUpgrade({ headers = [] }: Case): boolean {
  return headers.some((line) => line.startsWith('Connection: Upgrade'))
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 }

function cookieOf(cookie: PinCookie): string {
  const {
    pin: version,
    epoch = 1,
    age = '1m',
    seed = 'seed-of-the-test',
    release = 'shop',
    forge = (value) => value,
  } = cookie
  const issuedAt = now - Number(age.slice(0, -1)) * unitSeconds[age.slice(-1)]!
  const pin: Pin = { version, epoch, issuedAt, seed, history: cookie.history ?? [version] }
  return `${cookie.name ?? 'graylane'}=${forge(encodePin(release, pin, signingKeys[cookie.key ?? 'new']))}`
}

function echoIn(answer: RawAnswer): Echo | undefined {
  if (!answer.body.startsWith('{"service":')) return undefined
  return JSON.parse(answer.body) as Echo
}

interface Backends {
  readonly config: string
  readonly running: Map<string, EchoBackend>
  /** Name to the port at which nobody listens yet. */
  readonly down: ReadonlyMap<string, number>
}

/** One backend for each `<service version [down] [@address]>` of the text, which becomes its quoted URL. */
async function startBackends(text: string): Promise<Backends> {
  const running = new Map<string, EchoBackend>()
  const down = new Map<string, number>()
  let config = text
  for (const [token, service, version, state, address] of text.matchAll(
    /<([\w.-]+) ([\w.-]+)( down)?(?: @([\d.]+))?>/g,
  )) {
    if (!config.includes(token)) continue
    const name = `${service} ${version}`
    const backend = await startEchoBackend(service!, version!, address)
    if (state === undefined) running.set(name, backend)
    else {
      down.set(name, backend.port)
      await backend.close()
    }
    config = config.replaceAll(token, `"${backend.url}"`)
  }
  return { config, running, down }
}

/** Finished requests in their order; a record may come a moment after its answer. */
class Records {
  readonly #ready: RequestRecord[] = []
  #waiting: ((record: RequestRecord) => void) | undefined

  add(record: RequestRecord): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#ready.push(record)
    else waiting(record)
  }

  next(): Promise<RequestRecord> {
    const ready = this.#ready.shift()
    if (ready !== undefined) return Promise.resolve(ready)
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the request was answered but never recorded')), 5000)
      this.#waiting = (record) => {
        clearTimeout(late)
        resolve(record)
      }
    })
  }
}
