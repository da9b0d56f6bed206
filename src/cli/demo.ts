// `graylane demo`: the story on real parts, from a checkout. Reads its options, ends it on Ctrl-C, turns errors into sentences.
// The parts themselves stand in demo/ and need the development packages: they are loaded when asked for, never by other verbs.

import { join, relative } from 'node:path'
import { sayReason } from './say-problems.ts'
import { painter } from './terminal.ts'
import { defaultConfigPath, readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane demo [OPTIONS]

Starts an MQTT broker, 30 devices, three frontends, three mqtt-servers and graylane on loopback addresses,
plays the story's three situations, and stays up until Ctrl-C.

  --once                     end after the table
  --config FILE              routes.yaml to run graylane on (default ${defaultConfigPath})
  --ports configured|auto    auto: any free ports in place of the configured ones (default configured)
  --json                     the table and the verdict as JSON; the rest goes to standard error

Exit code: 0 nothing crossed, 1 something crossed or a part could not start, 2 wrong usage.
`

interface DemoOptions {
  readonly configPath: string
  readonly anyPorts: boolean
  readonly once: boolean
  readonly json: boolean
}

/** A closed terminal (SIGHUP) counts: to the gateway it would mean a reload, and it would live on alone. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** 0: nothing crossed. 1: something crossed, or a part could not start. */
export async function run(args: string[]): Promise<ExitCode> {
  const options = readOptions(args)
  const abort = new AbortController()
  let answered = false
  const stop = (): void => abort.abort()
  for (const signal of stopSignals) process.on(signal, stop)
  try {
    const { playDemo } = await import('../../demo/run.ts')
    const print = (line: string): void => (options.json ? console.error(line) : console.log(colour(line)))
    const printResult = (result: string): void => {
      answered = true
      console.log(result)
    }
    return await playDemo({
      ...options,
      print,
      printResult: options.json ? printResult : undefined,
      signal: abort.signal,
    })
  } catch (error) {
    const reason = explain(error, abort.signal)
    if (options.json && !answered) sayReason('', reason, true)
    else console.error(reason)
    return 1
  } finally {
    for (const signal of stopSignals) process.removeListener(signal, stop)
  }
}

function readOptions(args: string[]): DemoOptions {
  const { values } = readArguments(args, {
    once: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    config: { type: 'string' },
    ports: { type: 'string', default: 'configured' },
  })
  if (values.ports !== 'configured' && values.ports !== 'auto') {
    throw new UsageError(`--ports wants configured or auto, not ${JSON.stringify(values.ports)}`)
  }
  const { config, ports, once, json } = values
  return { configPath: config ?? ownConfig(), anyPorts: ports === 'auto', once, json }
}

/** The example of this checkout, wherever the demo is started from. */
function ownConfig(): string {
  return relative(process.cwd(), join(import.meta.dirname, '../..', defaultConfigPath))
}

const paint = painter(process.stdout)

function colour(line: string): string {
  if (line.startsWith('  ✓')) return line.replace('✓', paint('green', '✓'))
  if (line === 'crossings: 0') return paint('green', line)
  return /^(crossings| {2}crossed| {2}failed):/.test(line) ? paint('red', line) : line
}

function explain(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'The demo was ended while it started.'
  const { code, message, path } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' && path !== undefined) return `The demo cannot run: there is no file ${path}`
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return `The demo runs from a checkout, with its development packages: npx -y pnpm@12 demo\n(${message})`
  }
  return `The demo cannot run: ${message}`
}
