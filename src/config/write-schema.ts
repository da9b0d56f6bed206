// `node src/config/write-schema.ts` writes config/routes.schema.json, which editors complete and check routes.yaml by, and the same for
// people: docs/configuration.md.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configurationPage } from './configuration-page.ts'
import { manifestsDocument } from './schema-manifests.ts'
import type { Shape } from './schema-parts.ts'
import { routesDocument } from './schema.ts'

/** The schema as JSON Schema (draft 7, which editors know best), parts with a title told once. Ends in a line feed. */
export function editorSchema(): string {
  const definitions: Record<string, unknown> = {}
  const { title, ...releases } = plain(routesDocument as object, definitions) as { title: string }
  const { title: _, ...manifests } = plain(manifestsDocument as object, definitions) as { title: string }
  const sorted = Object.fromEntries(Object.entries(definitions).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  const forms = { type: 'object', if: { required: ['istio'] }, then: manifests, else: releases }
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', title, ...forms, definitions: sorted }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

/** Without what only our reader knows; a property with a default may be left out, so it is not required. */
function plain(value: unknown, definitions: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => named(item, definitions))
  if (typeof value !== 'object' || value === null) return value
  const json: Record<string, unknown> = {}
  for (const [key, part] of Object.entries(value)) {
    if (key === 'expects' || key === 'expectsKey' || key === 'refusal' || key === 'hidden') continue
    json[key] = key === 'default' || key === 'examples' ? part : named(part, definitions)
  }
  const { properties, required } = value as Shape
  if (required !== undefined && properties !== undefined) {
    const wanted = required.filter((key) => properties[key]?.default === undefined)
    if (wanted.length > 0) json['required'] = wanted
    else delete json['required']
  }
  return json
}

function named(value: unknown, definitions: Record<string, unknown>): unknown {
  const { title, description } = (value ?? {}) as Shape
  if (typeof title !== 'string') return plain(value, definitions)
  definitions[title] ??= plain(value, definitions)
  // In draft 7 nothing beside $ref counts, but editors show a description that stands there.
  return description === undefined
    ? { $ref: `#/definitions/${title}` }
    : { description, $ref: `#/definitions/${title}` }
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '../..')
  writeFileSync(join(root, 'config/routes.schema.json'), editorSchema())
  writeFileSync(join(root, 'docs/configuration.md'), configurationPage(editorSchema()))
}
