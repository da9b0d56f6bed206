// `graylane audit`: did answers come from the versions that were asked? Read from the metrics of a running gateway, which compares what
// backends say of themselves (x-served-version) with the version of the pool that was chosen. Asks, and changes nothing.

import { setTimeout as sleep } from 'node:timers/promises'

import { adminOptions, adminUsage, openAdmin } from './admin-client.ts'
import { readCoupling, type Coupling, since } from './coupling.ts'
import { sayReason } from './say-problems.ts'
import { columns, painter } from './terminal.ts'
import { readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane audit [OPTIONS]

Says whether answers came from the versions that were asked, by service and pair, and how many answers told at all.
Backends name their version in x-served-version; graylane/propagate does that for Node services.

${adminUsage}
  --for SECONDS             count from now on, for so long; default: since the gateway started
  --json                    the answer as JSON

Exit code: 0 no crossings, 1 crossings, 2 nothing measured, wrong usage or no answer.
`

const longestSeconds = 86_400

export async function run(args: string[]): Promise<ExitCode> {
  const { values } = readArguments(args, {
    ...adminOptions,
    for: { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  const seconds = values.for === undefined ? 0 : readSeconds(values.for)
  let coupling: Coupling
  try {
    const admin = await openAdmin(values)
    const read = async (): Promise<Coupling> => {
      const metrics = await admin.text('/metrics')
      if (!metrics.includes('graylane_')) throw admin.foreign()
      return readCoupling(metrics)
    }
    coupling = await read()
    if (seconds > 0) {
      await sleep(seconds * 1000)
      coupling = since(coupling, await read())
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    sayReason('graylane audit', (error as Error).message, values.json)
    return 2
  }
  process.stdout.write(values.json ? `${JSON.stringify(coupling, undefined, 2)}\n` : describe(coupling))
  if (coupling.crossings > 0) return 1
  return coupling.named > 0 ? 0 : 2
}

function readSeconds(text: string): number {
  const seconds = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > longestSeconds) {
    throw new UsageError(`--for: ${JSON.stringify(text)} is no number of seconds up to ${longestSeconds}`)
  }
  return seconds
}

// --- for people ------------------------------------------------------------------------------------------------------------------------

function describe(coupling: Coupling): string {
  const { answers, named, crossings, services, pairs } = coupling
  const paint = painter(process.stdout)
  if (answers === 0) return 'nothing measured: no upstream has answered yet\n'
  const verdict =
    named === 0
      ? `nothing measured: none of ${answers} answers named its version in x-served-version`
      : `${crossings} crossings among the ${percent(named, answers)} of answers that named their version (${named} of ${answers})`
  const rows = [
    ['service', 'answers', 'named', 'crossings'],
    ...services.map((one) => [
      one.service,
      String(one.answers),
      percent(one.named, one.answers),
      one.named === 0 ? '-' : String(one.crossings),
    ]),
  ]
  const lines = [
    paint(crossings > 0 ? 'red' : named === 0 ? 'yellow' : 'green', verdict),
    ...columns(rows),
    ...pairs.map(
      ({ service, asked, served, count }) => `  ${service}: asked of ${asked}, answered by ${served}: ${count}`,
    ),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** Never 100 % while one is missing. */
function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${Math.floor((1000 * part) / whole) / 10} %`
}
