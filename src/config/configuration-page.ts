// docs/configuration.md: every key of routes.yaml, from the JSON Schema that editors read. Written by write-schema.ts.

import { isNotYet } from './schema-parts.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly not?: unknown
  readonly errorMessage?: string
  readonly patternErrorMessage?: string
}

/** One of two forms: releases, or with `istio` manifests. */
interface Document {
  readonly then: Schema
  readonly else: Schema
  readonly definitions: Readonly<Record<string, Schema>>
}

const introduction = `<!-- Written by \`node src/config/write-schema.ts\`. Do not edit. -->

# Configuration

Every key of routes.yaml, from the schema that reads it. [config/routes.yaml](../config/routes.yaml) is a commented example, editors complete and
check by [config/routes.schema.json](../config/routes.schema.json), and \`graylane check\` names file, line, column and the nearest right word for
what is wrong. Every scalar is read as written: version \`1.10\` and user \`007\` are what they look like. Paths are relative to the file. Anchors,
aliases, tags, merge keys and unknown keys are errors. A duration is \`500ms\`, \`1.5s\`, \`8h\` or \`7d\`; a percentage \`5%\` or \`0.01%\`; a name has
letters, digits, dots, \`_\` and \`-\`, 63 at most.

Several releases in one file are YAML documents (\`---\`), each with \`name\` and \`hosts\`; listen, trust, path, limits, overload and accessLog
stand in the first.
`

const manifestsIntroduction = `## The file with Istio's manifests

With \`istio\` Istio's manifests are served in place of a release: they say the routes, this file says the ports. Beside the keys below,
limits, overload and accessLog are those from above (headBytes and targetBytes are 61440 unless written, as in Envoy). Only plain
HTTP servers of Gateways are taken; TLS is what \`listen\` says. [istio.md](istio.md) has an example.
`

/** @param editorSchema the text of routes.schema.json. Ends in a line feed. */
export function configurationPage(editorSchema: string): string {
  const schema = JSON.parse(editorSchema) as Document
  const parts = [introduction, '## The file\n', ...form(schema.else, theFile)]
  parts.push(manifestsIntroduction, ...form(manifestsOwn(schema), `${theFile} with istio`))
  parts.push('## Parts that occur in several places\n')
  for (const [name, definition] of Object.entries(schema.definitions)) {
    const more: [string, Schema][] = []
    parts.push(`### ${name}\n`, ...intro(definition), body(name, definition, more))
    for (let next = more.shift(); next !== undefined; next = more.shift()) {
      const deeper: [string, Schema][] = []
      parts.push(`#### ${next[0]}\n`, ...intro(next[1]), table(next[1], next[0], deeper))
      more.unshift(...deeper)
    }
  }
  return `${parts.join('\n').trimEnd()}\n`
}

const theFile = 'The file'

/** Of a whole file. Sections found on the way are told right behind where they were found, as deep as they go. */
function form(schema: Schema, title: string): string[] {
  const inline: [title: string, schema: Schema][] = []
  const parts = [table(schema, title, inline)]
  for (let next = inline.shift(); next !== undefined; next = inline.shift()) {
    const [path, section] = next
    const more: [string, Schema][] = []
    parts.push(`### ${path}\n`, ...intro(section), table(section, path, more))
    inline.unshift(...more)
  }
  return parts
}

/** The other form without what is the same in the first. */
function manifestsOwn({ then: { properties = {}, ...schema } }: Document): Schema {
  const own = ['istio', 'listen', 'trust'].map((key) => [key, properties[key] as Schema])
  return { ...schema, properties: Object.fromEntries(own) }
}

function intro({ description }: Schema): string[] {
  return description === undefined ? [] : [`${description}\n`]
}

function body(name: string, schema: Schema, sections: [string, Schema][]): string {
  return schema.properties === undefined
    ? `${kind(schema, `${name} as a map`, sections)}\n`
    : table(schema, name, sections)
}

function table(schema: Schema, path: string, sections: [string, Schema][]): string {
  const rows = Object.entries(schema.properties ?? {})
    .filter(([, property]) => property.not === undefined)
    .map(([key, property]) => {
      // Keys of a file are told by themselves, those of its second form with what makes it that one.
      const name = path.startsWith(theFile) ? key + path.slice(theFile.length) : `${path}.${key}`
      const isRequired = schema.required?.includes(key) === true
      const standard = isRequired ? 'required' : defaultOf(property)
      return `| \`${key}\` | ${cell(kind(property, name, sections))} | ${cell(standard)} | ${cell(property.description ?? '')} |`
    })
  const free = Object.values(schema.patternProperties ?? {}).map(
    (value) => `| *a name* | ${cell(kind(value, path, sections))} | | ${cell(value.description ?? '')} |`,
  )
  const later = Object.entries(schema.properties ?? {})
    .filter(([, { errorMessage }]) => isNotYet(errorMessage))
    .map(([key]) => `\`${key}\``)
  const note = later.length === 0 ? '' : `\nRefused until they are honoured: ${later.join(', ')}.\n`
  if (rows.length + free.length === 0) return note
  return `| key | value | default | |\n| --- | --- | --- | --- |\n${[...rows, ...free].join('\n')}\n${note}`
}

/** What a value may be; maps with keys of their own are put on the list of sections. */
function kind(schema: Schema, path: string, sections: [string, Schema][]): string {
  const { $ref, anyOf, items, type, properties, patternProperties, minimum, maximum } = schema
  if ($ref !== undefined) {
    const name = $ref.slice('#/definitions/'.length)
    return `[${name}](#${name.toLowerCase()})`
  }
  if (anyOf !== undefined) return anyOf.map((one) => kind(one, path, sections)).join(' or ')
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (items !== undefined) return `list of ${kind(items, path, sections)}`
  if (properties !== undefined) {
    if (!sections.some(([title]) => title === path)) sections.push([path, schema])
    return `[a map](#${path.toLowerCase().replaceAll('.', '').replaceAll(' ', '-')})`
  }
  const [values] = Object.values(patternProperties ?? {})
  if (values !== undefined) return `map of names to ${kind(values, path, sections)}`
  if (type === 'null') return 'nothing'
  if (type === 'integer') return maximum === undefined ? 'whole number' : `${minimum} to ${maximum}`
  if (type === 'boolean') return '`true`, `false`'
  return (schema.patternErrorMessage ?? 'not text').replace(/^not (?:(?:an?|the) )?| such as .*| \(.*/g, '')
}

function defaultOf({ default: standard }: Schema): string {
  if (standard === undefined) return ''
  const text = typeof standard === 'string' && standard !== '' ? standard : JSON.stringify(standard)
  return text === '{}' ? '' : `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
