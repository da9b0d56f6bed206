// What requests are counted in, and the same as plain data, which another process can add to its own.
// Adding is all that happens for a request; label values are configured names or fixed words.

import { LabelledCounter, type PlainCounter } from './counters.ts'
import { fold, IstioSeriesSet, type KnownNames, type PlainSeries } from './istio-series.ts'
import type { RequestRecord } from './record.ts'

/** Structured-clonable. */
export interface PlainAccounts {
  readonly istio: readonly PlainSeries[]
  readonly decisions: PlainCounter
  readonly pins: PlainCounter
  readonly servedVersions: PlainCounter
  readonly mismatches: PlainCounter
  readonly edgeAnswers: PlainCounter
  readonly tlsFailures: PlainCounter
}

export class Accounts {
  readonly istio = new IstioSeriesSet()
  readonly decisions = new LabelledCounter()
  readonly pins = new LabelledCounter()
  readonly servedVersions = new LabelledCounter()
  readonly mismatches = new LabelledCounter()
  readonly edgeAnswers = new LabelledCounter()
  readonly tlsFailures = new LabelledCounter()

  count(record: RequestRecord, names: KnownNames): void {
    this.istio.add(record, names)
    // A preflight belongs to no page: its decision says nothing about a visitor (design 4.5).
    if (record.reason !== '' && record.reason !== 'preflight') {
      this.decisions.increment(fold(record.version, names.versions), record.reason)
      if (!record.internal) {
        this.pins.increment(record.pinIn)
        if (record.pinOut === 'set') this.pins.increment('set')
      }
    }
    if (record.edgeCode !== '') this.edgeAnswers.increment(record.edgeCode)
    if (record.upstreamMs >= 0) this.#countServedVersion(record, names)
  }

  /** The coupling audit (design 4, last part): did the answer come from the version that was asked? */
  #countServedVersion(record: RequestRecord, names: KnownNames): void {
    const service = fold(record.service, names.services)
    const served = record.servedVersion
    this.servedVersions.increment(service, served === undefined ? 'no' : 'yes')
    if (served === undefined || served === record.poolVersion) return
    this.mismatches.increment(service, fold(record.poolVersion, names.versions), fold(served, names.versions))
  }

  plain(): PlainAccounts {
    return {
      istio: this.istio.plain(),
      decisions: [...this.decisions.entries()],
      pins: [...this.pins.entries()],
      servedVersions: [...this.servedVersions.entries()],
      mismatches: [...this.mismatches.entries()],
      edgeAnswers: [...this.edgeAnswers.entries()],
      tlsFailures: [...this.tlsFailures.entries()],
    }
  }

  /** Adds what another process counted. */
  add(plain: PlainAccounts): void {
    this.istio.addPlain(plain.istio)
    this.decisions.add(plain.decisions)
    this.pins.add(plain.pins)
    this.servedVersions.add(plain.servedVersions)
    this.mismatches.add(plain.mismatches)
    this.edgeAnswers.add(plain.edgeAnswers)
    this.tlsFailures.add(plain.tlsFailures)
  }
}
