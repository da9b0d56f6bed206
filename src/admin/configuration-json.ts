// The configuration in force as plain JSON for GET /config. Keys never leave: bytes of any kind are left out, and so are the values of
// header fields that carry credentials. Lists of people are shown by their number only.

import { isSecretName } from '../config/secret-names.ts'

/** Longer lists of values (users, `in:` files) are shown by their size. */
const longList = 100

/** Maps become objects, Sets arrays; bytes and functions are left out. */
export function configurationJson(configuration: object): unknown {
  return plain(configuration, '')
}

function plain(value: unknown, name: string): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'function') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return undefined
  if (value instanceof Set) return plainSet(value)
  if (value instanceof Map) return plainEntries([...value], isHeaderValues(name))
  if (Array.isArray(value)) return value.map((item) => plain(item, name))
  return plainEntries(Object.entries(value), isHeaderValues(name))
}

function plainSet(values: ReadonlySet<unknown>): unknown {
  if (values.size > longList) return { values: values.size }
  return Array.from(values, (value) => plain(value, ''))
}

function plainEntries(
  entries: readonly (readonly [unknown, unknown])[],
  headerValues: boolean,
): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, value] of entries) {
    const name = String(key)
    if (name === 'secret') continue
    object[name] = headerValues && isSecretField(name) && typeof value === 'string' ? '(not shown)' : plain(value, name)
  }
  return object
}

/** Fields to set or add on messages: { set: { authorization: ... } }. */
function isHeaderValues(name: string): boolean {
  return name === 'set' || name === 'add'
}

/** What is written into a Cookie field is somebody's; what a rule looks for there is not. */
function isSecretField(name: string): boolean {
  return isSecretName(name) || /cookie/i.test(name)
}
