// Plain values to YAML that people read: blocks outside, braces where a map fits on its line, comments above what they speak of.
// Quotes whatever any YAML 1.1 or 1.2 reader might take for something else than a text.

/** A value with lines of comment above it, in a list or as a document; under a key, and without any, one that is never put in braces. */
export class Commented {
  readonly comment: readonly string[]
  readonly value: unknown

  constructor(comment: readonly string[], value: unknown) {
    this.comment = comment
    this.value = value
  }
}

const widest = 110

/** Documents parted by `---`; each ends in a line feed. */
export function writeYaml(documents: readonly unknown[]): string {
  return documents.map((document) => `${block(document, 0).join('\n')}\n`).join('---\n')
}

/** Keys whose value is undefined are left out, as JSON does. */
function block(value: unknown, indent: number): string[] {
  if (value instanceof Commented) return [...commentLines(value.comment, indent), ...block(value.value, indent)]
  const pad = ' '.repeat(indent)
  if (Array.isArray(value) && value.length > 0) return value.flatMap((item: unknown) => listItem(item, indent))
  if (isMap(value) && entriesOf(value).length > 0)
    return entriesOf(value).flatMap(([key, held]) => entry(key, held, indent))
  return [pad + flow(value)]
}

function entry(key: string, value: unknown, indent: number): string[] {
  const pad = ' '.repeat(indent)
  const name = scalar(key)
  if (value instanceof Commented) {
    const lines = value.comment.length === 0 && isFilled(value.value) ? onLines(name, value.value, indent) : undefined
    return lines ?? [...commentLines(value.comment, indent), ...entry(key, value.value, indent)]
  }
  const inline = fitting(value, indent + name.length + 2)
  if (inline !== undefined) return [`${pad}${name}: ${inline}`]
  return onLines(name, value, indent)
}

function onLines(name: string, value: unknown, indent: number): string[] {
  return [`${' '.repeat(indent)}${name}:`, ...block(value, indent + 2)]
}

function isFilled(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).some((held) => held !== undefined)
}

function listItem(item: unknown, indent: number): string[] {
  const pad = ' '.repeat(indent)
  if (item instanceof Commented) return [...commentLines(item.comment, indent), ...listItem(item.value, indent)]
  const inline = fitting(item, indent + 2)
  if (inline !== undefined) return [`${pad}- ${inline}`]
  const [first = '', ...rest] = block(item, indent + 2)
  return [`${pad}- ${first.trimStart()}`, ...rest]
}

/** The value on one line, when it is a scalar or small enough and holds no comment. */
function fitting(value: unknown, before: number): string | undefined {
  if (holdsComment(value)) return undefined
  const text = flow(value)
  const isSmall = before + text.length <= widest && depth(value) <= 3
  return isSmall || !(Array.isArray(value) || isMap(value)) ? text : undefined
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (isMap(value)) {
    const parts = entriesOf(value).map(([key, held]) => `${scalar(key)}: ${flow(held)}`)
    return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`
  }
  return typeof value === 'string' ? scalar(value) : String(value)
}

/** Unquoted only where every reader sees the same text: no number, no word of YAML 1.1, no sign that means something in a flow. */
function scalar(text: string): string {
  const isPlain =
    /^[A-Za-z/_.][\w./@+-]*$/.test(text) && !/^(?:y|n|yes|no|on|off|true|false|null|\.inf|\.nan)$/i.test(text)
  if (isPlain) return text
  // A regex stays readable: single quotes know no escapes.
  return /^[ -~]*\\[ -~]*$/.test(text) ? `'${text.replaceAll("'", "''")}'` : JSON.stringify(text)
}

function commentLines(lines: readonly string[], indent: number): string[] {
  // A line of a comment that quotes a file must not end it.
  return lines.map((line) => `${' '.repeat(indent)}# ${line.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')}`.trimEnd())
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof Commented)
}

function entriesOf(map: Record<string, unknown>): (readonly [string, unknown])[] {
  return Object.entries(map).filter(([, value]) => value !== undefined)
}

function holdsComment(value: unknown): boolean {
  if (value instanceof Commented) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsComment)
}

function depth(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depth))
}
