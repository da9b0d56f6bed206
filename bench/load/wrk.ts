// wrk: one thread of C. Its report is read by pattern; a report that does not fit is an error, never zero.

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import type { Children } from '../children.ts'
import { versionOf } from '../contender.ts'
import { type LoadGenerator, type LoadResult, requestIds } from './load.ts'

export function wrk(folder: string, children: Children): LoadGenerator {
  return {
    name: 'wrk',
    install: 'apt-get install wrk (or brew)',
    version: () => versionOf('wrk', ['-v'], /(\d+\.\d+\.\d+)/),
    async run(load) {
      const args = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '10s', '--latency']
      for (const [name, value] of load.headers) args.push('-H', `${name}: ${value}`)
      if (load.newConnections) args.push('-H', 'Connection: close')
      if (load.method === 'POST') args.push('-s', await postScript(folder, load.bodyBytes))
      else if (load.numbered) args.push('-s', await numberingScript(folder))
      args.push(`${load.secure ? 'https' : 'http'}://127.0.0.1:${load.port}${load.path}`)
      const child = children.start({ name: 'wrk', file: 'wrk', args, readOutput: true })
      const [report] = await Promise.all([text(child.stdout!), once(child, 'exit')])
      return readReport(report)
    },
  }
}

async function postScript(folder: string, bytes: number): Promise<string> {
  const file = join(folder, `post-${bytes}.lua`)
  const type = 'wrk.headers["Content-Type"] = "application/octet-stream"'
  await writeFile(file, `wrk.method = "POST"\nwrk.body = string.rep("x", ${bytes})\n${type}\n`)
  return file
}

/** The requests are put together once. */
async function numberingScript(folder: string): Promise<string> {
  const file = join(folder, 'numbered.lua')
  await writeFile(
    file,
    `local requests, turn = {}, 0
init = function()
  for i, id in ipairs({ ${requestIds.map((id) => `"${id}"`).join(', ')} }) do
    wrk.headers["X-Request-Id"] = id
    requests[i] = wrk.format()
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
`,
  )
  return file
}

/** Throws with the report when it is not one of wrk's. */
export function readReport(report: string): LoadResult {
  const requests = number(report, /(\d+) requests in/)
  const requestsPerSecond = number(report, /Requests\/sec:\s+([\d.]+)/)
  const p50 = microseconds(report, /^ +50% +(\S+)/m)
  const p99 = microseconds(report, /^ +99% +(\S+)/m)
  if (requests === undefined || requestsPerSecond === undefined || p50 === undefined || p99 === undefined) {
    throw new Error(`wrk reported something else:\n${report}`)
  }
  const broken = Array.from(report.matchAll(/(?:connect|read|write|timeout) (\d+)/g), ([, count]) => Number(count))
  const failed = broken.reduce((sum, count) => sum + count, number(report, /Non-2xx or 3xx responses: (\d+)/) ?? 0)
  return { requests, failed, requestsPerSecond, p50, p99 }
}

function number(report: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(report)?.[1]
  return found === undefined ? undefined : Number(found)
}

const units: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000, m: 60_000_000 }

function microseconds(report: string, pattern: RegExp): number | undefined {
  const [, amount, unit = ''] = /^([\d.]+)(us|ms|s|m)$/.exec(pattern.exec(report)?.[1] ?? '') ?? []
  return amount === undefined ? undefined : Number(amount) * units[unit]!
}
