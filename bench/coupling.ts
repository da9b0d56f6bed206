// Do versions cross under load? Visitors load a page, keep its cookie, ask for its parts; the version of every answer is compared with
// that of the page. Nothing of the answer is believed but what the backend wrote: its body names its version.

import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

import { ask, type Question, type Reply } from './ask.ts'
import type { CouplingSample } from './result.ts'

export interface Visits {
  readonly title: string
  readonly port: number
  readonly seconds: number
  /** Visitors at a time; each leaves after a few pages, and the next one comes without a cookie. */
  readonly visitors: number
  /** Puts another configuration in force, called again and again until the time is up; true when it is. */
  readonly reload?: () => Promise<boolean>
}

const pagesEach = 4
const partsEach = 12

const page = { Accept: 'text/html', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Mode': 'navigate' }
const parts: readonly (readonly [path: string, headers: Readonly<Record<string, string>>])[] = [
  ['/1k', { Accept: '*/*', 'Sec-Fetch-Dest': 'script', 'Sec-Fetch-Mode': 'no-cors' }],
  ['/', { Accept: 'application/json', 'Sec-Fetch-Dest': 'empty', 'Sec-Fetch-Mode': 'cors' }],
  ['/64k', { Accept: 'image/avif,*/*', 'Sec-Fetch-Dest': 'image', 'Sec-Fetch-Mode': 'no-cors' }],
]

/** Ends `seconds` later, when every visitor has its last answer. */
export async function visitUnderLoad(visits: Visits): Promise<CouplingSample> {
  const counts = new Counts()
  const end = Date.now() + visits.seconds * 1000
  const crowd = Array.from({ length: visits.visitors }, (_, i) => keepVisiting(visits.port, i, end, counts))
  let reloads = 0
  while (visits.reload !== undefined && Date.now() < end) {
    if (await visits.reload()) reloads++
    await sleep(250)
  }
  await Promise.all(crowd)
  const { title, seconds } = visits
  const { visitors, pages, requests, crossings, failed, pagesByVersion } = counts
  return { title, seconds, visitors, pages, requests, crossings, failed, reloads, pagesByVersion }
}

class Counts {
  visitors = 0
  pages = 0
  requests = 0
  crossings = 0
  failed = 0
  readonly pagesByVersion: Record<string, number> = {}
}

async function keepVisiting(port: number, lane: number, end: number, counts: Counts): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  // An address each, as behind a load balancer: who is drawn for a share is decided by it at first sight.
  for (let n = 0; Date.now() < end; n++) {
    counts.visitors++
    const address = `198.18.${lane}.${n % 256}`
    await visit({ port, headers: { 'X-Forwarded-For': address }, agent }, end, counts)
  }
  agent.destroy()
}

interface Visitor {
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  readonly agent: Agent
}

async function visit(visitor: Visitor, end: number, counts: Counts): Promise<void> {
  let pin = ''
  for (let i = 0; i < pagesEach && Date.now() < end; i++) {
    const reply = await get(visitor, '/', page, pin, counts)
    if (reply === undefined) continue
    const version = versionOf(reply)
    counts.pages++
    counts.pagesByVersion[version] = (counts.pagesByVersion[version] ?? 0) + 1
    pin = reply.cookies[0]?.split(';')[0] ?? pin
    for (let j = 0; j < partsEach; j++) {
      const [path, headers] = parts[j % parts.length]!
      const part = await get(visitor, path, headers, pin, counts)
      if (part !== undefined && versionOf(part) !== version) counts.crossings++
    }
  }
}

async function get(
  { port, headers, agent }: Visitor,
  path: string,
  kind: Question['headers'],
  pin: string,
  counts: Counts,
): Promise<Reply | undefined> {
  counts.requests++
  const cookie = pin === '' ? {} : { Cookie: pin }
  const reply = await ask(port, { path, agent, headers: { ...headers, ...kind, ...cookie } }).catch(() => undefined)
  if (reply?.status === 200) return reply
  counts.failed++
  return undefined
}

/** By the body; an answer whose x-version names another version than its body is of no version: it crosses. */
function versionOf({ body, headers }: Reply): string {
  const served = body.toString('latin1', 11, 13)
  return headers['x-version'] === served ? served : `${served}, said to be ${headers['x-version'] ?? 'none'}`
}
