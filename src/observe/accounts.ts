// What requests are counted in, and the same as plain data, which another process can add to its own.
// Adding is all that happens for a request; label values are configured names or fixed words.

import { type Cell, LabelledCounter, type PlainCounter } from './counters.ts'
import { countIn, fold, type IstioSeries, IstioSeriesSet, type KnownNames, type PlainSeries } from './istio-series.ts'
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
  readonly mirrored: PlainCounter
  readonly overloads: PlainCounter
}

/** What of a record says where it is counted. */
interface Labels extends Pick<
  RequestRecord,
  | 'internal'
  | 'release'
  | 'service'
  | 'version'
  | 'poolVersion'
  | 'sourceVersion'
  | 'servedVersion'
  | 'reason'
  | 'pinIn'
  | 'pinOut'
  | 'status'
  | 'edgeCode'
  | 'flags'
> {
  readonly answered: boolean
}

/** Where records with the same labels are counted: found once, then remembered, since most requests are like one of the last few. */
interface Places {
  readonly of: Labels
  readonly series: IstioSeries
  readonly cells: readonly Cell[]
}

const recentLength = 16

export class Accounts {
  readonly istio = new IstioSeriesSet()
  readonly decisions = new LabelledCounter()
  readonly pins = new LabelledCounter()
  readonly servedVersions = new LabelledCounter()
  readonly mismatches = new LabelledCounter()
  readonly edgeAnswers = new LabelledCounter()
  readonly tlsFailures = new LabelledCounter()
  readonly mirrored = new LabelledCounter()
  readonly overloads = new LabelledCounter()
  readonly #recent: Places[] = []
  #oldest = 0
  #names: KnownNames | undefined

  count(record: RequestRecord, names: KnownNames): void {
    if (names !== this.#names) {
      this.#names = names
      this.#recent.length = 0
    }
    const places = this.#recall(record) ?? this.#placesOf(record, names)
    countIn(places.series, record)
    for (let i = 0; i < places.cells.length; i++) places.cells[i]!.count++
  }

  #recall(record: RequestRecord): Places | undefined {
    const recent = this.#recent
    for (let i = 0; i < recent.length; i++) if (isAlike(recent[i]!.of, record)) return recent[i]
    return undefined
  }

  #placesOf(record: RequestRecord, names: KnownNames): Places {
    const series = this.istio.of(record, names)
    const places: Places = { of: labelsOf(record), series, cells: this.#cellsOf(record, names) }
    if (this.#recent.length < recentLength) this.#recent.push(places)
    else this.#recent[this.#oldest++ % recentLength] = places
    return places
  }

  #cellsOf(record: RequestRecord, names: KnownNames): Cell[] {
    const cells: Cell[] = []
    // A preflight belongs to no page: its decision says nothing about a visitor (docs/affinity.md, step 5).
    if (record.reason !== '' && record.reason !== 'preflight') {
      cells.push(this.decisions.cell(fold(record.version, names.versions), record.reason))
      if (!record.internal) {
        cells.push(this.pins.cell(record.pinIn))
        if (record.pinOut === 'set') cells.push(this.pins.cell('set'))
      }
    }
    if (record.edgeCode !== '') cells.push(this.edgeAnswers.cell(record.edgeCode))
    if (record.upstreamMs >= 0) this.#addServedVersion(cells, record, names)
    return cells
  }

  /** The coupling audit: did the answer come from the version that was asked? */
  #addServedVersion(cells: Cell[], record: RequestRecord, names: KnownNames): void {
    const service = fold(record.service, names.services)
    const served = record.servedVersion
    cells.push(this.servedVersions.cell(service, served === undefined ? 'no' : 'yes'))
    if (served === undefined || served === record.poolVersion) return
    cells.push(this.mismatches.cell(service, fold(record.poolVersion, names.versions), fold(served, names.versions)))
  }

  /** See IstioSeriesSet. */
  dropForgotten(known: KnownNames, nowMs: number): void {
    if (this.istio.dropForgotten(known, nowMs)) this.#recent.length = 0
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
      mirrored: [...this.mirrored.entries()],
      overloads: [...this.overloads.entries()],
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
    this.mirrored.add(plain.mirrored)
    this.overloads.add(plain.overloads)
  }
}

function labelsOf(record: RequestRecord): Labels {
  const { internal, release, service, version, poolVersion, sourceVersion, servedVersion } = record
  const { reason, pinIn, pinOut, status, edgeCode, flags, upstreamMs } = record
  const names = { internal, release, service, version, poolVersion, sourceVersion, servedVersion }
  return { ...names, reason, pinIn, pinOut, status, edgeCode, flags, answered: upstreamMs >= 0 }
}

/** What differs most often comes first. Names are the same strings nearly always, so that comparing them is comparing pointers. */
function isAlike(labels: Labels, record: RequestRecord): boolean {
  return (
    labels.status === record.status &&
    labels.reason === record.reason &&
    labels.pinIn === record.pinIn &&
    labels.pinOut === record.pinOut &&
    labels.version === record.version &&
    labels.poolVersion === record.poolVersion &&
    labels.service === record.service &&
    labels.release === record.release &&
    labels.servedVersion === record.servedVersion &&
    labels.edgeCode === record.edgeCode &&
    labels.flags === record.flags &&
    labels.internal === record.internal &&
    labels.sourceVersion === record.sourceVersion &&
    labels.answered === record.upstreamMs >= 0
  )
}
