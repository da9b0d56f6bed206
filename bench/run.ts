// `pnpm bench`: reads its arguments, plans, runs, writes.

import { relative } from 'node:path'

import { bench } from './bench.ts'
import { everyone } from './line-up.ts'
import { type Job, readOptions, usage } from './options.ts'
import { writeResult } from './result.ts'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function run(job: Job): Promise<void> {
  if (job.do === 'help') return say(usage)
  const { kind, startedAt, result } = await perform(job)
  say(`written: ${relative(process.cwd(), await writeResult(kind, startedAt, result))}`)
}

async function perform(
  job: Exclude<Job, { do: 'help' }>,
): Promise<{ readonly kind: string; readonly startedAt: string; readonly result: object }> {
  if (job.do === 'bench') {
    const result = await bench(job.plan, everyone, say)
    const kind = result.kind === 'alone' ? `alone-${job.plan.scenarios[0]!.scenario.name}` : result.kind
    return { kind, startedAt: result.startedAt, result }
  }
  const startedAt = new Date().toISOString()
  if (job.do === 'micro')
    return { kind: 'micro', startedAt, result: await (await import('./micro/micro.ts')).micro(say) }
  if (job.do === 'profile')
    return { kind: 'profile', startedAt, result: await (await import('./profile.ts')).profile(say) }
  return { kind: 'soak', startedAt, result: await (await import('./soak.ts')).soak(job.minutes, say) }
}

// Whoever read along may leave: the run goes on.
process.stdout.on('error', () => undefined)

try {
  await run(readOptions(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`)
  process.exitCode = 1
}
