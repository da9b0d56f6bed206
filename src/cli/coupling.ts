// What the metrics of a gateway say about coupling: which answers named their version, and which named another than was asked.
// Reads Prometheus text (0.0.4) of our own making; counts nothing itself.

import { metricNames } from '../observe/names.ts'

/** How many answers of upstreams; how many named their version; how many of these were crossings. */
interface Count {
  readonly answers: number
  readonly named: number
  readonly crossings: number
}

export interface Coupling extends Count {
  /** By name. */
  readonly services: readonly (Count & { readonly service: string })[]
  /** Most first. */
  readonly pairs: readonly Pair[]
}

interface Pair {
  readonly service: string
  readonly asked: string
  readonly served: string
  readonly count: number
}

export function readCoupling(metrics: string): Coupling {
  const pairs: Pair[] = []
  const counts = new Map<string, { answers: number; named: number }>()
  for (const { name, labels, value } of samples(metrics)) {
    const service = labels['service'] ?? ''
    if (name === metricNames.servedVersions.name) {
      const count = counts.get(service) ?? { answers: 0, named: 0 }
      count.answers += value
      if (labels['named'] === 'yes') count.named += value
      counts.set(service, count)
    } else if (name === metricNames.versionMismatches.name) {
      pairs.push({ service, asked: labels['asked'] ?? '', served: labels['served'] ?? '', count: value })
    }
  }
  return summed(
    Array.from(counts, ([service, count]) => ({ service, ...count })),
    pairs,
  )
}

/** What came between two readings. A gateway that started anew in between has counted from nothing. */
export function since(before: Coupling, after: Coupling): Coupling {
  const isAnew = after.answers < before.answers
  if (isAnew) return after
  const pairs = after.pairs.map((pair) => {
    const old = before.pairs.find(
      (one) => one.service === pair.service && one.asked === pair.asked && one.served === pair.served,
    )
    return { ...pair, count: pair.count - (old?.count ?? 0) }
  })
  const services = after.services.map(({ service, answers, named }) => {
    const old = before.services.find((one) => one.service === service)
    return { service, answers: answers - (old?.answers ?? 0), named: named - (old?.named ?? 0) }
  })
  return summed(services, pairs)
}

function summed(
  services: readonly { service: string; answers: number; named: number }[],
  pairs: readonly Pair[],
): Coupling {
  const happened = pairs.filter(({ count }) => count > 0).toSorted((a, b) => b.count - a.count)
  return {
    answers: sum(services.map(({ answers }) => answers)),
    named: sum(services.map(({ named }) => named)),
    crossings: sum(happened.map(({ count }) => count)),
    services: services
      .map((one) => ({
        ...one,
        crossings: sum(happened.filter(({ service }) => service === one.service).map(({ count }) => count)),
      }))
      .toSorted((a, b) => (a.service < b.service ? -1 : 1)),
    pairs: happened,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

function* samples(metrics: string): Generator<Sample> {
  for (const line of metrics.split('\n')) {
    const [, name, list = '', value] = /^([a-z_]+)\{(.*)\} (\S+)$/.exec(line) ?? []
    if (name === undefined) continue
    const labels = Object.fromEntries(
      Array.from(list.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g), ([, key, text]) => [key, text]),
    )
    yield { name, labels, value: Number(value) }
  }
}
