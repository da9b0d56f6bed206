// `graylane demo`: the story on real parts, from a checkout. Reads its options, ends it on Ctrl-C, turns errors into sentences.
// The parts themselves stand in demo/ and need the development packages: they are loaded when asked for, never by other verbs.

import { join } from 'node:path'
import { parseArgs } from 'node:util'

const usage = `graylane demo [--once] [--config FILE] [--ports configured|auto]

Starts an MQTT broker, 30 devices, three frontends, three mqtt-servers and graylane on loopback,
plays the story's three situations, and stays up until Ctrl-C.

  --once           ends after the table; exit 1 when a version crossed
  --config FILE    routes.yaml to run graylane on (default config/routes.yaml)
  --ports auto     any free ports in place of the configured ones`

const defaultConfig = join(import.meta.dirname, '../../config/routes.yaml')

/** A closed terminal (SIGHUP) counts: to the gateway it would mean a reload, and it would live on alone. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Exit code: 0 nothing crossed, 1 something crossed or could not start, 2 wrong usage. */
export async function runDemo(args: string[]): Promise<number> {
  const options = readOptions(args)
  if (typeof options === 'string') {
    console.error(`${options}\n\n${usage}`)
    return 2
  }
  if (options.help) {
    console.log(usage)
    return 0
  }
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  for (const signal of stopSignals) process.on(signal, stop)
  try {
    const { playDemo } = await import('../../demo/run.ts')
    return await playDemo({ ...options, print: (line) => console.log(line), signal: abort.signal })
  } catch (error) {
    console.error(explain(error, abort.signal))
    return 1
  } finally {
    for (const signal of stopSignals) process.removeListener(signal, stop)
  }
}

function readOptions(args: string[]): { once: boolean; help: boolean; configPath: string; anyPorts: boolean } | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        config: { type: 'string', default: defaultConfig },
        ports: { type: 'string', default: 'configured' },
      },
    })
    if (values.ports !== 'auto' && values.ports !== 'configured') return '--ports is either configured or auto'
    return { once: values.once, help: values.help, configPath: values.config, anyPorts: values.ports === 'auto' }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function explain(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'The demo was ended while it started.'
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return `The demo runs from a checkout, with its development packages: npx -y pnpm@12 demo\n(${message})`
  }
  return `The demo cannot run: ${message}`
}
