// Linux' perf: which function a process is in, a thousand times a second of its processor time. It sees the kernel and V8's own code too;
// JavaScript by the map that Node writes with `--perf-basic-prof`.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { Children } from './children.ts'
import type { FunctionTime, Profiler } from './profiler.ts'

const run = promisify(execFile)
const samplesPerSecond = 999

/** Undefined where perf is not installed, or this user may not sample. */
export async function perf(folder: string, children: Children): Promise<Profiler | undefined> {
  const file = join(folder, 'perf.data')
  const record = ['record', '-q', '-e', 'cpu-clock', '-F', String(samplesPerSecond), '-o', file]
  const works = await run('perf', [...record, 'true']).then(
    () => true,
    () => false,
  )
  if (!works) return undefined
  return {
    name: 'perf',
    nodeArgs: ['--perf-basic-prof'],
    async sample(id, seconds) {
      const recording = children.start({
        name: 'perf',
        file: 'perf',
        args: [...record, '-p', String(id), 'sleep', String(seconds)],
      })
      await once(recording, 'exit')
    },
    async functions(id) {
      const report = [
        'report',
        '-i',
        file,
        '--stdio',
        '--no-children',
        '-g',
        'none',
        '--sort',
        'dso,symbol',
        '-t',
        '\t',
      ]
      const { stdout } = await run('perf', report, { maxBuffer: 1 << 26 })
      await rm(`/tmp/perf-${id}.map`, { force: true })
      return readReport(stdout)
    },
  }
}

/** Lines `12.34<tab>DSO<tab>[k] SYMBOL`; other lines are none of functions. */
export function readReport(report: string): readonly FunctionTime[] {
  const times = new Map<string, FunctionTime>()
  for (const line of report.split('\n')) {
    const [percent, dso, symbol] = line.split('\t').map((cell) => cell.trim())
    const named = /^\[(.)\] (.*)$/.exec(symbol ?? '')
    if (named === null || dso === undefined || !/^[\d.]+%?$/.test(percent ?? '')) continue
    const one = functionOf(dso, named[1]!, named[2]!)
    const key = `${one.layer}\n${one.place}\n${one.name}`
    times.set(key, { ...one, share: (times.get(key)?.share ?? 0) + Number.parseFloat(percent!) / 100 })
  }
  return [...times.values()]
}

/** JavaScript is `JS:*'NAME URL:LINE:COLUMN`, with marks of the compiler in front. */
const javascript = /^(?:JS|Function|LazyCompile|Eval|Script):[*^~+]*'?(.*?) ?((?:file:\/\/|node:)\S+):(\d+):\d+$/

function functionOf(dso: string, space: string, symbol: string): Omit<FunctionTime, 'share'> {
  if (space === 'k') return { name: symbol, place: '', layer: 'kernel' }
  const [, name, url, line] = javascript.exec(symbol) ?? []
  if (url === undefined) return { name: symbol, place: '', layer: dso.startsWith('lib') ? 'C library' : 'Node and V8' }
  return { name: name || '(anonymous)', place: `${url}:${line}`, layer: 'JavaScript' }
}
