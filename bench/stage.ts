// The backend and the contenders on their ports, checked: who takes part, who does not and why.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Ports } from './backend.ts'
import { certificateIn } from './certificate.ts'
import { checkBackend, checkContender, type Verdict } from './check.ts'
import { type Children, freePort, hasEnded } from './children.ts'
import type { Contender, Setting } from './contender.ts'
import type { Participant } from './result.ts'

const patienceMs = 30_000

export interface Running {
  readonly contender: Contender
  readonly setting: Setting
  /** Undefined: the load goes to the backend. */
  readonly child: ChildProcess | undefined
  readonly port: number
}

/** One that answers right. */
export interface Checked extends Running {
  readonly verdict: Verdict
}

/** Starts the backend process; throws when it cannot. */
export async function startBackend(children: Children): Promise<Ports> {
  const args = [join(import.meta.dirname, 'backend.ts')]
  const child = children.start({ name: 'backend', file: process.execPath, args, readOutput: true })
  const lines = createInterface(child.stdout!)
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => [''])])) as [string]
  if (line === '') throw new Error(`the backend did not start: ${children.lastWords('backend')}`)
  return JSON.parse(line) as Ports
}

/** Started and accepting, or the reason why not. */
export async function startContender(
  contender: Contender,
  backends: Ports,
  folder: string,
  children: Children,
): Promise<Running | string> {
  const own = join(folder, contender.name.replaceAll(/\W+/g, '-'))
  await mkdir(own, { recursive: true })
  const files = await certificateIn(folder)
  const secure = files && { port: await freePort(), ...files }
  const setting = { port: await freePort(), adminPort: await freePort(), secure, backends, folder: own }
  const command = await contender.command(setting)
  if (command === undefined) return { contender, setting, child: undefined, port: backends.v2 }
  const child = children.start(command)
  const running = { contender, setting, child, port: setting.port }
  if (await becomesReady(running)) return running
  const words = children.lastWords(command.name)
  await children.end(child)
  return `did not start: ${words === '' ? 'it said nothing' : words}`
}

async function becomesReady({ contender, setting, child, port }: Running): Promise<boolean> {
  const end = Date.now() + patienceMs
  while (Date.now() < end) {
    if (child === undefined || hasEnded(child) || child.pid === undefined) return false
    const ready = await Promise.all([accepts(port), contender.ready?.(setting).catch(() => false) ?? true])
    if (ready.every(Boolean)) return true
    await sleep(50)
  }
  return false
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

/** Starts and checks all of them; those left out are in `participants` with the reason. */
export async function assemble(
  contenders: readonly Contender[],
  backends: Ports,
  folder: string,
  children: Children,
  say: (line: string) => void,
): Promise<{ readonly checked: readonly Checked[]; readonly participants: readonly Participant[] }> {
  const checked: Checked[] = []
  const participants: Participant[] = []
  for (const contender of contenders) {
    const { participant, running } = await admit(contender, backends, folder, children)
    participants.push(participant)
    if (running !== undefined) checked.push(running)
    say(`${contender.name} ${participant.version ?? ''}: ${[participant.state, ...participant.remarks].join('; ')}`)
  }
  return { checked, participants }
}

async function admit(
  contender: Contender,
  backends: Ports,
  folder: string,
  children: Children,
): Promise<{ readonly participant: Participant; readonly running?: Checked }> {
  const { name, about, install } = contender
  const version = await contender.version()
  const remarked = (state: Participant['state'], remarks: readonly string[]): Participant => ({
    name,
    about,
    version,
    state,
    remarks,
  })
  if (version === undefined) return { participant: remarked('missing', [`to install it: ${install}`]) }
  const running = await startContender(contender, backends, folder, children)
  if (typeof running === 'string') return { participant: remarked('not started', [running]) }
  const verdict =
    running.child === undefined ? await checkBackend(running.port, 'v2') : await checkContender(running.port)
  if (verdict.wrong.length > 0) {
    if (running.child !== undefined) await children.end(running.child)
    return { participant: remarked('excluded', verdict.wrong) }
  }
  return { participant: remarked('measured', verdict.notes), running: { ...running, verdict } }
}
