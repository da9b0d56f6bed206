// graylane as a user would run it: `node src/main.ts serve` in a process of its own.
// Never outlives the demo: whoever starts it gets a close that waits for its end.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface GatewayProcess {
  /** Resolves when the process has ended, wanted or not. */
  readonly ended: Promise<void>
  /** From now on each line it prints goes there. */
  follow(print: (line: string) => void): void
  close(): Promise<void>
}

const mainFile = join(import.meta.dirname, '../src/main.ts')
const readyWithinMs = 20_000
const endWithinMs = 5_000
const rememberedLines = 12

/**
 * Starts it and waits until /readyz on the admin port answers 200.
 * Throws an Error with the last lines it printed when it ends before or does not become ready, and when the signal fires.
 */
export async function startGateway(
  configPath: string,
  adminPort: number,
  signal: AbortSignal,
): Promise<GatewayProcess> {
  const args = [mainFile, 'serve', '--config', configPath, '--admin', `127.0.0.1:${adminPort}`, '--drain-delay', '0']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit').then(
    () => undefined,
    () => undefined,
  )
  const lines = rememberLines(child)
  const gateway = { ended, follow: lines.follow, close: () => endProcess(child, ended) }
  try {
    await untilReady(child, adminPort, lines.last, signal)
    return gateway
  } catch (error) {
    await gateway.close()
    throw error
  }
}

async function untilReady(
  child: ChildProcess,
  adminPort: number,
  last: () => string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + readyWithinMs
  while (Date.now() < deadline) {
    signal.throwIfAborted()
    if (hasEnded(child)) throw new Error(`graylane ended while it started:\n${last()}`)
    if (await answersReady(adminPort)) return
    await sleep(50)
  }
  throw new Error(`graylane was not ready within ${readyWithinMs / 1000} s:\n${last()}`)
}

async function answersReady(adminPort: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`)
    await answer.body?.cancel()
    return answer.status === 200
  } catch {
    return false
  }
}

async function endProcess(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (hasEnded(child)) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), endWithinMs)
  await ended
  clearTimeout(timer)
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

function rememberLines(child: ChildProcess): Pick<GatewayProcess, 'follow'> & { last(): string } {
  const kept: string[] = []
  let print: ((line: string) => void) | undefined
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) print?.(line)
      kept.push(...lines)
      kept.splice(0, kept.length - rememberedLines)
    })
  }
  return {
    last: () => kept.join('\n'),
    follow: (sink) => {
      print = sink
    },
  }
}
