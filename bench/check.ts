// Before anything is timed, every contender must answer right: the version, the fields, every byte. One that does not is left out, and
// the report says why. What many get wrong without it mattering here is noted, not punished.

import { Agent } from 'node:http'

import { ask, type Question, type Reply } from './ask.ts'
import { bodyOf, bodyOfPath, type Version, versions } from './backend.ts'

export interface Verdict {
  /** Why it is left out; empty: it takes part. */
  readonly wrong: readonly string[]
  /** Odd answers that the load does not ask for. */
  readonly notes: readonly string[]
  /** `name=value` of the cookie that pins each version, as the contender set it. */
  readonly pins: Readonly<Record<Version, string>>
}

/** A page load, without which graylane writes no pin. */
const page = { Accept: 'text/html', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Mode': 'navigate' }
const address = '192.168.0.58'
/** Of nobody that a rule names: what pins decide is seen from here. */
const elsewhere = '203.0.113.9'

export async function checkContender(port: number): Promise<Verdict> {
  const check = new Check(port)
  const pins = await check.rules()
  await check.bodies(pins.v3)
  await check.forwarding(pins.v2)
  await check.oddities()
  return { wrong: check.wrong, notes: check.notes, pins }
}

/** Without a proxy there is no decision: only bodies can be wrong. */
export async function checkBackend(port: number, version: Version): Promise<Verdict> {
  const check = new Check(port, version)
  await check.bodies('')
  return { wrong: check.wrong, notes: [], pins: { v1: 'version=v1', v2: 'version=v2', v3: 'version=v3' } }
}

function from(headers: Record<string, string>): Question {
  return { headers: { ...page, ...headers } }
}

class Check {
  readonly wrong: string[] = []
  readonly notes: string[] = []
  readonly #port: number
  readonly #bodiesOf: Version

  constructor(port: number, bodiesOf: Version = 'v3') {
    this.#port = port
    this.#bodiesOf = bodiesOf
  }

  /** The three rules and the pin; returns the pins that were set. */
  async rules(): Promise<Record<Version, string>> {
    const unpinned = {
      v1: from({ 'X-Forwarded-For': elsewhere }),
      v2: from({ 'X-Forwarded-For': address }),
      v3: from({ 'X-User': 'jason', 'X-Forwarded-For': elsewhere }),
    }
    const pins = { v1: '', v2: '', v3: '' }
    for (const version of versions) {
      const reply = await this.#served(`no pin, to ${version}`, unpinned[version], version)
      pins[version] = pinOf(reply)
      if (pins[version] === '') this.wrong.push(`sets no cookie for ${version}`)
    }
    await this.#served('first rule wins', from({ 'X-User': 'jason', 'X-Forwarded-For': address }), 'v2')
    for (const version of versions) {
      const pinned = from({ 'X-Forwarded-For': elsewhere, Cookie: `a=b; ${pins[version]}; c=d` })
      const reply = await this.#served(`pin of ${version}`, pinned, version)
      if (reply !== undefined && reply.cookies.length > 0) this.wrong.push(`sets the pin of ${version} again`)
    }
    return pins
  }

  async bodies(pin: string): Promise<void> {
    const headers = { Cookie: pin, 'X-Forwarded-For': elsewhere }
    const version = this.#bodiesOf
    for (const path of ['/1k', '/64k', '/1m']) {
      const reply = await this.#ask(path, { path, headers })
      if (reply !== undefined && !reply.body.equals(bodyOfPath(version, path))) this.#differs(path, reply)
    }
    const head = await this.#ask('HEAD', { method: 'HEAD', path: '/1k', headers })
    const length = head?.headers['content-length']
    if (head !== undefined && (head.body.length > 0 || length !== '1024')) {
      this.wrong.push(`HEAD: content-length ${length}, ${head.body.length} bytes`)
    }
    for (const bytes of [1024, 1024 * 1024]) {
      await this.#post(`POST of ${bytes} bytes`, bytes, { headers }, this.wrong)
    }
  }

  /** What the backend is sent, and over how many connections. */
  async forwarding(pin: string): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const headers = { Cookie: pin, 'X-Forwarded-For': elsewhere }
    const used = new Set<number>()
    for (let i = 0; i < 8; i++) {
      const reply = await this.#ask('echo', { path: '/echo', headers, agent })
      if (reply === undefined) break
      const echo = echoIn(reply)
      if (echo === undefined) {
        this.#differs('echo', reply)
        break
      }
      used.add(echo.connection)
      if (i === 0) this.#forwarded(echo.head)
    }
    agent.destroy()
    if (used.size > 2) this.wrong.push(`opened ${used.size} connections to the backend for 8 requests on one`)
  }

  /** The address that was sent, then one more: the peer's, or its own where Envoy writes that for a loopback peer. */
  #forwarded(head: readonly string[]): void {
    const lines = head.filter((line) => /^x-forwarded-for:/i.test(line))
    const addresses = lines.flatMap((line) => line.slice(line.indexOf(':') + 1).split(',')).map((one) => one.trim())
    if (addresses.length !== 2 || addresses[0] !== elsewhere) {
      this.wrong.push(`sends on X-Forwarded-For: ${addresses.join(', ') || 'none'}`)
    }
  }

  async oddities(): Promise<void> {
    for (const status of [204, 304]) {
      const reply = await this.#try(String(status), { path: `/${status}` })
      if (reply !== undefined && (reply.status !== status || reply.body.length > 0)) {
        this.notes.push(`answers ${reply.status} when the backend says ${status}`)
      }
    }
    const chunked = await this.#try('chunked answer', { path: '/chunked' })
    if (chunked !== undefined && !chunked.body.equals(bodyOf('v1', 13))) this.notes.push('breaks chunked answers')
    await this.#post('chunked POST', 70_000, { chunked: true }, this.notes)
  }

  async #served(what: string, question: Question, version: Version): Promise<Reply | undefined> {
    const reply = await this.#ask(what, question)
    if (reply === undefined) return undefined
    if (!reply.body.equals(bodyOfPath(version, '/'))) this.#differs(what, reply)
    const said = reply.headers['x-version']
    if (said !== version) this.wrong.push(`${what}: x-version is ${said ?? 'missing'}, not ${version}`)
    return reply
  }

  async #post(what: string, bytes: number, question: Question, to: string[]): Promise<void> {
    const asked = { ...question, method: 'POST', path: '/post', body: Buffer.alloc(bytes, 'x') } as const
    const reply = await this.#try(what, asked, to)
    const received = reply?.headers['x-received']
    if (reply !== undefined && received !== String(bytes)) {
      to.push(`${what}: ${reply.status}, the backend received ${received ?? 'nothing'}`)
    }
  }

  async #ask(what: string, question: Question): Promise<Reply | undefined> {
    const reply = await this.#try(what, question, this.wrong)
    if (reply !== undefined && reply.status !== 200) this.wrong.push(`${what}: status ${reply.status}`)
    return reply
  }

  async #try(what: string, question: Question, to = this.notes): Promise<Reply | undefined> {
    try {
      return await ask(this.#port, question)
    } catch (error) {
      to.push(`${what}: ${(error as Error).message}`)
      return undefined
    }
  }

  #differs(what: string, { status, body }: Reply): void {
    const start = JSON.stringify(body.toString('latin1', 0, 40))
    this.wrong.push(`${what}: status ${status}, another body (${body.length} bytes, ${start})`)
  }
}

interface Echo {
  readonly connection: number
  readonly head: readonly string[]
}

/** What the backend says it was sent; undefined when it was not the backend that answered. */
function echoIn({ body }: Reply): Echo | undefined {
  try {
    return JSON.parse(body.toString()) as Echo
  } catch {
    return undefined
  }
}

/** The cookie that was set, whatever its name: `graylane=...` or `version=...`. */
function pinOf(reply: Reply | undefined): string {
  return reply?.cookies[0]?.split(';')[0] ?? ''
}
