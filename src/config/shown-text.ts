// A configuration's own text as it may be shown to whoever watches a gateway: each line as it was written, but for the values of fields
// that carry credentials. For people; nothing is read from it.

import { isMap, isNode, isScalar, isSeq, type Node, parseAllDocuments, visit } from 'yaml'
import { isSecretName } from './secret-names.ts'

const instead = '(not shown)'

/** A text whose lines are made when somebody looks, once: of a large file that takes longer than to load it. */
export class ShownText {
  readonly text: string
  #lines: readonly string[] | undefined

  constructor(text: string) {
    this.text = text
  }

  get lines(): readonly string[] {
    return (this.#lines ??= shownLines(this.text))
  }
}

/** As many lines as the text has. Values end where YAML says so, on whatever line; what YAML cannot read is gone through line by line. */
function shownLines(text: string): readonly string[] {
  // Most texts hold no such name at all.
  return (isSecretName(text) ? withoutSecretValues(text) : text).split('\n').map(withoutSecret)
}

// --- values ------------------------------------------------------------------------------------------------------------------------------

function withoutSecretValues(text: string): string {
  let shown = ''
  let end = 0
  for (const [from, to] of secretSpans(text)) {
    // Nested ones lie in the one around them.
    if (from < end) continue
    // A text that begins on a line of its own leaves its place, and so does every line behind it.
    shown += text.slice(end, from) + text.slice(from, to).replaceAll(/\S(?:.*\S)?/g, instead)
    end = to
  }
  return shown + text.slice(end)
}

function secretSpans(text: string): readonly (readonly [from: number, to: number])[] {
  const spans: (readonly [number, number])[] = []
  for (const document of parseAllDocuments(text, { schema: 'failsafe', prettyErrors: false, logLevel: 'silent' })) {
    visit(document as never, {
      Pair(_key, { key, value }) {
        if (!isScalar(key) || !isSecretName(String(key.value)) || !isNode(value) || !isValue(value)) return
        const [from, to] = value.range ?? [0, 0]
        spans.push([from, to])
      },
    })
  }
  return spans
}

/** A text, texts, or a test of one: what a name leads to otherwise are keys of the configuration. */
function isValue(node: Node): boolean {
  if (isScalar(node)) return true
  if (isSeq(node)) return node.items.every(isScalar)
  return isMap(node) && ['exact', 'prefix', 'regex', 'in'].some((test) => node.has(test))
}

// --- lines, those of comments among them -------------------------------------------------------------------------------------------------

/** `name: value`, or a test of it on the same line: up to the value. */
const namedValue = /([\w-]+)["']?\s*:\s*(?=[^\s{[]|\{\s*(?:exact|prefix|regex|in)\b)/g

function withoutSecret(line: string): string {
  for (const { index, 0: upToValue, 1: name = '' } of line.matchAll(namedValue)) {
    if (isSecretName(name)) return `${line.slice(0, index)}${upToValue}${instead}`
  }
  return line
}
