// Two gateways that serve the same release and read its file half a minute apart, with what the model itself makes of that: what each
// knows of versions, and since when.

import { draw } from '../../src/rules/share.ts'
import { type Answer, ModelGateway, type Request, type Surroundings } from './model-gateway.ts'
import { addressOf, type Plan } from './plan.ts'
import type { View } from './promise.ts'

/** After so many probes in a row an endpoint that lives is in again, however often it relapsed. */
const probesEnough = 64

interface Known {
  /** Version to the second since 1970 from which on it was listed. */
  readonly since: ReadonlyMap<string, number>
  readonly stable: string
  /** What everyone else stays on while `stable` is new. */
  readonly stableBefore: string | undefined
  /** The plan that is due at it, and when. */
  readonly next: { readonly plan: Plan; readonly at: number } | undefined
}

export class Gateways {
  /** The newest. */
  plan: Plan
  readonly #around: Surroundings
  readonly #gateways: ModelGateway[] = []
  readonly #known: Known[] = []

  private constructor(plan: Plan, around: Surroundings) {
    this.plan = plan
    this.#around = around
  }

  static async start(plan: Plan, around: Surroundings): Promise<Gateways> {
    const both = new Gateways(plan, around)
    for (let i = 0; i < 2; i += 1) {
      both.#gateways.push(await ModelGateway.start(plan, around))
      both.#known.push(both.#knownAtStart())
    }
    return both
  }

  close(): void {
    for (const gateway of this.#gateways) gateway.close()
  }

  ask(at: number, request: Request): Answer {
    return this.#gateways[at]!.ask(request)
  }

  view(at: number): View {
    const gateway = this.#gateways[at]!
    const { since, stableBefore } = this.#known[at]!
    const { plan } = gateway
    const settles = this.#now < (since.get(plan.stable) ?? 0) + plan.settle
    return {
      plan,
      now: this.#now,
      since,
      stable: settles && stableBefore !== undefined ? stableBefore : plan.stable,
      isAvailable: (version) => gateway.isAvailable(version, addressOf),
      draw: (version, seed) => draw('shop', version, seed),
    }
  }

  /** A new process at its place. It knows the file and its time, no more. */
  async restart(at: number): Promise<void> {
    this.#known[at] = this.#knownAtStart()
    await this.#gateways[at]!.restart(this.plan)
  }

  /** One gateway reads the new file now, the other some seconds later. */
  async publish(plan: Plan, first: number, lateSeconds: number): Promise<void> {
    this.plan = { ...plan, writtenAt: this.#now }
    this.#known[1 - first] = { ...this.#known[1 - first]!, next: { plan: this.plan, at: this.#now + lateSeconds } }
    await this.#reload(first, this.plan)
    await this.#reloadWhatIsDue()
  }

  /** What happens in a second by itself. */
  async second(): Promise<void> {
    for (const gateway of this.#gateways) gateway.probe()
    await this.#reloadWhatIsDue()
  }

  /** An endpoint that lives and is out all the same, after all those seconds; undefined when all is well. */
  forgotten(seconds: number): string | undefined {
    if (seconds < probesEnough) return undefined
    return this.#gateways.flatMap((gateway) => [...gateway.out()]).find((address) => !this.#around.isDead(address))
  }

  get #now(): number {
    return Math.floor(this.#around.now() / 1000)
  }

  #knownAtStart(): Known {
    const { versions, stable, writtenAt } = this.plan
    const since = new Map(versions.map((version) => [version, writtenAt]))
    return { since, stable, stableBefore: undefined, next: undefined }
  }

  async #reload(at: number, plan: Plan): Promise<void> {
    const known = this.#known[at]!
    const since = new Map(plan.versions.map((version) => [version, known.since.get(version) ?? this.#now]))
    const settles = (version: string) => this.#now < (since.get(version) ?? 0) + plan.settle
    const current = known.stableBefore !== undefined && settles(known.stable) ? known.stableBefore : known.stable
    const waits = settles(plan.stable) && current !== plan.stable && plan.versions.includes(current)
    this.#known[at] = { since, stable: plan.stable, stableBefore: waits ? current : undefined, next: undefined }
    await this.#gateways[at]!.reload(plan)
  }

  async #reloadWhatIsDue(): Promise<void> {
    for (const [at, { next }] of this.#known.entries()) {
      if (next !== undefined && next.at <= this.#now) await this.#reload(at, next.plan)
    }
  }
}
