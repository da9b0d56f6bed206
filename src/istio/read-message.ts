// A YAML tree read as one of Istio's messages: plain values out, and for each of them the place where it was written. What a field cannot
// take is an error; a field that does not exist is a warning, since Kubernetes would prune it.

import { type Origins, within } from '../config/origins.ts'
import type { Problem } from '../config/problem.ts'
import type { YamlEntry, YamlMap, YamlNode } from '../config/yaml-tree.ts'
import { didYouMean } from '../rules/route-problem.ts'
import type { Place } from '../rules/types.ts'
import type { Message, MessageShape, MessageValue, Shape } from './message.ts'
import { readScalar, scalarType } from './scalars.ts'

/** Where a reading puts what it finds beside the values. */
export interface Reading {
  readonly origins: Origins
  readonly report: (severity: Problem['severity'], place: Place, code: string, message: string, keyPath: string) => void
}

/** `path` is how messages name the node: `spec`, `status`. */
export function readMessage<F>(shape: Message<F>, node: YamlNode, path: string, reading: Reading): MessageValue<F> {
  return new MessageReader(reading).message(shape, node, path) as MessageValue<F>
}

class MessageReader {
  readonly #reading: Reading

  constructor(reading: Reading) {
    this.#reading = reading
  }

  message(shape: MessageShape, node: YamlNode, path: string): object {
    const values: Record<string, unknown> = {}
    const entries: YamlEntry[] = []
    if (node.kind === 'map') {
      for (const entry of node.entries) {
        const key = fieldName(shape, entry.key)
        if (key === undefined) this.#unknownField(shape, entry, path)
        else if (values[key] !== undefined) this.#error(entry.keyPlace, `${key} is there already`, within(path, key))
        else {
          entries.push({ ...entry, key })
          const read = this.#value(shape.fields[key] as Shape, entry.value, within(path, key))
          if (read !== undefined && read !== null) values[key] = read
        }
      }
    } else if (!isNull(node)) this.#error(node.place, `a map is wanted for ${shape.name}`, path)
    this.#checkOneofs(shape, values, entries, path)
    this.#reading.origins.add(values, path, node.place, entries)
    return values
  }

  /** Undefined after a report, null for null. */
  #value(shape: Shape, node: YamlNode, path: string): unknown {
    if (isNull(node)) return null
    if (shape.kind === 'any') return true
    if (shape.kind === 'list' && node.kind === 'list') return this.#list(shape.of, node.items, node.place, path)
    if (shape.kind === 'map' && node.kind === 'map') return this.#map(shape.of, node, path)
    if (shape.kind === 'message' && node.kind === 'map') return this.message(shape.message(), node, path)
    if (node.kind !== 'scalar') {
      this.#error(node.place, `${wanted(shape)} is wanted here, not a ${node.kind}`, path)
      return undefined
    }
    const result = readScalar(shape, node)
    if (result.ok) return result.value
    this.#error(node.place, result.message, path)
    return undefined
  }

  #list(of: Shape, items: readonly YamlNode[], place: Place, path: string): readonly unknown[] {
    const values: unknown[] = []
    const kept: YamlNode[] = []
    for (const [index, item] of items.entries()) {
      const at = `${path}[${index}]`
      const read =
        isNull(item) && of.kind === 'message' ? this.message(of.message(), item, at) : this.#value(of, item, at)
      if (read === undefined) continue
      if (read === null) this.#error(item.place, `${wanted(of)} is wanted here, not nothing`, at)
      values.push(read ?? '')
      kept.push(item)
    }
    this.#reading.origins.addList(values, path, place, kept)
    return values
  }

  #map(of: Shape, node: YamlMap, path: string): ReadonlyMap<string, unknown> {
    const values = new Map<string, unknown>()
    for (const { key, value } of node.entries) {
      const read = this.#value(of, value, within(path, key))
      if (read === undefined) continue
      if (read === null && of.kind !== 'message')
        this.#error(value.place, `${wanted(of)} is wanted for ${key}, not nothing`, path)
      else values.set(key, read)
    }
    this.#reading.origins.add(values, path, node.place, node.entries)
    return values
  }

  #checkOneofs(
    shape: MessageShape,
    values: Record<string, unknown>,
    entries: readonly YamlEntry[],
    path: string,
  ): void {
    for (const group of shape.oneofs) {
      const given = group.filter((name) => values[name] !== undefined)
      if (given.length < 2) continue
      const second = entries.findLast((entry) => given.includes(entry.key)) as YamlEntry
      this.#error(second.keyPlace, `${given.join(' and ')} exclude each other`, within(path, second.key))
    }
  }

  #unknownField(shape: MessageShape, entry: YamlEntry, path: string): void {
    const message = `${shape.name} has no field ${entry.key}${didYouMean(entry.key, Object.keys(shape.fields))}: it is left out`
    this.#reading.report('warning', entry.keyPlace, 'unknown-field', message, within(path, entry.key))
  }

  #error(place: Place, message: string, path: string): void {
    this.#reading.report('error', place, 'type', message, path)
  }
}

function isNull(node: YamlNode): boolean {
  return node.kind === 'scalar' && scalarType(node) === 'null'
}

/** Both spellings that protocol buffers take: `retryOn` and `retry_on`. */
function fieldName(shape: MessageShape, key: string): string | undefined {
  if (Object.hasOwn(shape.fields, key)) return key
  if (!key.includes('_')) return undefined
  const camel = key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  return Object.hasOwn(shape.fields, camel) ? camel : undefined
}

function wanted(shape: Shape): string {
  switch (shape.kind) {
    case 'list':
      return 'a list'
    case 'map':
    case 'message':
      return 'a map'
    default:
      return `a ${shape.kind}`
  }
}
