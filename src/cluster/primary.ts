// A gateway of several processes, as one: this one, the primary, reads the configuration, keeps the workers, has them all switch at
// once, decides who is healthy and adds up what they count. It takes no request itself.

import { randomBytes } from 'node:crypto'

import type { Configuration } from '../config/configuration.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { drawSecrets, EdgeInForce, nameListeners } from '../edge-in-force.ts'
import type { Log } from '../gateway-event.ts'
import { failsAt } from '../listen-failure.ts'
import type { LearnedVersions } from '../learned-versions.ts'
import { ConfigurationError, type Gateway, type ManifestOptions, LeadingEndpoints, packageVersion } from '../gateway.ts'
import { createJointMetrics, type JointMetrics } from '../observe/joint-metrics.ts'
import { openStandardOutput } from '../observe/log-sink.ts'
import { TrafficRing } from '../observe/traffic-ring.ts'
import { Reloads } from '../reloads.ts'
import { loadLimitMs } from './load-limit.ts'
import type { Answers, Content, StartError } from './messages.ts'
import { RecordedLoad } from './recorded-load.ts'
import { commitAll, prepareAll } from './switch-together.ts'
import { Tallies } from './tallies.ts'
import { tryPort } from './try-port.ts'
import type { WorkerProcess } from './worker-process.ts'
import { type WorkerInfo, WorkerSlot } from './worker-slot.ts'

/** For workers to end once their drain is over. */
const exitLimitMs = 2000
/** Ports that are free one moment may be taken the next. */
const portAttempts = 3

export interface ClusterOptions {
  /** Path of routes.yaml, or of Istio's manifests. */
  readonly configPath: string
  readonly manifests?: ManifestOptions | undefined
  readonly workers: number
  /** Lines for people: reloads, workers that ended. */
  readonly log: Log
}

/** What a gateway of one process is as well, but what only its own process can give. */
export interface Cluster extends Omit<Gateway, 'metrics'> {
  readonly metrics: JointMetrics
  workers(): readonly WorkerInfo[]
}

/** Resolves when all workers serve. Rejects as createGateway does. */
export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = new Primary(options)
  await cluster.start()
  return cluster
}

class Primary implements Cluster {
  readonly metrics: JointMetrics
  readonly traffic = new TrafficRing()
  readonly #options: ClusterOptions
  readonly #recorded: RecordedLoad
  readonly #secrets = drawSecrets(randomBytes)
  readonly #health = new LeadingEndpoints(() => this.#tellHealth())
  readonly #inForce: EdgeInForce
  readonly reloads: Reloads
  readonly #tallies = new Tallies()
  readonly #slots: readonly WorkerSlot[]
  readonly #standardOutput = openStandardOutput()
  /** Given to every worker that starts: the files on disk may be others, or bad, by then. */
  #content: Content = { files: new Map(), ports: new Map(), learned: new Map() }
  #listeners: Answers['commit'] = []
  #life: Gateway['state'] = 'starting'
  /** A reload under way: no worker starts meanwhile. */
  #switching: Promise<void> | undefined

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#recorded = new RecordedLoad(options.manifests)
    const { configPath, workers, log } = options
    this.metrics = createJointMetrics({
      build: packageVersion(),
      pools: () => this.#inForce.poolFigures(),
      lostLogLines: () => this.#standardOutput.lostLines,
      collect: () => this.#tallies.collect(this.#workers().filter(({ ready }) => ready)),
    })
    this.#inForce = new EdgeInForce({
      endpoints: this.#health,
      secrets: this.#secrets,
      nowSeconds: () => Math.floor(Date.now() / 1000),
      randomBytes,
      lookUp: undefined,
    })
    this.reloads = new Reloads({
      path: configPath,
      load: this.#recorded.load,
      apply: (snapshot) => (this.#inForce.snapshot === undefined ? this.#startAll(snapshot) : this.#switch(snapshot)),
      log,
      count: (ok, changed) => this.metrics.reloaded(ok, changed),
    })
    this.#slots = Array.from({ length: workers }, () => this.#newSlot())
  }

  async start(): Promise<void> {
    try {
      await this.reloads.start()
    } catch (error) {
      await this.close()
      throw error
    }
    this.#inForce.startProbing()
    for (const slot of this.#slots) slot.keep()
    await this.reloads.watch()
    this.#life = 'ready'
  }

  // --- workers -----------------------------------------------------------------------------------------------------------------

  #newSlot(): WorkerSlot {
    return new WorkerSlot({
      start: (worker) => this.#startWorker(worker),
      onSign: (sign) => this.#health.hear(sign),
      onLog: (text, lines) => this.#standardOutput.write(Buffer.from(text, 'latin1'), lines),
      onTraffic: (worker, traffic) => this.traffic.add(worker, traffic),
      onEnded: (worker) => {
        this.traffic.forget(worker)
        const last = this.#tallies.forget(worker)
        if (last !== undefined) this.metrics.ended(last)
      },
      onRestart: () => this.metrics.restarted(),
      log: this.#options.log,
    })
  }

  /** All that there are, also those that do not serve yet. */
  #workers(): WorkerProcess[] {
    return this.#slots.flatMap(({ worker }) => worker ?? [])
  }

  /** Those to whom a configuration was given. */
  #started(): WorkerProcess[] {
    return this.#workers().filter(({ started }) => started)
  }

  async #startWorker(worker: WorkerProcess): Promise<void> {
    while (this.#switching !== undefined) await this.#switching
    worker.started = true
    const { configPath } = this.#options
    const body = { configPath, content: this.#content, secrets: this.#secrets, out: this.#health.list() }
    const answer = await worker.ask('start', body, loadLimitMs(body.content))
    if ('problems' in answer) throw new ConfigurationError(answer.problems)
    if ('error' in answer) throw systemError(answer.error)
    this.#listeners = answer.listeners
  }

  #tellHealth(): void {
    const out = this.#health.list()
    for (const worker of this.#started()) worker.tell({ kind: 'health', out })
  }

  // --- configurations ----------------------------------------------------------------------------------------------------------

  async #startAll(snapshot: Snapshot): Promise<void> {
    const edge = await this.#inForce.prepare(snapshot)
    for (let attempt = 1; ; attempt++) {
      this.#content = await this.#contentOf(snapshot.configuration, this.#inForce.learnedBy(edge))
      try {
        await Promise.all(this.#slots.map((slot) => slot.fill()))
        break
      } catch (error) {
        await this.#killAll()
        if (attempt === portAttempts || !this.#isChosen((error as Partial<StartError>).port)) throw error
        this.#listeners = []
      }
    }
    this.#inForce.commit(snapshot, edge)
    this.#configured(snapshot)
  }

  /** All workers or none. Rejects with why none did. */
  async #switch(snapshot: Snapshot): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#switching = promise
    try {
      const edge = await this.#inForce.prepare(snapshot)
      const content = await this.#contentOf(snapshot.configuration, this.#inForce.learnedBy(edge))
      const workers = this.#started()
      await prepareAll(workers, content, snapshot.id)
      // Workers that drain take no second step, and would be ended for it (commitAll).
      if (this.#life !== 'ready') throw new Error('the gateway is ending')
      this.#content = content
      this.#inForce.commit(snapshot, edge)
      this.#configured(snapshot)
      this.#listeners = (await commitAll(workers.filter(({ ended }) => !ended))) ?? this.#listeners
      // New endpoints of the workers know nothing yet of who is out.
      this.#tellHealth()
    } finally {
      this.#switching = undefined
      resolve()
    }
  }

  #configured(snapshot: Snapshot): void {
    this.metrics.configured(snapshot.id, nameListeners(snapshot.configuration.listen))
  }

  /** With what was read last. Ports that were chosen stay, as they do in one process. Rejects when a new port cannot be had. */
  async #contentOf({ listen }: Configuration, learned: LearnedVersions): Promise<Content> {
    const ports = new Map<string, number>()
    for (const spec of nameListeners(listen)) {
      const { name, port, address } = spec
      const isBound = this.#listeners.some((listener) => listener.name === name)
      const failed = failsAt(spec, this.#listeners)
      const asked = isBound ? (this.#content.ports.get(name) ?? port) : await tryPort(address, port).catch(failed)
      if (port === 0) ports.set(name, asked)
    }
    return { files: this.#recorded.files, ports, manifests: this.#options.manifests, learned }
  }

  #isChosen(port: number | undefined): boolean {
    return [...this.#content.ports.values()].some((chosen) => chosen === port)
  }

  reload(): ReturnType<Gateway['reload']> {
    return this.reloads.reload()
  }

  // --- views -------------------------------------------------------------------------------------------------------------------

  /** Ready as long as one worker is. */
  get state(): Gateway['state'] {
    if (this.#life !== 'ready') return this.#life
    return this.#workers().some(({ ready }) => ready) ? 'ready' : 'starting'
  }

  workers(): readonly WorkerInfo[] {
    return this.#slots.map(({ info }) => info)
  }

  listeners(): ReturnType<Gateway['listeners']> {
    return this.#listeners
  }

  configuration(): Configuration {
    return this.#inForce.snapshot!.configuration
  }

  lastReload(): ReturnType<Gateway['lastReload']> {
    return this.reloads.last
  }

  endpointsOut(): ReturnType<Gateway['endpointsOut']> {
    return this.#health.out().map(({ key }) => key)
  }

  explain(input: Parameters<Gateway['explain']>[0]): ReturnType<Gateway['explain']> {
    return this.#inForce.explain(input)
  }

  reopenLog(): void {
    for (const worker of this.#started()) worker.tell({ kind: 'reopen-log' })
  }

  // --- the end -----------------------------------------------------------------------------------------------------------------

  async drain({ delayMs, deadlineMs }: { readonly delayMs: number; readonly deadlineMs: number }): Promise<void> {
    this.#life = 'draining'
    for (const slot of this.#slots) slot.release()
    this.reloads.close()
    // Not behind a reload under way: a worker that hangs holds it up for half a minute, in which the others would go on taking requests.
    await Promise.all(this.#workers().map((worker) => this.#drainWorker(worker, delayMs, deadlineMs)))
    this.#inForce.close()
    await this.#standardOutput.close()
    this.metrics.close()
    this.#life = 'closed'
  }

  close(): Promise<void> {
    return this.drain({ delayMs: 0, deadlineMs: 0 })
  }

  /** One that does not serve yet has nothing to end in good order. */
  async #drainWorker(worker: WorkerProcess, delayMs: number, deadlineMs: number): Promise<void> {
    if (worker.ready) {
      try {
        const last = await worker.ask('drain', { delayMs, deadlineMs }, delayMs + deadlineMs + exitLimitMs)
        this.#tallies.note(worker, last)
      } catch {
        // Late or gone: it is killed.
      }
    }
    const timer = setTimeout(() => worker.kill(), worker.ready ? exitLimitMs : 0)
    await worker.whenEnded
    clearTimeout(timer)
  }

  async #killAll(): Promise<void> {
    const workers = this.#workers()
    for (const worker of workers) worker.kill()
    await Promise.all(workers.map(({ whenEnded }) => whenEnded))
  }
}

function systemError({ message, ...rest }: StartError): Error {
  return Object.assign(new Error(message), rest)
}
