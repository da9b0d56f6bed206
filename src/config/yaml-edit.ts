// Small changes to a YAML text that leave every other byte as it was: comments, order, quotes, alignment. Each change is made twice, as a
// splice of the text and through yaml's Document; where the splice does not say the same, the Document's own text is taken.

import { type Document, isCollection, isMap, isScalar, isSeq, type Node, type Pair, parseAllDocuments } from 'yaml'

export type YamlPath = readonly (string | number)[]
export type YamlValue = string | readonly YamlValue[] | { readonly [key: string]: YamlValue }

interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
}

type Item = Node | null
type Entry = Pair<Node, Item>

/** One YAML document of a text that may hold several. Throws on text that is no YAML. */
export class YamlEdit {
  readonly #index: number
  #text: string
  #documents: readonly Document.Parsed[]

  static count(text: string): number {
    return parse(text).length
  }

  constructor(text: string, index = 0) {
    this.#text = text
    this.#index = index
    this.#documents = parse(text)
    if (this.#documents[index] === undefined) throw new Error('there is no such document')
  }

  get text(): string {
    return this.#text
  }

  /** As plain values, all scalars as text; undefined when nothing is there. */
  at(path: YamlPath): unknown {
    return valueAt(this.#document.toJS(), path)
  }

  /** Replaces a value, or adds a key to a map: behind the key named, else as its last. Maps on the way are made. */
  set(path: YamlPath, value: YamlValue, behind?: string): void {
    const parent = path.slice(0, -1)
    if (parent.length > 0 && !isCollection(this.#node(parent))) {
      return this.set(parent, nest(path.at(-1) as string, value), behind)
    }
    this.#change(
      (document) => setIn(document, path, value, behind),
      () => {
        if (this.at(path) !== undefined) return replaceSplice(this.#node(path), value)
        const owner = parent.length === 0 ? this.#document.contents : this.#node(parent)
        const hole = parent.length > 0 && this.#entry(parent)?.value === owner ? this.#entry(parent) : undefined
        return isMap(owner)
          ? addEntrySplice(this.#text, owner.items as Entry[], owner, path.at(-1) as string, value, behind)
          : hole && fillSplice(this.#text, hole, nest(path.at(-1) as string, value))
      },
    )
  }

  /** Puts a value into a list, before the item of that index; at the end without one. The list is made where it is missing. */
  insert(path: YamlPath, value: YamlValue, index?: number, behind?: string): void {
    const list = this.#node(path)
    if (!isSeq(list)) return this.set(path, [value], behind)
    const at = index ?? list.items.length
    this.#change(
      (document) => {
        const copy = document.getIn(path)
        if (isSeq(copy)) copy.items.splice(at, 0, document.createNode(value))
      },
      () => insertSplice(this.#text, list.items as Item[], list, at, value),
    )
  }

  /** Removes a key or an item, with the comment lines that stand right above it. */
  remove(path: YamlPath): void {
    const owner = path.length === 1 ? this.#document.contents : this.#node(path.slice(0, -1))
    const last = path.at(-1) as string | number
    this.#change(
      (document) => document.deleteIn(path),
      () => {
        if (!isCollection(owner)) return undefined
        const spans = isSeq(owner) ? owner.items.map(itemSpan) : (owner.items as Entry[]).map(entrySpan)
        const index = isSeq(owner) ? Number(last) : owner.items.findIndex((entry) => keyOf(entry as Entry) === last)
        if (owner.flow === true || spans.length > 1) return removeSplice(this.#text, owner, spans, index)
        const holder = this.#entry(path.slice(0, -1))
        return holder && emptySplice(this.#text, holder, spans[0] as Span, isSeq(owner) ? ' []' : ' {}')
      },
    )
  }

  get #document(): Document.Parsed {
    return this.#documents[this.#index] as Document.Parsed
  }

  #node(path: YamlPath): Item {
    return (this.#document.getIn(path, true) ?? null) as Item
  }

  #entry(path: YamlPath): Entry | undefined {
    const owner = path.length === 1 ? this.#document.contents : this.#node(path.slice(0, -1))
    return isMap(owner) ? (owner.items as Entry[]).find((entry) => keyOf(entry) === path.at(-1)) : undefined
  }

  #change(mutate: (document: Document) => void, splice: () => Splice | undefined): void {
    const wanted = parse(this.#text)
    mutate(wanted[this.#index] as Document)
    const spliced = applied(this.#text, splice())
    const written = spliced !== undefined && says(spliced, wanted) ? spliced : printed(wanted, lineBreak(this.#text))
    if (!says(written, wanted)) throw new Error('this change cannot be written into the file as it stands')
    this.#text = written
    this.#documents = parse(written)
  }
}

// --- texts and documents -----------------------------------------------------------------------------------------------------------

function parse(text: string): readonly Document.Parsed[] {
  const documents = parseAllDocuments(text, { schema: 'failsafe', logLevel: 'silent', prettyErrors: false })
  const list = Array.isArray(documents) ? (documents as Document.Parsed[]) : []
  for (const { errors } of list) if (errors[0] !== undefined) throw errors[0]
  return list
}

function says(text: string, wanted: readonly Document[]): boolean {
  try {
    return meaning(parse(text)) === meaning(wanted)
  } catch {
    return false
  }
}

/** With the order of the keys. */
function meaning(documents: readonly Document[]): string {
  const pairs = (value: unknown): unknown =>
    value instanceof Map
      ? [...value].map(([key, inner]) => [key, pairs(inner)])
      : Array.isArray(value)
        ? { list: value.map(pairs) }
        : (value ?? '')
  return JSON.stringify(documents.map((document) => pairs(document.toJS({ mapAsMap: true }))))
}

function printed(documents: readonly Document[], newLine: string): string {
  const text = documents.map((document) => document.toString({ lineWidth: 0 })).join('---\n')
  return text.replace(/\r?\n/g, newLine)
}

function setIn(document: Document, path: YamlPath, value: YamlValue, behind: string | undefined): void {
  const owner = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1))
  const at = isMap(owner) ? owner.items.findIndex((entry) => keyOf(entry as Entry) === behind) : -1
  if (!isMap(owner) || at === -1 || owner.has(path.at(-1))) document.setIn(path, document.createNode(value))
  else owner.items.splice(at + 1, 0, document.createPair(path.at(-1), value))
}

function applied(text: string, splice: Splice | undefined): string | undefined {
  if (splice === undefined) return undefined
  const { from, to, text: replacement } = splice
  const rest = text.slice(to)
  const isWithinLine = !`${text.slice(from, to)}${replacement}`.includes('\n')
  return text.slice(0, from) + replacement + (isWithinLine ? realigned(rest, replacement.length - (to - from)) : rest)
}

/** A comment behind what grew or shrank within its line stays in its column, as long as there is room. */
function realigned(rest: string, growth: number): string {
  const [comment, before = '', space = ''] = /^([^\S\n]?[\])}]*(?: [\])}]+)*)( {2,})(?=#)/.exec(rest) ?? []
  if (comment === undefined) return rest
  return before + ' '.repeat(Math.max(1, space.length - growth)) + rest.slice(comment.length)
}

function valueAt(value: unknown, [first, ...rest]: YamlPath): unknown {
  if (first === undefined) return value
  return typeof value === 'object' && value !== null && Object.hasOwn(value, first)
    ? valueAt((value as Record<string | number, unknown>)[first], rest)
    : undefined
}

function nest(key: string, value: YamlValue): YamlValue {
  return { [key]: value }
}

// --- splices -------------------------------------------------------------------------------------------------------------------------

function replaceSplice(node: Item, value: YamlValue): Splice | undefined {
  const range = node?.range
  const isInLine = isScalar(node) || (isCollection(node) && node.flow === true)
  return range && isInLine ? { from: range[0], to: range[1], text: inLine(value) } : undefined
}

/** `key:` with nothing behind it gets a value. */
function fillSplice(text: string, { key }: Entry, value: YamlValue): Splice {
  const colon = text.indexOf(':', key.range?.[1])
  return { from: colon + 1, to: colon + 1, text: ` ${inLine(value)}` }
}

function addEntrySplice(
  text: string,
  entries: readonly Entry[],
  owner: Node,
  key: string,
  value: YamlValue,
  behind: string | undefined,
): Splice | undefined {
  const line = `${inLine(key)}: ${inLine(value)}`
  const named = entries.findIndex((entry) => keyOf(entry) === behind)
  const before = entries[named === -1 ? entries.length - 1 : named]
  if (before === undefined) return replaceSplice(owner, { [key]: value })
  const end = entrySpan(before).to
  if (isCollection(owner) && owner.flow === true) return { from: end, to: end, text: `, ${line}` }
  const at = endOfLine(text, end)
  const indent = indentOf(text, (entries[0] as Entry).key.range?.[0] ?? 0)
  if (indent === undefined) return undefined
  const newLine = `${lineBreak(text)}${indent}`
  return { from: at, to: at, text: `${newLine}${isListOfMaps(value) ? onLines(key, value, newLine) : line}` }
}

/** Each item has a line, so that the next change to the list is one line too. */
function onLines(key: string, items: readonly YamlValue[], newLine: string): string {
  return [`${plainOrQuoted(key)}:`, ...items.map((item) => `${newLine}  - ${inLine(item)}`)].join('')
}

function insertSplice(
  text: string,
  items: readonly Item[],
  list: Node,
  index: number,
  value: YamlValue,
): Splice | undefined {
  const before = items[index - 1]
  const [first] = items
  if (first === undefined || first === null) return firstItemSplice(text, list, value) ?? replaceSplice(list, [value])
  if (isCollection(list) && list.flow === true) {
    if (before) return { from: contentEnd(before), to: contentEnd(before), text: `, ${inLine(value)}` }
    return { from: first.range?.[0] ?? 0, to: first.range?.[0] ?? 0, text: `${inLine(value)}, ` }
  }
  const dash = dashOf(text, first)
  if (dash === undefined) return undefined
  const indent = ' '.repeat(dash - startOfLine(text, dash))
  const beside = before ?? first
  const asBlock = !(isCollection(beside) && beside.flow === true)
  const entry = `${indent}- ${asBlock ? inBlock(value, `${indent}  `, lineBreak(text)) : inLine(value)}`
  if (before) {
    const at = endOfLine(text, contentEnd(before))
    return { from: at, to: at, text: `${lineBreak(text)}${entry}` }
  }
  const at = startOfLine(text, dash)
  return { from: at, to: at, text: `${entry}${lineBreak(text)}` }
}

/** `key: []` that has its line alone, as `emptySplice` left it, gets a line for its item again, as `onLines` writes them. */
function firstItemSplice(text: string, list: Node, value: YamlValue): Splice | undefined {
  const [from = 0, end = 0] = list.range ?? []
  const to = endOfLine(text, end)
  const [, indent, key] = /^( *)([\w-]+:) *$/.exec(text.slice(startOfLine(text, from), from)) ?? []
  const [comment] = /^ *(?:#.*)?$/.exec(text.slice(end, to)) ?? []
  if (key === undefined || comment === undefined || !isListOfMaps([value])) return undefined
  const colon = text.lastIndexOf(':', from) + 1
  return { from: colon, to, text: `${comment.trimEnd()}${lineBreak(text)}${indent}  - ${inLine(value)}` }
}

function removeSplice(text: string, owner: Node, spans: readonly Span[], index: number): Splice | undefined {
  const span = spans[index]
  if (span === undefined || !isCollection(owner)) return undefined
  if (owner.flow === true) {
    const [before, after] = [spans[index - 1], spans[index + 1]]
    if (before) return { from: before.to, to: span.to, text: '' }
    return after ? { from: span.from, to: after.from, text: '' } : { ...span, text: '' }
  }
  // A dash stands before the item of a list.
  const from = startOfLine(text, span.from)
  if (!/^\s*(?:- +)?$/.test(text.slice(from, span.from))) return undefined
  const lead = index === 0 ? from : startOfComment(text, from)
  return { from: lead, to: Math.min(endOfLine(text, span.to) + lineBreak(text).length, text.length), text: '' }
}

/** A block collection whose only entry goes: `key: []`, with what stood behind the colon. */
function emptySplice(text: string, { key }: Entry, span: Span, empty: string): Splice {
  const from = text.indexOf(':', key.range?.[1]) + 1
  const between = text.slice(from, startOfLine(text, span.from)).trimEnd()
  return { from, to: endOfLine(text, span.to), text: `${empty}${between}` }
}

/** The lines right above that are comments at the same depth. */
function startOfComment(text: string, lineStart: number): number {
  const indent = /^ */.exec(text.slice(lineStart))?.[0] ?? ''
  let start = lineStart
  while (start > 0) {
    const above = startOfLine(text, start - 1)
    if (!text.startsWith(`${indent}#`, above)) return start
    start = above
  }
  return start
}

// --- where things stand ----------------------------------------------------------------------------------------------------------------

interface Span {
  readonly from: number
  readonly to: number
}

function keyOf({ key }: Entry): string | undefined {
  return isScalar(key) ? String(key.value) : undefined
}

function itemSpan(item: unknown): Span {
  const node = item as Node
  return { from: node.range?.[0] ?? 0, to: contentEnd(node) }
}

function entrySpan({ key, value }: Entry): Span {
  const end = key.range?.[1] ?? 0
  return { from: key.range?.[0] ?? 0, to: value === null ? end + 1 : Math.max(contentEnd(value), end + 1) }
}

/** Where the last character of a value stands, and 1: behind it come comments and what follows. */
function contentEnd(node: Node): number {
  if (isCollection(node) && node.flow !== true) {
    const last = node.items.at(-1)
    if (isMap(node) && last !== undefined) return entrySpan(last as Entry).to
    if (isSeq(node) && last) return contentEnd(last as Node)
  }
  return node.range?.[1] ?? 0
}

/** The dash before an item of a block list; undefined when something else stands before it on its line. */
function dashOf(text: string, item: Node): number | undefined {
  const end = item.range?.[0] ?? 0
  const from = startOfLine(text, end)
  const lead = /^( *)- +$/.exec(text.slice(from, end))
  return lead === null ? undefined : from + (lead[1] as string).length
}

function indentOf(text: string, at: number): string | undefined {
  const lead = text.slice(startOfLine(text, at), at)
  return /^[ -]*$/.test(lead) ? lead.replaceAll('-', ' ') : undefined
}

function startOfLine(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}

function endOfLine(text: string, at: number): number {
  // A block text ends behind its line break.
  if (text[at - 1] === '\n') return at - lineBreak(text).length
  const feed = text.indexOf('\n', at)
  if (feed === -1) return text.length
  return text[feed - 1] === '\r' ? feed - 1 : feed
}

function lineBreak(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n'
}

// --- values as text ------------------------------------------------------------------------------------------------------------------

function inLine(value: YamlValue): string {
  if (typeof value === 'string') return plainOrQuoted(value)
  if (isList(value)) return `[${value.map(inLine).join(', ')}]`
  const entries = Object.entries(value).map(([key, inner]) => `${plainOrQuoted(key)}: ${inLine(inner)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

/** A map with a line for each key, the first one behind a dash. */
function inBlock(value: YamlValue, indent: string, newLine: string): string {
  if (typeof value === 'string' || isList(value)) return inLine(value)
  const lines = Object.entries(value).map(([key, inner]) => `${plainOrQuoted(key)}: ${inLine(inner)}`)
  return lines.join(`${newLine}${indent}`)
}

function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value)
}

function isListOfMaps(value: YamlValue): value is readonly YamlValue[] {
  return isList(value) && value.length > 0 && value.every((item) => typeof item === 'object' && !isList(item))
}

/** JSON's texts are YAML's double-quoted ones. */
function plainOrQuoted(text: string): string {
  return /^[A-Za-z0-9_/](?:[\w./%@+-]|:(?=\w))*$/.test(text) ? text : JSON.stringify(text)
}
