// Mutations of the corpus, seeded: whatever comes in, what goes out on either side is strict HTTP/1.1, nothing hangs, nothing is left
// behind, and the next visitor gets his own answer. FUZZ_MESSAGES and FUZZ_SEED widen the search.

import { readFileSync } from 'node:fs'
import net from 'node:net'
import { expect, it } from 'vitest'
import type { CorpusCase } from './corpus-player.ts'
import { endpointOf } from './plain-proxy.ts'
import type { Part } from './recording-upstream.ts'
import { readRequest, readResponses } from './strict-reader.ts'
import { connect, stage, until } from './wire.ts'
import type { Line } from './wire.ts'

const MESSAGES = Number(process.env['FUZZ_MESSAGES'] ?? 20_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const AT_ONCE = 64

const corpus = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8')) as { cases: CorpusCase[] }

function textOf(raw: string | readonly Part[]): string {
  if (typeof raw === 'string') return raw
  return raw
    .map((part) => {
      if (typeof part === 'string') return part
      if (Array.isArray(part)) return (part[0] as string).repeat(Math.min(20, part[1] as number))
      return typeof part === 'object' && 'bytewise' in part ? part.bytewise : ''
    })
    .join('')
}

const seeds = corpus.cases.map((each) => textOf(each.raw)).filter((text) => text.length < 4000)
const answers = corpus.cases
  .filter((each) => each.upstream?.raw !== undefined)
  .map((each) => textOf(each.upstream!.raw!))
  .filter((text) => text.length < 4000)

/** Small, fast, good enough to search with; the same sequence on every machine (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const spices = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '0',
  '5',
  'ffffffff',
  'chunked',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Host: b\r\n',
  'HTTP/1.0',
  '\xff',
  '0\r\n\r\n',
  '/../',
  '%2e',
  '#',
]

function mutate(text: string, random: (below: number) => number): string {
  let out = text
  for (let rounds = 1 + random(4); rounds > 0; rounds--) {
    const at = random(out.length + 1)
    const length = random(6)
    switch (random(6)) {
      case 0:
        out = out.slice(0, at) + String.fromCharCode(random(256)) + out.slice(at + 1)
        break
      case 1:
        out = out.slice(0, at) + spices[random(spices.length)]! + out.slice(at)
        break
      case 2:
        out = out.slice(0, at) + out.slice(at + length)
        break
      case 3:
        out = out.slice(0, at) + out.slice(at, at + length) + out.slice(at)
        break
      case 4: {
        const other = seeds[random(seeds.length)]!
        out = out.slice(0, at) + other.slice(random(other.length + 1))
        break
      }
      default:
        out = out.slice(0, at)
    }
  }
  return out
}

/** Reads strictly what the engine sends; answers with the target, or with a mutated answer when the target asks for one. */
function strictUpstream(
  malformed: string[],
  answerOf: (target: string) => string | undefined,
): (line: Line) => Promise<void> {
  return (line) =>
    new Promise((resolve) => {
      line.socket.on('close', () => resolve())
      line.socket.on('data', () => {
        for (;;) {
          let read: ReturnType<typeof readRequest>
          try {
            read = readRequest(line.text)
          } catch (error) {
            malformed.push(`${(error as Error).message}: ${JSON.stringify(line.text.slice(0, 300))}`)
            line.socket.destroy()
            return
          }
          if (read === undefined) return
          line.text = line.text.slice(read.used)
          const { method, target } = read.request
          const reply = answerOf(target)
          if (reply === undefined) {
            const body = `up:${target}`
            line.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${method === 'HEAD' ? '' : body}`)
          } else {
            line.socket.end(reply, 'latin1')
            return
          }
        }
      })
    })
}

/** Sends bytes (in two packets) and our FIN; resolves with all that came until the other side closed. */
function throwAt(port: number, text: string, cut: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = ''
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`hangs: ${JSON.stringify(text)} got ${JSON.stringify(got.slice(0, 200))}`))
    }, 15_000)
    socket.on('data', (bytes) => {
      got += bytes.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(got)
    })
    socket.on('end', () => socket.end())
    socket.write(text.slice(0, cut), 'latin1')
    setImmediate(() => socket.end(text.slice(cut), 'latin1'))
  })
}

it(`${MESSAGES} mutated requests and answers break no rule`, { timeout: 60_000 + MESSAGES * 20 }, async () => {
  const random = generator(SEED)
  const malformed: string[] = []
  const replies: string[] = []
  const set = await stage(
    strictUpstream(malformed, (target) => {
      const match = /^\/reply-(\d+)$/.exec(target)
      return match === null ? undefined : replies[Number(match[1])]
    }),
    { limits: { upstreamConnections: 200 } },
  )
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < MESSAGES) {
      const turn = next++
      let text: string
      let methods = ['GET']
      if (turn % 4 === 3) {
        const reply = mutate(answers[random(answers.length)]!, random)
        replies[turn] = reply
        text = `GET /reply-${turn} HTTP/1.1\r\nHost: a\r\n\r\n`
      } else text = mutate(seeds[random(seeds.length)]!, random)
      methods = [...text.matchAll(/(?:^|\r\n)(HEAD|GET|POST|PUT|DELETE|OPTIONS|[A-Z]+) \S* HTTP\/1/g)].map(
        (match) => match[1]!,
      )
      const got = await throwAt(set.proxy.port, text, random(text.length + 1))
      delete replies[turn]
      // With HEAD among pipelined requests the reader cannot know which answers have a body.
      if (!methods.includes('HEAD') && !/HEAD/.test(text)) {
        const { error } = readResponses(got, ['GET'], true)
        expect(
          error,
          `seed ${SEED}, message ${turn}: ${JSON.stringify(text)} got ${JSON.stringify(got.slice(0, 400))}`,
        ).toBeUndefined()
      }
      if (turn % 50 === 0) {
        const client = connect(set.proxy.port).write(
          `GET /mine-${turn} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
        )
        expect((await client.message()).body).toBe(`up:/mine-${turn}`)
        client.socket.destroy()
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  expect(malformed).toEqual([])
  await until(() => set.proxy.server.openConnections === 0)
  expect(set.proxy.upstreams.inFlight(endpointOf(set.upstream.port).key)).toBe(0)
  expect(set.proxy.outcomes.length).toBeGreaterThan(MESSAGES / 10)
  await set.strike()
})
