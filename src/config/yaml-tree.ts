// YAML text to a tree of our own: maps, lists, and scalars as they were written, each with its place. What YAML would guess or
// remember (types, anchors, aliases, tags, merge keys, directives) is refused here, or resolved where it is the custom (manifests of
// Kubernetes), so nothing behind this file knows of it.

import {
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type Pair,
  Parser,
} from 'yaml'
import type { Place } from '../rules/types.ts'
import { type Report, quote } from './problem.ts'
import type { SourceText } from './source-text.ts'
import { syntaxMessage, type Unclosed } from './yaml-slips.ts'

export type YamlNode = YamlScalar | YamlMap | YamlList

export interface YamlScalar {
  readonly kind: 'scalar'
  readonly text: string
  /** Written in quotes or as a block: empty is then a text and not an omission. */
  readonly quoted: boolean
  readonly place: Place
}

export interface YamlMap {
  readonly kind: 'map'
  readonly entries: readonly YamlEntry[]
  readonly place: Place
}

export interface YamlEntry {
  readonly key: string
  readonly keyPlace: Place
  readonly value: YamlNode
}

export interface YamlList {
  readonly kind: 'list'
  readonly items: readonly YamlNode[]
  readonly place: Place
}

/** Undefined where there is no such key, or no map. */
export function entryAt(node: YamlNode | undefined, key: string): YamlEntry | undefined {
  return node?.kind === 'map' ? node.entries.find((entry) => entry.key === key) : undefined
}

/** Nothing was written, not even an empty text in quotes. */
export function isEmpty(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.text === '' && !node.quoted
}

const closing: Readonly<Record<string, string>> = { '{': '}', '[': ']' }
const deepest = 32
/** A megabyte of `[a,a,a...` would keep the process busy for seconds; a list that long belongs into a file of its own. */
const mostLexemes = 200_000
const mostReports = 20
/** Values that the aliases of a file may stand for: a file of ten lines can name billions. */
const mostRepeated = 100_000

/**
 * `plain`: a value is what is written in its place. `kubernetes`: what kubectl takes, so anchors, aliases, merge keys and YAML's own tags
 * mean what they say, and a value that an alias stands for has the place of its anchor.
 */
export type YamlDialect = 'plain' | 'kubernetes'

/** One tree for each document; undefined after a report. */
export function readYaml(
  source: SourceText,
  report: Report,
  dialect: YamlDialect = 'plain',
): readonly YamlNode[] | undefined {
  const scan = scanSource(source, report, dialect)
  if (scan === undefined) return undefined
  const documents = compose(source.text, scan.tokens)
  for (const document of documents) {
    const [error] = document.errors
    if (error === undefined) continue
    // One is enough: the others follow from it.
    const { offset, message } = syntaxMessage(source, error, scan)
    report({ ...source.placeOf(offset), severity: 'error', code: 'yaml', message })
    return undefined
  }
  return new TreeReader(source, report, dialect).read(documents)
}

// --- lexemes -------------------------------------------------------------------------------------------------------------------------

/** What the composer's errors do not know. */
interface Scan extends Unclosed {
  readonly tokens: readonly CST.Token[]
}

/**
 * Looks at each lexeme before it is put together, so that a bomb costs no more than its length: what the dialect does not know is refused
 * unseen, depth and number are bounded. Undefined after a report.
 */
function scanSource(source: SourceText, report: Report, dialect: YamlDialect): Scan | undefined {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  const anchors = new Set<string>()
  const flows: number[] = []
  let lastQuote: number | undefined
  let offset = 0
  let count = 0
  let refused = 0
  let isPlain = false
  const refuse = (code: string, message: string): boolean => {
    report({ ...source.placeOf(offset), severity: 'error', code, message })
    refused += 1
    return refused >= mostReports
  }
  for (const lexeme of new Lexer().lex(source.text)) {
    const type = isPlain ? 'scalar' : CST.tokenType(lexeme)
    const wrong = forbidden(type, lexeme, anchors, dialect)
    if (wrong !== undefined && refuse(wrong.code, wrong.message)) return undefined
    if (type === 'flow-map-start' || type === 'flow-seq-start') flows.push(offset)
    // A bracket that does not fit the one that is open leaves that one open.
    if (lexeme === closing[source.text[flows.at(-1) ?? -1] ?? ''] && type !== 'scalar') flows.pop()
    if (type === 'single-quoted-scalar' || type === 'double-quoted-scalar') lastQuote = offset
    if (refused === 0) for (const token of parser.next(lexeme)) tokens.push(token)
    count += 1
    if (parser.stack.length > 2 * deepest && refused === 0) {
      refuse('depth', `nested deeper than ${deepest} levels`)
      return undefined
    }
    if (count > mostLexemes) {
      refuse(
        'size',
        'too many values for one file: put long lists into files of their own, as in users: { file: users.txt }',
      )
      return undefined
    }
    isPlain = lexeme === CST.SCALAR
    if (!isMark(lexeme)) offset += lexeme.length
  }
  if (refused > 0) return undefined
  for (const token of parser.end()) tokens.push(token)
  return { tokens, openFlow: flows.at(-1), lastQuote }
}

/** The lexer's own marks, which stand for no text. The source holds no control characters. */
function isMark(lexeme: string): boolean {
  return lexeme === CST.DOCUMENT || lexeme === CST.FLOW_END || lexeme === CST.SCALAR
}

function forbidden(
  type: CST.TokenType | null,
  lexeme: string,
  anchors: Set<string>,
  dialect: YamlDialect,
): { readonly code: string; readonly message: string } | undefined {
  const known = dialect === 'kubernetes'
  switch (type) {
    case 'anchor':
      anchors.add(lexeme.slice(1))
      if (known) return undefined
      return { code: 'anchor', message: `anchors are not allowed: write the value out, or quote ${quote(lexeme)}` }
    case 'alias':
      if (known && anchors.has(lexeme.slice(1))) return undefined
      return anchors.has(lexeme.slice(1))
        ? { code: 'alias', message: `aliases are not allowed: write the value of ${lexeme} out` }
        : { code: 'alias', message: `a * begins an alias in YAML: put it in quotes, as in ${quote(lexeme)}` }
    case 'tag':
      if (known && coreTags.has(lexeme)) return undefined
      return { code: 'tag', message: `tags are not allowed: leave ${lexeme} out, or quote it` }
    case 'directive-line':
      if (known && lexeme.startsWith('%YAML')) return undefined
      return { code: 'directive', message: 'directives (lines that begin with %) are not allowed' }
    default:
      return undefined
  }
}

/** What a value is anyway, said once more; only of a text it is news. */
const coreTags = new Set(['!!str', '!!int', '!!float', '!!bool', '!!null', '!!map', '!!seq'])

function compose(text: string, tokens: readonly CST.Token[]): readonly Document.Parsed[] {
  // Keys are compared below: the package would take quadratic time, and name neither place.
  const options = { schema: 'failsafe', uniqueKeys: false, logLevel: 'silent', prettyErrors: false } as const
  return [...new Composer(options).compose(tokens, false, text.length)]
}

// --- nodes -----------------------------------------------------------------------------------------------------------------------------

class TreeReader {
  readonly #source: SourceText
  readonly #report: Report
  readonly #dialect: YamlDialect
  /** Of the document at hand, those that were read so far. */
  #anchors = new Map<string, { readonly node: YamlNode; readonly size: number }>()
  #count = 0
  #repeated = 0
  #failed = false

  constructor(source: SourceText, report: Report, dialect: YamlDialect) {
    this.#source = source
    this.#report = report
    this.#dialect = dialect
  }

  read(documents: readonly Document.Parsed[]): readonly YamlNode[] | undefined {
    const trees = documents.map((document) => {
      this.#anchors = new Map()
      return this.#node(document.contents, document.range[0])
    })
    return this.#failed ? undefined : trees
  }

  #node(node: Node | null, offset: number): YamlNode {
    if (isAlias(node)) return this.#anchored(node.source, node.range?.[0] ?? offset)
    const before = this.#count
    this.#count += 1
    const read = this.#written(node, offset)
    const anchor = node?.anchor
    if (anchor !== undefined) this.#anchors.set(anchor, { node: read, size: this.#count - before })
    return read
  }

  /** The value that an alias stands for. An anchor around its own alias is not read yet, so there are no circles. */
  #anchored(name: string, offset: number): YamlNode {
    const place = this.#source.placeOf(offset)
    const found = this.#anchors.get(name)
    this.#count += found?.size ?? 1
    this.#repeated += found?.size ?? 1
    if (found === undefined) {
      this.#fail(place, 'alias', `*${name} stands for nothing: no &${name} comes before it in this document`)
    } else if (this.#repeated <= mostRepeated) return found.node
    else if (!this.#failed) {
      this.#fail(place, 'size', `the aliases of this file stand for more than ${mostRepeated} values: write them out`)
    }
    return { kind: 'scalar', text: '', quoted: false, place }
  }

  #written(node: Node | null, offset: number): YamlNode {
    const place = this.#source.placeOf(node?.range?.[0] ?? offset)
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node.items as Pair<Node, Node | null>[]), place }
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => this.#node(item as Node, offset)), place }
    if (!isScalar(node)) return { kind: 'scalar', text: '', quoted: false, place }
    return {
      kind: 'scalar',
      text: String(node.value ?? ''),
      quoted: (node.type !== 'PLAIN' && node.type !== undefined) || node.tag === 'tag:yaml.org,2002:str',
      place,
    }
  }

  #entries(pairs: readonly Pair<Node, Node | null>[]): readonly YamlEntry[] {
    const entries = new Map<string, YamlEntry>()
    const merged: YamlNode[] = []
    for (const { key, value } of pairs) {
      const keyOffset = key.range?.[0] ?? 0
      const keyPlace = this.#source.placeOf(keyOffset)
      const name = isScalar(key) ? String(key.value ?? '') : undefined
      const before = name === undefined ? undefined : entries.get(name)
      if (name === undefined) {
        this.#fail(keyPlace, 'key', 'a key has to be a text; quote a value that begins with { or [')
      } else if (name === '<<' && this.#dialect === 'kubernetes') {
        const from = this.#node(value, keyOffset)
        merged.push(...(from.kind === 'list' ? from.items : [from]))
      } else if (name === '<<') {
        this.#fail(keyPlace, 'merge-key', 'merge keys are not allowed: write the keys out')
      } else if (before !== undefined) {
        this.#fail(keyPlace, 'duplicate-key', `${quote(name)} is there already (line ${before.keyPlace.line})`)
      } else entries.set(name, { key: name, keyPlace, value: this.#node(value, keyOffset) })
    }
    for (const from of merged) {
      if (from.kind !== 'map') this.#fail(from.place, 'merge-key', '<< takes a map, or a list of maps')
      // What stands here itself comes first, then what was merged first.
      else for (const entry of from.entries) if (!entries.has(entry.key)) entries.set(entry.key, entry)
    }
    return [...entries.values()]
  }

  #fail(place: Place, code: string, message: string): void {
    this.#failed = true
    this.#report({ ...place, severity: 'error', code, message })
  }
}
