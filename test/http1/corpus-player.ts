// Plays cases of corpus.json (bytes in, what may and what must never come out) against a proxy and grades them as the corpus demands in
// its mode "strict": every invariant, and the outcome a case prefers. Holds both ends: a raw client and a recording upstream.

import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytesOf, isSleep, partsOf } from './recording-upstream.ts'
import type { Part, RecordingUpstream, Script } from './recording-upstream.ts'
import { readResponses, valuesOf } from './strict-reader.ts'
import type { SeenRequest, SeenResponse } from './strict-reader.ts'

export interface CorpusCase {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly raw: string | readonly Part[]
  readonly expected: string
  readonly preferred?: string
  readonly strict?: Partial<CorpusCase>
  readonly allowed_status?: readonly number[]
  readonly accept_status?: readonly number[]
  readonly max_upstream?: number
  readonly min_upstream?: number
  readonly responses?: number
  readonly ok_before?: number
  readonly must_close?: boolean
  readonly may_wait?: boolean
  readonly stay_open_ok?: boolean
  readonly status_any?: boolean
  readonly no_hang?: boolean
  readonly tunnel_ok?: boolean
  readonly never_upstream?: readonly string[]
  readonly never_client?: readonly string[]
  readonly if_forwarded?: {
    readonly absent?: readonly string[]
    readonly present?: readonly string[]
    readonly match?: Readonly<Record<string, string>>
    readonly target?: string
    readonly body?: string
    readonly no_trailer_merge?: readonly string[]
  }
  readonly kind?: 'response'
  readonly upstream?: Script
  readonly incomplete_must_show?: boolean
  readonly close_framing_ok?: boolean
  readonly client_body?: string
  readonly wait_ms?: number
  readonly settle_ms?: number
  readonly methods?: readonly string[]
}

export interface Verdict {
  readonly pass: boolean
  /** Invariants that were broken. */
  readonly violations: readonly string[]
  /** What happened, in a few words. */
  readonly outcome: string
}

// ------------------------------------------------------------------------------------------------ the client

class RawClient {
  text = ''
  closed = false
  reset = false
  lastAt = performance.now()
  readonly socket: net.Socket
  #sent = false

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    this.socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1')
      this.lastAt = performance.now()
    })
    const ended = (): void => {
      this.closed = true
      this.lastAt = performance.now()
    }
    this.socket.on('end', ended)
    this.socket.on('close', ended)
    this.socket.on('error', () => {
      this.reset = true
      ended()
    })
  }

  get sent(): boolean {
    return this.#sent
  }

  async send(parts: readonly Part[]): Promise<void> {
    for (const part of parts) {
      if (this.reset) break
      if (isSleep(part)) await sleep(part.sleep_ms)
      else if (typeof part === 'object' && 'wait_reply' in part) await this.#firstReply()
      else if (typeof part === 'object' && 'half_close' in part) this.socket.end()
      else if (typeof part === 'object' && 'bytewise' in part) await this.#bytewise(part.bytewise)
      else this.socket.write(bytesOf(part))
    }
    this.#sent = true
  }

  async #firstReply(): Promise<void> {
    const end = performance.now() + 1000
    while (this.text === '' && !this.closed && performance.now() < end) await sleep(5)
  }

  async #bytewise(text: string): Promise<void> {
    for (const char of text) {
      this.socket.write(char, 'latin1')
      await sleep(1)
    }
  }
}

/** A fresh client asks right afterwards and has to get its own answer: anything else is a poisoned connection. */
async function canary(port: number, id: string): Promise<string> {
  const path = `/canary-${id.toLowerCase().replace(/[^a-z0-9-]/g, '')}`
  for (const attempt of [1, 2]) {
    const client = new RawClient(port)
    await client.send([`GET ${path} HTTP/1.1\r\nHost: canary.test\r\nConnection: close\r\n\r\n`])
    const end = performance.now() + 3000
    while (!client.closed && performance.now() < end) await sleep(3)
    client.socket.destroy()
    const { responses, error } = readResponses(client.text, ['GET'], true)
    const final = responses.find((response) => response.status >= 200)
    if (error !== undefined || final === undefined) return 'no readable answer'
    if ((final.status === 502 || final.status === 503) && attempt === 1) {
      await sleep(150)
      continue
    }
    if (final.status !== 200 || final.body !== `up:${path}`) return `got ${final.status} ${final.body.slice(0, 60)}`
    return 'ok'
  }
  return 'still refused'
}

// ------------------------------------------------------------------------------------------------ one case

interface Observation {
  readonly responses: readonly SeenResponse[]
  readonly left: string
  readonly error: string | undefined
  readonly closed: boolean
  readonly client: RawClient
  readonly canary: string
  readonly upstream: RecordingUpstream
}

const QUIET_MS = 120

/** The upstream must be one that nothing else talks to meanwhile. */
export async function playCase(
  given: CorpusCase,
  port: number,
  upstream: RecordingUpstream,
  requiredFields: readonly string[],
): Promise<Verdict> {
  const testCase = strictCase(given)
  upstream.script = testCase.upstream
  const first = partsOf(testCase.raw)[0]!
  const startsWithHead = typeof first === 'string' && first.startsWith('HEAD ')
  const methods = testCase.methods ?? [startsWithHead ? 'HEAD' : 'GET']
  const client = new RawClient(port)
  void client.send(partsOf(testCase.raw))
  await settle(testCase, client, methods)
  const { closed } = client
  const harm = await canary(port, testCase.id)
  client.socket.destroy()
  await sleep(testCase.settle_ms ?? 40)
  const read = readResponses(client.text, methods, closed)
  const seen: Observation = { ...read, closed, client, canary: harm, upstream }
  const violations = violationsOf(testCase, seen, requiredFields)
  const { fine, outcome } = outcomeOf(testCase, seen)
  return { pass: violations.length === 0 && fine, violations, outcome }
}

function strictCase(given: CorpusCase): CorpusCase {
  let result = given
  if (given.preferred !== undefined) {
    result = { ...given, expected: given.preferred }
    if (given.preferred.startsWith('reject')) {
      const okBefore = given.ok_before ?? 0
      result = { ...result, ok_before: okBefore, max_upstream: Math.min(given.max_upstream ?? 1, okBefore) }
    }
  }
  return { ...result, ...given.strict }
}

/** Waits until what is expected has come and the line is quiet, or the case's time is over. */
async function settle(testCase: CorpusCase, client: RawClient, methods: readonly string[]): Promise<void> {
  const deadline = performance.now() + (testCase.wait_ms ?? 1500)
  const wanted = testCase.responses ?? 1
  // Behind a bad answer of the upstream the client may stay.
  const needsClose = /^reject-(?!502)/.test(testCase.expected) || testCase.must_close === true
  for (;;) {
    if (client.closed) return
    await sleep(10)
    const now = performance.now()
    if (now > deadline && (client.sent || now > deadline + 4000)) return
    if (client.text === '' || !client.sent || now - client.lastAt < QUIET_MS) continue
    const { responses, left, error } = readResponses(client.text, methods, false)
    if (error !== undefined) return
    const done = responses.filter(({ status, complete }) => (status >= 200 || status === 101) && complete)
    const enough = done.length >= wanted || (done.at(-1)?.status ?? 0) >= 400
    if (done.length > 0 && enough && left === '' && !(needsClose && now - client.lastAt < 2200)) return
  }
}

function violationsOf(testCase: CorpusCase, seen: Observation, requiredFields: readonly string[]): string[] {
  const { upstream, client } = seen
  const violations = upstream.malformed.map((what) => `upstream got malformed bytes: ${what}`)
  const isResponse = testCase.kind === 'response'
  const most = testCase.max_upstream ?? 1
  if (upstream.requests.length > most)
    violations.push(`upstream got ${upstream.requests.length} requests, ${most} allowed`)
  for (const request of upstream.requests) {
    if (request.target.includes('SMUGGLED')) violations.push(`hidden request reached the upstream: ${request.target}`)
    for (const name of requiredFields) {
      if (valuesOf(request.fields, name).length !== 1) violations.push(`${name} is not there exactly once`)
    }
  }
  if (upstream.tunnel !== '' && !testCase.tunnel_ok) violations.push('bytes passed as a tunnel')
  violations.push(...matches(testCase.never_upstream, upstream.raw, 'upstream'))
  violations.push(...matches(testCase.never_client, client.text, 'client'))
  const forwarded = upstream.requests[0]
  if (forwarded !== undefined) violations.push(...forwardedWrongly(testCase, forwarded))
  if (seen.canary !== 'ok') violations.push(`the next client was harmed: ${seen.canary}`)
  const finals = finalsOf(seen.responses)
  if (finals.length > (testCase.responses ?? 1) + (isResponse ? 0 : 1)) violations.push(`${finals.length} responses`)
  if (seen.error !== undefined) violations.push(`client got malformed bytes: ${seen.error}`)
  else if (seen.left !== '' && isResponse) violations.push('client got stray bytes')
  const first = finals[0]
  const passedOff = first !== undefined && first.status < 400 && first.complete
  if (
    isResponse &&
    testCase.incomplete_must_show &&
    passedOff &&
    !(first.framing === 'close' && testCase.close_framing_ok)
  ) {
    violations.push('a cut-off response was passed off as whole')
  }
  return violations
}

function finalsOf(responses: readonly SeenResponse[]): SeenResponse[] {
  return responses.filter(({ status }) => status >= 200 || status === 101)
}

function matches(patterns: readonly string[] | undefined, text: string, who: string): string[] {
  return (patterns ?? [])
    .filter((pattern) => new RegExp(pattern.replace('(?i)', ''), pattern.startsWith('(?i)') ? 'i' : '').test(text))
    .map((pattern) => `${who} saw /${pattern}/`)
}

function forwardedWrongly(testCase: CorpusCase, request: SeenRequest): string[] {
  const must = testCase.if_forwarded ?? {}
  const names = request.fields.map(([name]) => name)
  const wrong: string[] = []
  for (const name of [...(must.absent ?? []), ...(must.no_trailer_merge ?? [])]) {
    if (names.includes(name)) wrong.push(`field ${name} was forwarded`)
  }
  for (const name of must.present ?? []) if (!names.includes(name)) wrong.push(`field ${name} was lost`)
  for (const [name, pattern] of Object.entries(must.match ?? {})) {
    const values = valuesOf(request.fields, name)
    const whole = new RegExp(`^(?:${pattern})$`, 'i')
    if (values.length === 0 || !values.every((value) => whole.test(value)))
      wrong.push(`field ${name} is ${values.join()}`)
  }
  if (must.body !== undefined && request.body !== must.body) wrong.push(`body changed: ${request.body.slice(0, 60)}`)
  if (must.target !== undefined && !new RegExp(`^(?:${must.target})$`).test(request.target)) {
    wrong.push(`target became ${request.target.slice(0, 80)}`)
  }
  return wrong
}

function outcomeOf(testCase: CorpusCase, seen: Observation): { fine: boolean; outcome: string } {
  const skip = testCase.ok_before ?? 0
  const judged = finalsOf(seen.responses)[skip]
  const what = happened(testCase, seen, judged)
  let fine = isExpected(testCase, seen, judged, what)
  if (testCase.may_wait && what === 'hang') fine = true
  if (testCase.must_close && what === 'accepted' && !seen.closed) fine = false
  if (testCase.no_hang && what === 'hang') fine = false
  return { fine, outcome: `${what} ${judged?.status ?? ''}${seen.closed ? ' close' : ''}` }
}

function happened(testCase: CorpusCase, seen: Observation, judged: SeenResponse | undefined): string {
  const finals = finalsOf(seen.responses)
  if (judged === undefined) {
    const how = seen.closed ? 'closed' : 'hang'
    return finals.length < (testCase.ok_before ?? 0) ? `early-${how}` : how
  }
  const accepts = (testCase.accept_status ?? [200]).includes(judged.status)
  const reached =
    seen.upstream.requests.length > 0 || testCase.kind === 'response' || seen.upstream.malformed.length > 0
  if (accepts && reached) return judged.complete ? 'accepted' : 'truncated'
  return judged.status >= 400 ? 'rejected' : 'answered'
}

function isExpected(testCase: CorpusCase, seen: Observation, judged: SeenResponse | undefined, what: string): boolean {
  const { expected } = testCase
  const allowed = testCase.allowed_status ?? (expected === 'reject-502' ? [502, 503, 504] : [400])
  const statusAllowed = judged !== undefined && allowed.includes(judged.status)
  switch (expected) {
    case 'accept': {
      const least = testCase.min_upstream ?? (testCase.kind === 'response' ? 0 : (testCase.responses ?? 1))
      const bodyIsRight = testCase.client_body === undefined || judged?.body === testCase.client_body
      return what === 'accepted' && seen.upstream.requests.length >= least && bodyIsRight
    }
    case 'reject-400':
      return what === 'rejected' && statusAllowed && seen.closed
    case 'reject-close':
      if (testCase.status_any) return ['rejected', 'closed', 'answered'].includes(what)
      if (what === 'rejected') return seen.closed || testCase.stay_open_ok === true
      return (what === 'closed' || what === 'truncated') && seen.closed
    case 'reject-502':
      return (what === 'rejected' && statusAllowed) || what === 'truncated' || what === 'closed'
    case 'accept-or-reject':
      return ['accepted', 'rejected', 'closed', 'truncated', 'answered'].includes(what)
    default:
      throw new Error(`unknown expectation ${expected}`)
  }
}
