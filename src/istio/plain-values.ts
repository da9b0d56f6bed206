// A message that was read, as plain values again: durations as text, maps as objects, what is not set left out. The way back of
// read-message.ts.

import { durationText } from './export-names.ts'
import type { MessageShape, Shape } from './message.ts'

export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain }

export function plainMessage(shape: MessageShape, value: object | undefined): Readonly<Record<string, Plain>> {
  const result: Record<string, Plain> = {}
  for (const [key, field] of Object.entries(shape.fields)) {
    const held = (value as Record<string, unknown> | undefined)?.[key]
    if (held !== undefined) result[key] = plain(field, held)
  }
  return result
}

function plain(shape: Shape, value: unknown): Plain {
  if (value === null) return null
  switch (shape.kind) {
    case 'duration':
      return durationText(value as number)
    case 'list':
      return (value as readonly unknown[]).map((item) => plain(shape.of, item))
    case 'map':
      return Object.fromEntries(
        [...(value as ReadonlyMap<string, unknown>)].map(([key, held]) => [key, plain(shape.of, held)]),
      )
    case 'message':
      return plainMessage(shape.message(), value as object)
    case 'bytes':
      return Buffer.from(value as string, 'latin1').toString('base64')
    default:
      return value as Plain
  }
}
