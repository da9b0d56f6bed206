// Reads a YAML tree by a schema: typed values out, problems with places reported. The only typing of scalars there is:
// the schema says whether `1.10` is a text or a number, never YAML.

import type { Static, TSchema } from 'typebox'
import { didYouMean } from '../rules/route-problem.ts'
import type { Place } from '../rules/types.ts'
import { Origins, within } from './origins.ts'
import { quote, quoteIfNeeded, type Report } from './problem.ts'
import { isNotYet, type Shape } from './schema-parts.ts'
import { likelySlip } from './slips.ts'
import { isEmpty, type YamlEntry, type YamlMap, type YamlNode, type YamlScalar } from './yaml-tree.ts'

const longestWordCompared = 64
const comparisonsAtMost = 5_000

/** The value, whole only when nothing was reported, and where its parts were written. */
export function readBySchema<S extends TSchema>(
  schema: S,
  node: YamlNode,
  report: Report,
): { readonly value: Static<S>; readonly origins: Origins } {
  const reader = new SchemaReader(report)
  return { value: reader.read(schema as Shape, node, '') as Static<S>, origins: reader.origins }
}

class SchemaReader {
  readonly origins = new Origins()
  readonly #report: Report
  #comparisons = 0

  constructor(report: Report) {
    this.#report = report
  }

  read(shape: Shape, node: YamlNode, path: string): unknown {
    const slip = likelySlip(shape, node)
    if (slip !== undefined) return this.#fail(slip.place, 'slip', slip.message, path)
    if (shape.anyOf !== undefined) return this.#oneOf(shape, shape.anyOf, node, path)
    if (!fits(shape, node)) return this.#fail(node.place, 'type', wrongKind(shape, node, path), path)
    switch (node.kind) {
      case 'map':
        return this.#map(shape, node, path)
      case 'list':
        return this.#list(shape, node.items, node.place, path)
      case 'scalar':
        return this.#scalar(shape, node, path)
    }
  }

  /** Alternatives differ in kind: at most one takes maps, one lists, one texts. So a message can speak of what was meant. */
  #oneOf(shape: Shape, alternatives: readonly Shape[], node: YamlNode, path: string): unknown {
    const possible = alternatives.filter((alternative) => fits(alternative, node))
    const meant = possible.find(isNothing) ?? possible[0]
    if (meant !== undefined) return this.read(meant, node, path)
    return this.#fail(node.place, 'type', wrongKind(shape, node, path), path)
  }

  // --- maps ------------------------------------------------------------------------------------------------------------------------------

  #map(shape: Shape, node: YamlMap, path: string): unknown {
    const section: Record<string, unknown> = {}
    const entries = new Map<string, unknown>()
    const [pattern, entryShape] = Object.entries(shape.patternProperties ?? {})[0] ?? []
    const isKey = pattern === undefined ? undefined : new RegExp(pattern, 'u')
    const unknown: string[] = []
    for (const entry of node.entries) {
      const { key, value } = entry
      const known = propertyOf(shape, key)
      if (known?.not !== undefined) this.#refuse(known, entry, path)
      else if (known !== undefined) section[key] = this.read(known, value, within(path, key))
      else if (entryShape !== undefined && isKey?.test(key) === true) {
        entries.set(key, this.read(entryShape, value, within(path, key)))
      } else {
        unknown.push(key)
        this.#unknownKey(shape, entry, path)
      }
    }
    const result = shape.properties === undefined ? entries : section
    this.origins.add(result, path, node.place, node.entries)
    if (shape.properties !== undefined) {
      if (entryShape !== undefined) this.origins.add((section['entries'] = entries), path, node.place, node.entries)
      this.#complete(shape, section, unknown, node.place, path)
    }
    return result
  }

  /** Missing keys: the default, or a problem, unless a misspelt one was told already. */
  #complete(
    shape: Shape,
    section: Record<string, unknown>,
    unknown: readonly string[],
    place: Place,
    path: string,
  ): void {
    for (const [key, property] of Object.entries(shape.properties ?? {})) {
      if (Object.hasOwn(section, key) || unknown.some((other) => this.#nearest(other, [key]) !== '')) continue
      if (property.default !== undefined)
        section[key] = this.read(property, asNode(property.default, place), within(path, key))
      else if (shape.required?.includes(key) === true) {
        this.#fail(place, 'missing-key', `${path === '' ? '' : `${path}: `}${key} is missing`, path)
      }
    }
  }

  #refuse(shape: Shape, { key, keyPlace }: YamlEntry, path: string): void {
    const message = shape.refusal ?? `${key} is not allowed`
    const code = isNotYet(message) ? 'not-honoured' : 'slip'
    this.#fail(keyPlace, code, path === '' || code === 'slip' ? message : `${path}.${message}`, within(path, key))
  }

  #unknownKey(shape: Shape, { key, keyPlace }: YamlEntry, path: string): void {
    const isFree = shape.patternProperties !== undefined
    const message = isFree
      ? `${quote(key)} is not ${shape.expectsKey ?? 'a key'}`
      : `unknown key ${quote(key)}${path === '' ? '' : ` in ${path}`}${this.#nearest(key, wantedKeys(shape))}`
    this.#fail(keyPlace, isFree ? 'value' : 'unknown-key', message, path)
  }

  // --- lists and scalars -----------------------------------------------------------------------------------------------------------------

  #list(shape: Shape, items: readonly YamlNode[], place: Place, path: string): unknown {
    const list = items.map((item, index) => this.read(shape.items ?? {}, item, `${path}[${index}]`))
    if (items.length < (shape.minItems ?? 0)) this.#fail(place, 'value', `${path} lists nothing`, path)
    this.origins.addList(list, path, place, items)
    return list
  }

  #scalar(shape: Shape, node: YamlScalar, path: string): unknown {
    const { text, place } = node
    if (isNothing(shape)) return null
    if (isEmpty(node)) {
      const hint = takesEmptyText(shape) ? '; an empty text is written ""' : ''
      return this.#fail(place, 'value', `${path} has no value${hint}`, path)
    }
    if (shape.enum !== undefined) {
      const chosen = shape.enum.find((value) => String(value) === text)
      const hint = this.#nearest(
        text,
        shape.enum.filter((value) => typeof value === 'string'),
      )
      return chosen ?? this.#fail(place, 'value', `${path}: ${quote(text)} is not ${expected(shape)}${hint}`, path)
    }
    if (shape.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
    if (shape.type === 'integer' && /^(0|-?[1-9]\d{0,14})$/.test(text)) {
      const value = Number(text)
      if (value >= (shape.minimum ?? value) && value <= (shape.maximum ?? value)) return value
    }
    if (isText(shape) && (shape.pattern === undefined || new RegExp(shape.pattern, 'u').test(text))) return text
    const shown = shape.hidden === true ? 'this' : quote(text)
    return this.#fail(place, 'value', `${path}: ${shown} is not ${expected(shape)}`, path)
  }

  /** A file of nothing but unknown keys must not cost seconds: comparing words takes the product of their lengths. */
  #nearest(word: string, known: readonly string[]): string {
    if (word.length > longestWordCompared || this.#comparisons >= comparisonsAtMost) return ''
    this.#comparisons += known.length
    return didYouMean(word, known)
  }

  #fail(place: Place, code: string, message: string, keyPath: string): undefined {
    this.#report({ ...place, severity: 'error', code, message, keyPath })
    return undefined
  }
}

// --- shapes --------------------------------------------------------------------------------------------------------------------------------

/** Whether a node of this kind may be meant; its content is another matter. */
function fits(shape: Shape, node: YamlNode): boolean {
  if (shape.anyOf !== undefined) return shape.anyOf.some((other) => fits(other, node))
  switch (node.kind) {
    case 'map':
      return shape.type === 'object'
    case 'list':
      return shape.type === 'array'
    case 'scalar':
      return isNothing(shape) ? isEmpty(node) : shape.type !== 'object' && shape.type !== 'array'
  }
}

function alternativesOf(shape: Shape): readonly Shape[] {
  return shape.anyOf ?? [shape]
}

function isNothing(shape: Shape): boolean {
  return shape.type === 'null'
}

function isText(shape: Shape): boolean {
  return Array.isArray(shape.type)
}

function takesEmptyText(shape: Shape): boolean {
  return isText(shape) && (shape.pattern === undefined || new RegExp(shape.pattern, 'u').test(''))
}

function propertyOf(shape: Shape, key: string): Shape | undefined {
  const { properties } = shape
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined
}

/** Keys worth suggesting: those of the language, not the slips. */
function wantedKeys(shape: Shape): readonly string[] {
  return Object.entries(shape.properties ?? {})
    .filter(([, property]) => property.not === undefined || isNotYet(property.refusal))
    .map(([key]) => key)
}

/** A default, as if it had been written. */
function asNode(value: unknown, place: Place): YamlNode {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => asNode(item, place)), place }
  if (typeof value === 'object') return { kind: 'map', entries: [], place }
  return { kind: 'scalar', text: String(value), quoted: true, place }
}

// --- words -----------------------------------------------------------------------------------------------------------------------------------

function wrongKind(shape: Shape, node: YamlNode, path: string): string {
  const at = path === '' ? '' : `${path}: `
  const list = alternativesOf(shape).find(({ type }) => type === 'array')
  if (isEmpty(node)) return `${path || 'the document'} has no value: ${expected(shape)} is wanted`
  if (list !== undefined && node.kind === 'scalar' && list.items?.type !== 'object') {
    return `${at}a list is wanted, in brackets or with - in front of each item: [${quoteIfNeeded(node.text)}]`
  }
  if (list !== undefined && node.kind === 'map' && list.items?.type === 'object') {
    return `${at}a list is wanted: put it into brackets, or a - in front of each item`
  }
  return `${at}${node.kind === 'scalar' ? quote(node.text) : `a ${node.kind}`} is not ${expected(shape)}`
}

function expected(shape: Shape): string {
  if (shape.anyOf !== undefined) return either(shape.anyOf.filter((other) => !isNothing(other)).map(expected))
  if (shape.expects !== undefined) return shape.expects
  if (shape.enum !== undefined) return either(shape.enum.map(String))
  switch (shape.type) {
    case 'object':
      return shape.properties === undefined ? 'a map' : `a map (${firstKeys(shape)})`
    case 'array':
      return 'a list'
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number from ${shape.minimum} to ${shape.maximum}`
    default:
      return 'a text'
  }
}

/** The keys to begin with: those that have to be there, then some of the others. */
function firstKeys(shape: Shape): string {
  const keys = Object.entries(shape.properties ?? {}).filter(([, property]) => property.not === undefined)
  const isNeeded = ([key, property]: [string, Shape]): boolean =>
    property.default === undefined && shape.required?.includes(key) === true
  const sorted = [...keys.filter(isNeeded), ...keys.filter((key) => !isNeeded(key))].map(([key]) => key)
  return sorted.length > 4 ? `${sorted.slice(0, 4).join(', ')}, ...` : sorted.join(', ')
}

function either(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
